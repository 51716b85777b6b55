"""Findings about a template or a tokenizer: said by every chunk that meets the fault, told once a dataset."""

from collections.abc import Iterable

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import none

_SAID = {"row": pl.UInt32, "severity": pl.String, "what": pl.String}


def has_answers(chunk: Chunk) -> bool:
    """Whether the chunk has a conversation with a trained message: a template is used for it."""
    return any(any(dialogue.trained) for dialogue in chunk.dialogues)


def said(faults: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """What a map returns: (severity, what) of each fault. The same fault must be said in the same words."""
    found = [(0, severity, what) for severity, what in faults]
    return pl.DataFrame(found, schema=_SAID, orient="row") if found else none()


def told(frame: pl.DataFrame) -> pl.DataFrame:
    """What a finish returns: each fault once, without a row, at the first file that has it."""
    first = frame.sort("file", maintain_order=True).unique(["severity", "what"], keep="first", maintain_order=True)
    return first.select("file", "severity", "what")
