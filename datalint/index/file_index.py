"""An index in a folder: one Arrow file an `add`, read by any number of processes while one writes."""

import fcntl
import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from datalint.dedup.ragged import I64, U32, U64, Bool, Ragged, among, distinct
from datalint.errors import OutputError, UsageError
from datalint.index.parts import Batch, Part, each, parts_in, write_part
from datalint.index.records import PLACES, Place
from datalint.index.store import FORMAT, Asked, Info, Members, News, band_keys, nearest
from datalint.version import __version__

LOCK: Final = "lock"
_ROWS: Final = 1 << 13
"""Rows whose band keys are looked up at once: 1.4 MB, which stays in the processor's cache."""


@dataclass(frozen=True)
class FileStore:
    """A folder. What is added after the object was made is not seen by it."""

    folder: Path
    parts: Sequence[Part]

    @property
    def where(self) -> str:
        return str(self.folder)

    @classmethod
    def open(cls, folder: Path, *, create: bool = False) -> "FileStore":
        """The index in a folder, or for `create` one that is to be. Raises UsageError where something else is."""
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder}: a file, and no index (a folder that `datalint index add` wrote)")
        parts = parts_in(folder) if folder.is_dir() else []
        if parts:
            return cls(folder, parts)
        if not create:
            raise UsageError(f"{folder}: no index there; make one with `datalint index add PATHS --index {folder}`")
        if folder.is_dir() and any(not _ours(path.name) for path in folder.iterdir()):
            raise UsageError(f"{folder}: a folder with other files in it, and no index; name a new folder")
        return cls(folder, [])

    def info(self) -> Info:
        headers = [part.header for part in self.parts]
        files = {name for header in headers for name in header.files}
        size = sum(part.path.stat().st_size for part in self.parts)
        version = headers[-1].version if headers else __version__
        return Info(self.where, len(self._hashes), len(files), len(self.parts), size, FORMAT, version)

    def boilerplate(self) -> U64:
        lines = [part.header.lines for part in self.parts]
        return distinct(np.concatenate([np.zeros(0, np.uint64), *lines]))

    def known(self, hashes: U64) -> Bool:
        return among(hashes, self._sorted[0])

    def ids(self, hashes: U64) -> U64:
        ordered, number = self._sorted
        return number[np.searchsorted(ordered, hashes)]

    def candidates(self, asked: Asked) -> tuple[I64, U64]:
        keys = band_keys(asked.signatures, asked.rows_per_band)
        wanted = distinct(keys.ravel())
        # Most band keys of most rows are nobody's: one look into a table of bits says so.
        bits = np.uint64(64 - min(24, max(16, int(8 * len(wanted)).bit_length())))
        table = np.zeros(1 << (64 - int(bits)), bool)
        table[wanted >> bits] = True
        found = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))]
        for first, _, batch in each(self.parts):
            lengths = np.diff(batch.offsets)
            fit = np.flatnonzero((batch.spaced == asked.spaced) & (lengths >= asked.shortest))
            for start in range(0, len(fit), _ROWS):
                rows = fit[start : start + _ROWS]
                theirs = band_keys(batch.signatures[rows], asked.rows_per_band)
                row, band = np.nonzero(table[theirs >> bits])
                key = theirs[row, band]
                bucket = np.minimum(np.searchsorted(wanted, key), len(wanted) - 1)
                hit = wanted[bucket] == key
                row = rows[row[hit]]
                found.append((bucket[hit], first + row, lengths[row].astype(np.int64)))
        bucket, row, length = (np.concatenate(column) for column in zip(*found, strict=True))
        members = Members(bucket, row, length, self._hashes[row])
        bands = keys.shape[1]
        numbers = np.repeat(np.arange(len(keys)), bands)
        looked = np.searchsorted(wanted, keys.ravel())
        mine, other = nearest(looked, numbers, np.repeat(asked.lengths, bands), members)
        return mine, other.astype(np.uint64)

    def bodies(self, ids: U64) -> Ragged:
        order = np.argsort(ids, kind="stable")
        found = [batch.bodies(rows) for _, batch, rows in self._split(ids[order])]
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return Ragged.joined([Ragged.of(np.zeros(0, np.uint32), np.zeros(0, np.int64)), *found]).take(back)

    def places(self, ids: U64) -> pl.DataFrame:
        frames = [pl.DataFrame(schema={**PLACES, "id": pl.UInt64()})]
        order = np.argsort(ids, kind="stable")
        at = 0
        for part, batch, rows in self._split(ids[order]):
            frames.append(_places(part, batch, rows).with_columns(id=pl.Series(order[at : at + len(rows)])))
            at += len(rows)
        return pl.concat(frames, how="vertical_relaxed").sort("id").drop("id")

    def append(self, news: News) -> "tuple[FileStore, int]":
        with self._locked():
            now = self._now()  # somebody may have added since this object was made
            lines = news.boilerplate[~among(news.boilerplate, now.boilerplate())]
            fresh = (part.take(np.flatnonzero(~now.known(part.hashes))) for part in news.records)
            first = next((part for part in fresh if len(part)), None)
            rows = 0
            if first is not None or len(lines) or not now.parts:
                parts = itertools.chain([first] if first else [], fresh)
                rows = write_part(self.folder, len(now.parts) + 1, news.files, lines, parts)
            return now._now(), rows

    def _now(self) -> "FileStore":
        """The same with the parts that are there now; those that are open stay so."""
        return FileStore(self.folder, [*self.parts, *parts_in(self.folder)[len(self.parts) :]])

    def signatures(self) -> Iterator[tuple[Place, U32]]:
        for _, part, batch in each(self.parts):
            places = _places(part, batch, np.arange(len(batch)))
            for place, signature in zip(places.iter_rows(), batch.signatures, strict=True):
                yield Place(*place), signature

    @cached_property
    def _hashes(self) -> U64:
        return np.concatenate([np.zeros(0, np.uint64), *(batch.hashes for _, _, batch in each(self.parts))])

    @cached_property
    def _sorted(self) -> tuple[U64, U64]:
        """Contents in order, and the row of each."""
        order = np.argsort(self._hashes, kind="stable")
        return self._hashes[order], order.astype(np.uint64)

    def _split(self, ids: U64) -> Iterator[tuple[Part, Batch, I64]]:
        """Sorted ids as rows of batches."""
        for first, part, batch in each(self.parts):
            start, stop = np.searchsorted(ids, np.asarray([first, first + len(batch)], np.uint64))
            if start < stop:
                yield part, batch, ids[start:stop].astype(np.int64) - first

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time: the others wait. A writer that dies leaves no lock behind, and its file is swept up."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be written ({error.strerror}); nothing was added") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            for dead in self.folder.glob(".*.tmp"):
                dead.unlink()
            yield
        finally:
            os.close(descriptor)


def _places(part: Part, batch: Batch, rows: I64) -> pl.DataFrame:
    line = pl.Series("line", batch.line[rows])
    return pl.DataFrame(
        {
            "file": pl.Series(part.header.files, dtype=pl.String).gather(batch.file[rows]),
            "row": batch.row[rows],
            "line": line.set(line == 0, None),
        },
        schema=PLACES,
    )


def _ours(name: str) -> bool:
    return name == LOCK or name.endswith(".tmp")
