"""FMT109."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import replace, resolve
from datalint.rule import Fix, Found, Rule, none

# What speakers are called where a conversation is written as plain text. Words that also head an entry of a list
# ("Model: ...", "Answer: ...", "Input: ...") are none; `user:` in lower case is YAML, `User::find` is code.
_NAMES = {
    "system": ("System",),
    "user": ("User", "Human"),
    "assistant": ("Assistant", "AI", "Bot", "Chatbot", "ChatGPT"),
}
_HEADS = {"system": ("System",), "user": ("User", "Human", "Instruction"), "assistant": ("Assistant", "Response")}


def _label(role: str) -> str:
    words = "|".join(name for word in _NAMES[role] for name in dict.fromkeys((word, word.upper())))
    heads = "|".join(_HEADS[role])
    return rf"(?:(?:\*\*)?(?:{words})(?:\*\*:|:\*\*|:)|###[ \t]*(?:{heads}):)(?:[ \t]*(?:\r?\n)+|[ \t]+|$)"


_ROLES = tuple(_NAMES)
_ANY = "|".join(_label(role) for role in _ROLES)
_STARTS = rf"^\s*(?:{_ANY})"
# At the start of a text: white space before stays; a label may stand there twice.
_OWN = {role: re.compile(rf"(\s*)((?:{_label(role)})+)") for role in _ROLES}
# Another speaker on a later line, or the next entry of a list of abbreviations ("AI: ...", "ML: ...").
_LINE = re.compile(rf"^[ \t]*(?:{_ANY}|[A-Z]{{2,5}}:[ \t])", re.MULTILINE)


@dataclass(frozen=True)
class RoleLabelInContent(Rule):
    """A text starts with the name of its speaker.

    ## What it does
    Looks at the start of every prompt, message and answer for a label such as `User:`, `Human:`, `Assistant:`,
    `AI:`, `Bot:`, `System:`, `### Instruction:` or `### Response:`. Texts in which several speakers have a label are
    conversations written out, and left out; so are rows of `text`, which are templated already. A label of another
    role than the message's own is reported only with `###`: otherwise it may be what the text is about.

    ## Why is this bad?
    The template writes the role as well: the model learns to say "Assistant:" before each answer, and some
    providers refuse such words.

    ## Example
    `{"role": "assistant", "content": "Assistant: Sure, here is one."}`

    ## Fix safety
    Unsafe: the label is taken away where it names the role of the message and something is left.

    ## Options
    None.

    ## References
    The reserved words in the validator for Amazon Nova; Soup strips such labels.
    """

    code, name = "FMT109", "role-label-in-content"
    severity = "warning"
    message = "the {role}'s text starts with the label {label}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "takes the label away"
    bad = [
        [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "Assistant: Sure"}]}],
        [{"messages": [{"role": "user", "content": "USER: q"}, {"role": "assistant", "content": "a"}]}],
        [{"messages": [{"role": "system", "content": "System:\nBe brief."}, {"role": "user", "content": "q"}]}],
        [{"instruction": "Sort it.", "input": "", "output": "### Response:\n    return sorted(x)"}],
        [{"prompt": "q", "completion": " **Assistant:** Assistant: Sure"}],
        [{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "AI: Sure"}]}],
        [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "Assistant:"}]}],
        [{"prompt": "q", "completion": "### Instruction:\nName a river."}],
    ]
    good = [
        [{"prompt": "Human: hi\n\nAssistant:", "completion": " hello"}],
        [{"prompt": "Write a chat.", "completion": "User: Hi!\nBot: Hello!\nUser: Bye."}],
        [{"prompt": "Find the first user.", "completion": "User::find(1);"}],
        [{"prompt": "Write YAML.", "completion": "user: postgres\npassword: x"}],
        [{"prompt": "Name the parts.", "completion": "User: the person at the keyboard."}],
        [{"prompt": "Describe it.", "completion": "Model: a small one\nSystem: Linux"}],
        [{"prompt": "Which assistant: Siri or Alexa?", "completion": "Assistants: both."}],
        [{"text": "### Instruction:\nName a river.\n\n### Response:\nThe Ucayali."}],
        [{"prompt": "a", "completion": "The word Assistant: it names a role."}],
        [{"prompt": "What do AI and ML mean?", "completion": "AI: artificial intelligence\nML: machine learning"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        odd = chunk.turns.filter(pl.col("role").is_in(_ROLES) & pl.col("content").str.contains(_STARTS))
        # Only texts that start with a label come here.
        texts = odd.select("row", "pointer", "role", "content").iter_rows()
        lines = [line for row, where, role, text in texts if (line := _line(chunk, row, where, role, text))]
        if not lines:
            return none()
        names = {"row": pl.UInt32, "pointer": pl.String, "role": pl.String, "label": pl.String}
        places = {"start": pl.UInt32, "end": pl.UInt32, "fix_kind": pl.String}
        return pl.DataFrame(lines, schema={**names, **places}, orient="row").with_columns(fix_safety=pl.lit("unsafe"))

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for item in found:
            text = resolve(row, item.pointer or "")
            row = replace(row, item.pointer or "", _stripped(text, item.args["role"]))
        return row


def _line(
    chunk: Chunk, row: int, where: str, role: str, text: str
) -> tuple[int, str, str, str, int, int, str | None] | None:
    own = _OWN[role].match(text)
    label = own or re.match(_STARTS, text)
    if label is None or (own is None and "###" not in label[0]):
        return None
    if _LINE.search(text, label.end()):
        return None
    start, end = label.end() - len(label[0].lstrip()), label.end()
    plain = isinstance(resolve(chunk.values[row], where), str)
    fixable = plain and own is not None and text[end:].strip()
    return row, where, role, label[0].strip(), start, end, "rewrite" if fixable else None


def _stripped(text: str, role: str) -> str:
    return _OWN[role].sub(r"\1", text, count=1) if _OWN[role].match(text) else text
