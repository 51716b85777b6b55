"""TPL007."""

from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from datalint.brief import part
from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, Totals, none
from datalint.tokens import ChatTemplate, Rendered, Tokenizer, render_rows
from datalint.views.conversation import Dialogue
from datalint.views.turns import REASONING_KEYS
from datalint_rules.tpl.boundary import kept
from datalint_rules.tpl.parts import form_of
from datalint_rules.tpl.prompts import Prompt, asked, prompts_of, split_of

# One token a letter, and one for two line ends.
_PAIRS = (
    '{"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {"?": 0, "\\n": 1, "\\n\\n": 2}, '
    '"merges": [["\\n", "\\n"]], "unk_token": "?"}}'
)
_PLAIN = (
    "{% for m in messages %}[{{ m.role }}]\n{{ m.content }};{% endfor %}"
    "{% if add_generation_prompt %}[assistant]\n{% endif %}"
)


def _sample(answers: list[str], template: str = _PLAIN) -> Sample:
    asked = {"role": "user", "content": "Name a lake."}
    files = {
        "train.jsonl": [{"messages": [asked, {"role": "assistant", "content": answer}]} for answer in answers],
        "model/tokenizer.json": _PAIRS,
        "model/chat_template.jinja": template,
    }
    return Sample(files, {"tokenizer": "model"})


@dataclass(frozen=True)
class PrefixNotPreserved(Rule):
    r"""The prompt's tokens are not the beginning of the row's tokens.

    ## What it does
    Renders what comes before the last answer with the generation prompt, as a model is asked, and compares with the
    render of the whole row: its text has to begin with the prompt, and its tokens with the prompt's tokens. Prompts
    are rendered once for each form of conversation, and only the text around the boundary is tokenized; what looks
    doubtful there is rendered and tokenized whole. Where the template does the same to plain texts, it is the cause,
    and is reported once for the dataset.

    ## Why is this bad?
    The model is trained on a prompt that it never gets when it is asked, and trainers that mask the prompt by its
    number of tokens mask too much or too little.

    ## Example
    An answer that starts with a line end, after `<|im_start|>assistant\n`: both line ends are one token.

    ## Fix safety
    No fix: an answer's text and the template are a person's choice.

    ## Options
    None.

    ## References
    TRL's warning about mismatching prompts and TRL issue #5213; SkyRL issue #2092.
    """

    code, name = "TPL007", "prefix-not-preserved"
    severity = "warning"
    message = "the prompt is not the beginning of the row: {what}"
    needs = ("template", "tokenizer")
    bad = [
        _sample(["\nBaikal."]),
        _sample(["Baikal."], _PLAIN.replace("[assistant]", "[model]")),
        _sample(["Baikal."], _PLAIN.replace("]\n{{", "]\n\n{{")),
    ]
    good = [
        _sample(["Baikal.", "Lake\n\nBaikal.", " Baikal.\n"]),
        _sample(["\nBaikal."], _PLAIN.replace("m.content", "m.content | trim")),
        _sample(["Baikal."], _PLAIN.replace("{% for m in messages %}", "{% for m in messages[:1] %}")),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """Rows at fault; of those whose template is, one line for all of the same kind."""
        template, tokenizer = chunk.target.template, chunk.target.tokenizer
        if template is None or tokenizer is None:
            return none()
        causes: dict[tuple[Any, ...], bool] = {}
        counts: dict[str, list[int]] = {}
        found: list[tuple[int, str | None, str, int]] = []
        for prompt in faulty_of(chunk, tokenizer):
            if prompt.parted == len(prompt.text):
                continue  # the row has no answer at all: TPL002's
            form = form_of(prompt.dialogue)
            if form not in causes:
                causes[form] = _is_template(template, tokenizer, prompt.dialogue)
            row, what = prompt.dialogue.row, _told(prompt)
            if causes[form]:
                counts.setdefault(what if prompt.parted < prompt.at + len(prompt.tail) else _MERGED, []).append(row)
            else:
                found.append((row, prompt.dialogue.contents[split_of(prompt.dialogue)], what, 0))
        found += [(rows[0], None, what, len({*rows})) for what, rows in counts.items()]
        schema = {"row": pl.UInt32, "pointer": pl.String, "what": pl.String, "rows": pl.Int64}
        return pl.DataFrame(found, schema=schema, orient="row") if found else none()

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        """Rows as they are; one finding for the template."""
        own = frame.filter(pl.col("rows") == 0).select("file", "row", "pointer", "what")
        template = frame.filter(pl.col("rows") > 0)
        if not template.height:
            return own
        what = f"{template['what'][0]}; the template does so in {template['rows'].sum():,} of {totals.rows:,} rows"
        one = template.head(1).select("file", pl.lit(None, pl.Int64).alias("row"), "pointer", what=pl.lit(what))
        return pl.concat([one, own], how="vertical_relaxed")


_PLAIN_TEXT = "Lorem ipsum."
_MERGED = "tokens of the generation prompt change when an answer follows"


def faulty_of(chunk: Chunk, tokenizer: Tokenizer) -> list[Prompt]:
    """The prompts whose tokens are not the beginning of their rows' tokens."""
    prompts = prompts_of(chunk)
    return [prompt for prompt, fine in zip(prompts, kept(tokenizer, prompts), strict=True) if not fine]


def _told(prompt: Prompt) -> str:
    text, parted = prompt.text, prompt.parted
    left = prompt.tail[parted - prompt.at :]
    if left:
        there = part(text, parted, parted + 40)
        return f"it ends in {part(left, 0, 40)!r} where the row has {there!r}"
    before, after = part(text, max(parted - 20, 0), parted), part(text, parted, parted + 20)
    return f"{before!r} is tokenized otherwise when {after!r} follows"


def _is_template(template: ChatTemplate, tokenizer: Tokenizer, dialogue: Dialogue) -> bool:
    """Whether a conversation of the same form, all of plain texts, fares no better."""
    split = split_of(dialogue)
    messages = [{key: _plain(key, value) for key, value in m.items()} for m in dialogue.conversation.messages]
    answer = {key: value for key, value in messages[split].items() if key not in REASONING_KEYS}
    if isinstance(answer.get("content"), str):
        answer["content"] = _PLAIN_TEXT  # even of an empty answer
    messages[split] = answer
    plain = replace(dialogue.conversation, messages=messages)
    prompt, full = render_rows(template, [asked(plain, split), plain])
    if not isinstance(prompt, Rendered) or not isinstance(full, Rendered):
        return False
    short, long = tokenizer.ids([prompt.text, full.text])
    return long[: len(short)] != short


def _plain(key: str, value: Any) -> Any:
    if key in ("role", "name", "tool_call_id") or not isinstance(value, str):
        return value
    return _PLAIN_TEXT if value.strip() else ""
