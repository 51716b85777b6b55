"""FMT109."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import parts, replace, resolve
from datalint.rule import Fix, Found, Rule, Sample, none

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
    role than the message's own is reported only with `###`: otherwise it may be what the text is about. With a
    profile whose provider reserves words (`bedrock-nova`), each of these in any prompt, message or answer is an error,
    wherever it stands.

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
    message = "the {role}'s text {fault} {label}"
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
        Sample(
            files={"train.jsonl": [{"messages": [{"role": "user", "content": [{"text": "Who is Bot: or [EOS]?"}]}]}]},
            options={"profile": "bedrock-nova"},
        ),
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
        Sample(
            files={"train.jsonl": [{"prompt": "What is a Bot?", "completion": "A user: it acts.", "id": "User:1"}]},
            options={"profile": "bedrock-nova"},
        ),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        odd = chunk.turns.filter(pl.col("role").is_in(_ROLES) & pl.col("content").str.contains(_STARTS))
        # Only texts that start with a label come here.
        texts = odd.select("row", "pointer", "role", "content").iter_rows()
        lines = [line for row, where, role, text in texts if (line := _line(chunk, row, where, role, text))]
        reserved = chunk.target.trainer.reserved
        frames = [_labels(lines, reserved)] if lines else []
        if reserved:
            told = {(line[0], line[1]) for line in lines if _refused(line[3], reserved)}
            frames.append(_reserved(chunk, reserved, told))
        return pl.concat(frames) if frames else none()

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for item in found:
            text = resolve(row, item.pointer or "")
            row = replace(row, item.pointer or "", _stripped(text, item.args["role"]))
        return row


def _labels(lines: Sequence[tuple[Any, ...]], reserved: list[str]) -> pl.DataFrame:
    names = {"row": pl.UInt32, "pointer": pl.String, "role": pl.String, "label": pl.String}
    places = {"start": pl.UInt32, "end": pl.UInt32, "fix_kind": pl.String}
    refused = [_refused(line[3], reserved) for line in lines]
    severity = pl.Series(["error" if word else "warning" for word in refused], dtype=pl.String)
    return pl.DataFrame(lines, schema={**names, **places}, orient="row").with_columns(
        fix_safety=pl.lit("unsafe"), fault=pl.lit("starts with the label"), severity=severity
    )


def _refused(label: str, reserved: list[str]) -> bool:
    return any(word in label for word in reserved)


def _reserved(chunk: Chunk, reserved: list[str], told: set[tuple[int, str]]) -> pl.DataFrame:
    """Each word that the provider refuses, at its first place in each text, unless a label there was told.

    Looks at every text below the columns that are trained on: turns do not show what a provider's own keys hold.
    """
    hits = chunk.texts.filter(pl.col("text").str.contains_any(reserved)).select("row", "pointer", "text", "role")
    found = [
        (row, where, role or "row", word, text.find(word), text.find(word) + len(word))
        for row, where, text, role in hits.iter_rows()
        if _read(chunk, row, where)
        for word in reserved
        if word in text and not (text.lstrip().startswith(word) and _is_told(row, where, told))
    ]
    types = (pl.UInt32, pl.String, pl.String, pl.String, pl.UInt32, pl.UInt32)
    schema = dict(zip(("row", "pointer", "role", "label", "start", "end"), types, strict=True))
    return pl.DataFrame(found, schema=schema, orient="row").with_columns(
        fix_kind=pl.lit(None, dtype=pl.String),
        fix_safety=pl.lit(None, dtype=pl.String),
        fault=pl.lit(f"holds what {chunk.target.profile} refuses:"),
        severity=pl.lit("error"),
    )


def _read(chunk: Chunk, row: int, where: str) -> bool:
    shape = chunk.shapes[row]
    return shape is not None and parts(where)[0] in {*shape.fields.values(), "system"}


def _is_told(row: int, where: str, told: set[tuple[int, str]]) -> bool:
    """A label is told at the content, a word at the block of it."""
    while where and (row, where) not in told:
        where = where.rpartition("/")[0]
    return bool(where)


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
