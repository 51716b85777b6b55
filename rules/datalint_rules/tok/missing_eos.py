"""TOK004."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from datalint.chunk import Chunk
from datalint.location import replace, resolve
from datalint.rule import Fix, Found, Rule, Sample, Totals, none
from datalint.tokens import Tokenizer
from datalint.tokens.probe import probe_of
from datalint.views.turns import escape
from datalint_rules.tok.folder import WORDS, added_token, stop_ids

_TEXTS = {"text": "text", "prompt-completion": "completion"}  # format -> our name of the field that ends the row
# What ends a turn in known families: text that is templated already may be for another template than the folder's.
_ENDS = (
    *("<|im_end|>", "<|endoftext|>", "</s>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<end_of_turn>", "<eos>"),
    *("<|end|>", "<|return|>", "<|call|>", "<|END_OF_TURN_TOKEN|>", "<｜end▁of▁sentence｜>"),
)
_TAIL = 64  # characters that hold the last token of a text
_SCHEMA = {"row": pl.UInt32, "pointer": pl.String, "token": pl.String, "looked": pl.Int64}


def _sample(*rows: dict[str, Any], template: str = "", **options: Any) -> Sample:
    tokens = {**WORDS, "added_tokens": [added_token(3, "</s>"), added_token(4, "<end>"), added_token(5, "<pad>")]}
    files = {
        "train.jsonl": list(rows),
        "model/tokenizer.json": msgspec.json.encode(tokens),
        "model/tokenizer_config.json": msgspec.json.encode({"eos_token": "</s>"}),
    }
    return Sample(
        {**files, "model/chat_template.jinja": template} if template else files, {"tokenizer": "model", **options}
    )


@dataclass(frozen=True)
class MissingEos(Rule):
    """Rows that no template renders do not end with the token that ends a text.

    ## What it does
    Looks at the last token of `text` rows and of prompt and completion given as text: `eos_token`, a token at which
    generation_config.json stops, the one that the chat template writes behind an answer, or the end token of a known
    family must be there, white space behind it aside. Nothing is reported where the tokenizer adds it by itself, or a
    profile's trainer does; without `--profile` nobody appends one. If no row has an end token, that is told once more
    for the dataset.

    ## Why is this bad?
    The model never learns to stop: it answers, and writes on until the limit.

    ## Example
    `{"text": "### Human: hi### Assistant: hello"}` and a trainer that takes texts as they are.

    ## Fix safety
    Unsafe: `eos_token` is appended. A trainer that appends it as well then writes it twice.

    ## Options
    None.

    ## References
    TRL issues #1623 and #3091, lattice issue #1545.
    """

    code, name = "TOK004", "missing-eos"
    severity = "warning"
    message = "{what}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "appends the end token"
    needs = ("tokenizer",)
    bad = [
        _sample({"text": "ab"}),
        _sample({"prompt": "a", "completion": "b"}, {"prompt": "a", "completion": "b</s>"}),
        _sample({"text": "a</s>b"}, {"text": "a<pad>"}),
        _sample({"question": "a", "answer": "b"}, profile="together"),
    ]
    good = [
        _sample({"text": "ab</s>"}, {"text": "ab</s>\n"}),
        _sample({"prompt": "a", "completion": "b</s>"}),
        _sample({"text": "ab"}, {"prompt": "a", "completion": "b"}, profile="trl"),
        _sample({"text": "ab<end>\n"}, template="{% for m in messages %}{{ m.content }}<end>\n{% endfor %}"),
        _sample({"prompt": "a", "completion": ""}, {"instruction": "a", "output": "b"}),
        _sample({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}),
        _sample({"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]}),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """Rows without an end token, and how many were looked at."""
        tokenizer, trainer = chunk.target.tokenizer, chunk.target.trainer
        if tokenizer is None or trainer.appends_eos or tokenizer.eos_id is None:
            return none()
        texts = list(_texts(chunk))
        ends = _ends(chunk, tokenizer) if texts else {}
        if not texts or _is_added(tokenizer, ends):
            return none()
        lines = [
            (row, pointer, tokenizer.eos, None)
            for (row, pointer, _), closed in zip(
                texts, _closed([text for *_, text in texts], tokenizer, ends), strict=True
            )
            if not closed
        ]
        return pl.DataFrame([*lines, (None, None, tokenizer.eos, len(texts))], schema=_SCHEMA, orient="row")

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        """The rows, before them the dataset if all of its rows are so."""
        rows = frame.filter(pl.col("looked").is_null())
        looked = int(frame["looked"].sum())
        one = pl.format("the row does not end with {}", "token")
        told = rows.select("file", "row", "pointer", "token", what=one, fix_kind=pl.lit("rewrite"))
        if rows.height < looked or not looked:
            return told
        what = pl.format("none of {} rows ends with {}: have the trainer append it", pl.lit(looked), "token")
        whole = frame.head(1).select("file", "token", what=what)
        return pl.concat([whole, told], how="diagonal").with_columns(fix_safety=pl.lit("unsafe"))

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        """The row with its end token."""
        for item in found:
            text, end = resolve(row, item.pointer or ""), item.args["token"]
            if isinstance(text, str) and not text.endswith(end):
                row = replace(row, item.pointer or "", text + end)
        return row


def _texts(chunk: Chunk) -> Iterator[tuple[int, str, str]]:
    """Row, pointer and text of what ends a row; rows with message lists are rendered, empty ones are FMT011's."""
    for shape, types, rows in chunk.forms:
        column = shape.fields.get(_TEXTS.get(shape.format, ""), "")
        asked = shape.fields.get("prompt", column)
        if types.get(column) is str and types.get(asked) is str:
            for row in rows:
                text = (chunk.values[row] or {})[column]
                if text.strip():
                    yield row, "/" + escape(column), text


def _ends(chunk: Chunk, tokenizer: Tokenizer) -> dict[str, int]:
    """Tokens that may end a row, by text."""
    template = chunk.target.template
    probe = None if template is None else probe_of(template)
    stops = stop_ids(chunk.target.tokenizer_dir)
    named = [tokenizer.eos, probe.turn_end if probe else None, *(end for end in _ENDS if end in tokenizer.special)]
    named += [token for token, number in tokenizer.special.items() if number in stops]
    return {token: number for token in named if token and (number := tokenizer.id_of(token)) is not None}


def _is_added(tokenizer: Tokenizer, ends: dict[str, int]) -> bool:
    """Whether the tokenizer puts an end token behind every text."""
    [ids] = tokenizer.ids(["a"], add_special_tokens=True)
    return bool(ids) and tokenizer.added > 0 and ids[-1] in ends.values()


def _closed(texts: Sequence[str], tokenizer: Tokenizer, ends: dict[str, int]) -> list[bool]:
    """Which texts end with one of the tokens. Only what looks so is tokenized, and of that only the end."""
    known = tuple(ends)
    tails = [text.rstrip() for text in texts]
    tails = [tail[-_TAIL:] if tail.endswith(known) else "" for tail in tails]
    some = sorted({tail for tail in tails if tail})
    last = dict(zip(some, (ids[-1:] for ids in tokenizer.ids(some)), strict=True))
    return [bool(tail) and last[tail][0] in ends.values() for tail in tails]
