"""TOK009."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, Totals, none
from datalint.target import Target
from datalint_rules.tok.folder import WORDS, added_token, configured, largest_id, model_config
from datalint_rules.tpl.whole import said, told

_DECLARED = ("bos_token", "eos_token", "pad_token", "eot_token")
_TOKENS = {**WORDS, "added_tokens": [added_token(3, "</s>"), added_token(4, "<spare>")]}


def _sample(named: dict[str, Any], config: dict[str, Any] | None = None) -> Sample:
    files = {
        "train.jsonl": [{"text": "a b"}],
        "model/tokenizer.json": msgspec.json.encode(_TOKENS),
        "model/tokenizer_config.json": msgspec.json.encode(named),
    }
    if config is not None:
        files["model/config.json"] = msgspec.json.encode(config)
    return Sample(files, {"tokenizer": "model"})


@dataclass(frozen=True)
class VocabMismatch(Rule):
    """The tokenizer has ids that the model has no row for, or names a token that it does not have.

    ## What it does
    Compares the largest id of the tokenizer with `vocab_size` in config.json, and looks up the tokens that the
    configuration names (bos, eos, pad, eot). A `vocab_size` that is larger than needed is fine: models round it up.
    If only added tokens are too large that nothing names and the template does not write, it is a warning. Told once
    a dataset; without config.json the sizes are not compared.

    ## Why is this bad?
    An id beyond the model's table stops the training with an error of the device, or reads foreign memory. A named
    token that the tokenizer lacks is added under a new id, whose row was never trained.

    ## Example
    A tokenizer with 32,005 tokens, and `"vocab_size": 32000`.

    ## Fix safety
    No fix: take the tokenizer that belongs to the model, or resize the model's embeddings.

    ## Options
    None.

    ## References
    transformers issue #26714; axolotl's check of added tokens.
    """

    code, name = "TOK009", "vocab-mismatch"
    severity = "error"
    message = "{what}"
    needs = ("tokenizer",)
    within = "dataset"
    bad = [
        _sample({"eos_token": "</s>"}, {"vocab_size": 3}),
        _sample({"eos_token": "</s>"}, {"text_config": {"vocab_size": 4}}),
        _sample({"eos_token": "</s>", "pad_token": "<pad>"}),
    ]
    good = [
        _sample({"eos_token": "</s>", "bos_token": None}, {"vocab_size": 5}),
        _sample({"eos_token": "</s>", "pad_token": {"content": "<spare>"}}, {"vocab_size": 64}),
        _sample({"eos_token": "<new>", "added_tokens_decoder": {"5": {"content": "<new>"}}}, {"vocab_size": 6}),
        _sample({"eos_token": "a"}),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """The faults of the chunk's tokenizer."""
        return said(_faults(chunk.target)) if len(chunk) else none()

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        """Each fault once."""
        return told(frame)


def _faults(target: Target) -> Iterator[tuple[str, str]]:
    tokenizer = target.tokenizer
    if tokenizer is None:
        return
    added = configured(tokenizer.folder)
    named = {name: text for name in _DECLARED if (text := tokenizer.special_tokens.get(name))}
    last = largest_id(tokenizer.folder, tokenizer.digest)
    fresh = {text for text in named.values() if text not in added and (tokenizer.id_of(text) or 0) > last}
    for name, text in named.items():
        if text in fresh:
            what = f"{name} {text} is no token of tokenizer.json: it gets the new id {tokenizer.id_of(text)}"
            yield "error", f"{what}, which the model was never trained with"
    size = _vocab_size(model_config(tokenizer.folder))
    ids = {text: index for text, index in {**added, **tokenizer.special}.items() if text not in fresh}
    largest = max([last, *ids.values()])
    if size is None or largest < size:
        return
    token = tokenizer.backend.id_to_token(largest) or next(text for text, index in ids.items() if index == largest)
    beyond = [text for text, index in ids.items() if index >= size]
    sources = target.template.named.values() if target.template is not None else ()
    # Every id between the size and the largest that is not an added token's is one that any text may have.
    plain = largest - size + 1 > len(beyond)
    used = plain or any(text in named.values() or any(text in source for source in sources) for text in beyond)
    what = f"config.json has vocab_size {size}, and the tokenizer ids up to {largest} ({token})"
    yield "error" if used else "warning", what


def _vocab_size(config: dict[str, Any]) -> int | None:
    inner = config.get("text_config")
    size = config.get("vocab_size", inner.get("vocab_size") if isinstance(inner, dict) else None)
    return size if isinstance(size, int) and size > 0 else None
