"""The compiled tokeniser: the answers of `datalint.dedup.tokens`, several times faster."""

import itertools
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl

from datalint.dedup import tokens as plain
from datalint.dedup.compiled.alphabet import CODES, Alphabet
from datalint.dedup.compiled.text import Rows, Text, Work, cut, scan
from datalint.dedup.ragged import I64, U64, Ragged, spans
from datalint.dedup.text import fold_unicode
from datalint.dedup.tokens import BASE, INVERSE, Tokens, powers_of

_BLOCK: Final = 1 << 18
"""Bytes of text cut at once."""


@lru_cache(maxsize=16)
def _alphabet(thread: int) -> Alphabet:  # noqa: ARG001 - one for each thread
    return Alphabet()


@lru_cache(maxsize=1)
def _hashing(count: int) -> tuple[U64, U64]:
    return powers_of(BASE, count), powers_of(INVERSE, count)


def tokenise(texts: pl.Series) -> Tokens:
    """`datalint.dedup.tokens.tokenise`, compiled."""
    room = plain.ROW_LIMIT + 2
    work = Work(
        sums=np.empty(room, np.uint64),
        marks=np.empty(room, np.uint64),
        folded=np.empty(room, np.uint8),
        values=np.empty(room, np.uint32),
        lines=np.empty(room, np.uint64),
        line_tokens=np.empty(room, np.int64),
        line_ends=np.empty(room, np.uint64),
    )
    texts = texts.fill_null("")
    raw, lengths = texts.cast(pl.Binary), texts.str.len_bytes().to_numpy().astype(np.int64)
    parts: list[Tokens] = []
    for start, stop in spans(lengths, _BLOCK):
        parts += _tokenise_block(texts[start:stop], _Reader(raw[start:stop].to_list(), lengths[start:stop]), work)
    if not parts:
        return plain.tokenise(texts)
    return Tokens(
        tokens=Ragged(
            np.concatenate([part.tokens.values for part in parts]), _joined([part.tokens.offsets for part in parts])
        ),
        lines=np.concatenate([part.lines for part in parts]),
        first_line=_joined([part.first_line for part in parts]),
        hashes=np.concatenate([part.hashes for part in parts]),
        sizes=np.concatenate([part.sizes for part in parts]),
        spaced=np.concatenate([part.spaced for part in parts]),
    )


def _joined(offsets: list[I64]) -> I64:
    before = itertools.accumulate((int(part[-1]) for part in offsets), initial=0)
    return np.concatenate([offsets[0][:1], *(part[1:] + start for part, start in zip(offsets, before, strict=False))])


def _tokenise_block(block: pl.Series, reader: "_Reader", work: Work) -> Iterator[Tokens]:
    powers, inverse = _hashing(len(work.folded))
    count, start = len(block), 0
    rows = Rows(
        np.zeros(count + 1, np.int64), np.empty(count, np.uint64), np.empty(count, np.int64), np.empty(count, bool)
    )
    while start < count:
        stop, tokens, lines = cut(start, reader.text, *reader.tables(), powers, inverse, work, rows)
        if stop > start:
            yield Tokens(
                tokens=Ragged(work.values[:tokens].copy(), np.concatenate(([0], work.line_tokens[:lines]))),
                lines=work.lines[:lines].copy(),
                first_line=np.concatenate(([0], rows.first_line[start + 1 : stop + 1])),
                hashes=rows.hashes[start:stop],
                sizes=rows.sizes[start:stop],
                spaced=rows.spaced[start:stop],
            )
            start = stop
        elif not reader.learn(start):
            # All its characters are known, so the row is too long: rare enough to go the plain way.
            yield plain.tokenise(block[start : start + 1])
            start += 1


class _Reader:
    """The rows of a block in one buffer, whose characters become known when they are needed."""

    def __init__(self, rows: list[bytes], lengths: I64) -> None:
        self._alphabet = _alphabet(threading.get_ident())
        self._rows, self._lengths = rows, lengths
        self.text = self._join(np.zeros(len(rows), np.int64))

    def tables(self) -> tuple[U64, U64]:
        return self._alphabet.units, self._alphabet.places

    def learn(self, start: int) -> bool:
        """Make sure that the rows from `start` on can be read; False if they could be before."""
        news = False
        unknown, joining = np.empty(1 << 12, np.uint64), np.zeros(len(self._rows), bool)
        while count := scan(start, self.text, self._alphabet.places, unknown, joining):
            self._alphabet.learn(unknown[:count].tolist())
            news = True
        for row in np.flatnonzero(joining).tolist():
            self._rows[row] = fold_unicode(self._rows[row].decode())
            self._lengths[row] = len(self._rows[row])
            news = True
        if joining.any():
            self.text = self._join(np.where(joining, CODES, self.text.table))
        return news

    def _join(self, table: I64) -> Text:
        edges = np.concatenate(([0], np.cumsum(self._lengths)))
        return Text(np.frombuffer(b"".join(self._rows), np.uint8), edges, table)
