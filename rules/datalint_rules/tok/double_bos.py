"""TOK003."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from datalint.chunk import Chunk
from datalint.location import replace, resolve
from datalint.rule import Fix, Found, Rule, Sample, Totals
from datalint.tokens.probe import probe_of
from datalint_rules.tok.folder import WORDS, added_token, prefix_of
from datalint_rules.tpl.whole import has_answers

_TALK = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}]
_TEMPLATE = "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>\n{% endfor %}"
_ADDS = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}},
}
# Trainers that take the ids from apply_chat_template, which adds no special tokens.
_IDS_OF_TEMPLATE = ("trl",)
_FOUND = {
    "row": pl.UInt32,
    "pointer": pl.String,  # null: the fault is the template's
    "start": pl.UInt32,
    "end": pl.UInt32,
    "fix_kind": pl.String,
    "token": pl.String,
    "keep": pl.Int64,  # how many may stay in the text
    "what": pl.String,
}


def _sample(rows: list[dict[str, Any]], *, adds: bool = True, template: str = "", **options: Any) -> Sample:
    tokens = {**WORDS, "added_tokens": [added_token(3, "<s>")], "post_processor": _ADDS if adds else None}
    files = {
        "train.jsonl": rows,
        "model/tokenizer.json": msgspec.json.encode(tokens),
        "model/tokenizer_config.json": msgspec.json.encode({"bos_token": "<s>"}),
    }
    return Sample(
        {**files, "model/chat_template.jinja": template} if template else files, {"tokenizer": "model", **options}
    )


@dataclass(frozen=True)
class DoubleBos(Rule):
    """The token that begins a sequence comes twice.

    ## What it does
    Reports rows of `text`, and string prompts, that begin with the tokenizer's begin token spelt out, where the
    tokenizer puts that token before every text by itself (or where the text has it twice). Where the chat template
    writes it and the tokenizer adds it again, that is reported once for the dataset: not for TRL (`--profile trl`),
    which takes the ids from the template.

    ## Why is this bad?
    The model never saw two of them: its loss rises at the beginning of each row, and at inference there is only one.

    ## Example
    `{"text": "<s>[INST] Name a lake. [/INST]"}` and a tokenizer that adds `<s>`.

    ## Fix safety
    Safe: what is too many is taken off the beginning of the text; the tokenizer still adds the token.

    ## Options
    None.

    ## References
    OpenRLHF issue #393, open-r1 issue #462.
    """

    code, name = "TOK003", "double-bos"
    severity = "error"
    message = "{what}"
    fix = Fix("rewrite", "safe")
    fix_title = "takes the begin token off the text"
    needs = ("tokenizer",)
    within = "dataset"
    bad = [
        _sample([{"text": "<s>a b"}]),
        _sample([{"prompt": "<s>a", "completion": "b"}]),
        _sample([{"text": "<s><s>a b"}], adds=False),
        _sample(_TALK, template=_TEMPLATE),
    ]
    good = [
        _sample([{"text": "<s>a b"}], adds=False),
        _sample([{"text": "a <s> b"}, {"prompt": "a", "completion": "<s>b"}]),
        _sample(_TALK, adds=False, template=_TEMPLATE),
        _sample(_TALK, template=_TEMPLATE.replace("{{ bos_token }}", "")),
        _sample(_TALK, template=_TEMPLATE, profile="trl"),
        _sample([{"text": "a"}], template=_TEMPLATE),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """Rows that begin with the token, and what the template writes."""
        target, tokenizer = chunk.target, chunk.target.tokenizer
        adds = prefix_of(tokenizer) if tokenizer is not None else None
        token = adds or (tokenizer.bos if tokenizer is not None else None)
        found = [] if not token else list(_rows(chunk, token, 0 if adds else 1))
        template = target.template if has_answers(chunk) and target.profile not in _IDS_OF_TEMPLATE else None
        probe = probe_of(template) if template is not None and adds else None
        if probe is not None and probe.text.startswith(str(adds)):
            what = (
                f"the template writes {adds} and the tokenizer adds it again: tokenize what it renders "
                "with add_special_tokens=False"
            )
            found.append((0, None, None, None, None, token, 0, what))
        return pl.DataFrame(found, schema=_FOUND, orient="row")

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        """Findings of rows as they are, the template's once."""
        rows = frame.filter(pl.col("pointer").is_not_null())
        whole = frame.filter(pl.col("pointer").is_null()).sort("file").unique("what", keep="first", maintain_order=True)
        return pl.concat([rows, whole.with_columns(row=pl.lit(None, dtype=rows.schema["row"]))])

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        """The row without the tokens that are too many."""
        for finding in found:
            token, keep, pointer = finding.args["token"], finding.args["keep"], finding.pointer or ""
            text = resolve(row, pointer)
            row = replace(row, pointer, token * min(keep, _count(text, token)) + _rest(text, token))
        return row


def _rest(text: str, token: str) -> str:
    while text.startswith(token):
        text = text[len(token) :]
    return text


def _count(text: str, token: str) -> int:
    return (len(text) - len(_rest(text, token))) // len(token)


def _rows(chunk: Chunk, token: str, keep: int) -> list[tuple[Any, ...]]:
    """Texts that stand at the beginning of what is tokenized: those of `text`, and prompts that are strings."""
    turns = chunk.turns.filter(
        pl.col("field").is_in(["text", "prompt"])
        & (pl.col("pointer").str.count_matches("/") == 1)
        & pl.col("content").str.starts_with(token * (keep + 1))
    )
    what = f"the text begins with {token}" + (" twice" if keep else ", and the tokenizer adds it again")
    return [
        (row, pointer, 0, len(text) - len(_rest(text, token)), kind, token, keep, what)
        for row, pointer, text in turns.select("row", "pointer", "content").iter_rows()
        # A text of nothing else would be left empty.
        for kind in ["rewrite" if _rest(text, token).strip() else None]
    ]
