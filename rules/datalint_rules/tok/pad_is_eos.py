"""TOK005."""

from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, Totals, none
from datalint.tokens.probe import probe_of
from datalint_rules.tok.folder import WORDS, added_token
from datalint_rules.tpl.whole import has_answers, said, told

_TALK = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}]
_TOKENS = {**WORDS, "added_tokens": [added_token(3, "</s>"), added_token(4, "<end>"), added_token(5, "<pad>")]}
_TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>\n{% endfor %}"


def _sample(named: dict[str, Any], template: str = "") -> Sample:
    files = {
        "train.jsonl": _TALK,
        "model/tokenizer.json": msgspec.json.encode(_TOKENS),
        "model/tokenizer_config.json": msgspec.json.encode(named),
    }
    return Sample({**files, "model/chat_template.jinja": template} if template else files, {"tokenizer": "model"})


@dataclass(frozen=True)
class PadIsEos(Rule):
    """Padding is done with the token that ends an answer.

    ## What it does
    Compares `pad_token` with `eos_token`, and with the token that the chat template writes behind an answer. Told
    once a dataset.

    ## Why is this bad?
    Collators take padding out of the loss by its id: the end token goes with it, and the model never learns to stop.

    ## Example
    Phi-3: `pad_token` and `eos_token` are both `<|endoftext|>`.

    ## Fix safety
    No fix: give the tokenizer a padding token of its own.

    ## Options
    None.

    ## References
    TRL issue #976, transformers issue #23530, open-r1 issue #492.
    """

    code, name = "TOK005", "pad-is-eos"
    severity = "warning"
    message = "{what}: a loss that leaves out padding leaves out the end, too"
    needs = ("tokenizer",)
    within = "dataset"
    bad = [
        _sample({"eos_token": "</s>", "pad_token": {"content": "</s>"}}),
        _sample({"eos_token": "</s>", "pad_token": "<end>"}, _TEMPLATE),
    ]
    good = [
        _sample({"eos_token": "<end>", "pad_token": "<pad>"}, _TEMPLATE),
        _sample({"eos_token": "</s>"}, _TEMPLATE),
        _sample({"eos_token": "</s>", "pad_token": "<end>"}),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """The fault of the chunk's tokenizer."""
        what = _fault(chunk) if len(chunk) else None
        return none() if what is None else said([("warning", what)])

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        """Each fault once."""
        return told(frame)


def _fault(chunk: Chunk) -> str | None:
    tokenizer, template = chunk.target.tokenizer, chunk.target.template
    if tokenizer is None or not tokenizer.pad:
        return None
    if tokenizer.pad == tokenizer.eos:
        return f"pad_token and eos_token are both {tokenizer.pad}"
    probe = probe_of(template) if template is not None and has_answers(chunk) else None
    if probe is not None and probe.turn_end == tokenizer.pad:
        return f"pad_token is {tokenizer.pad}, which ends the template's answers"
    return None
