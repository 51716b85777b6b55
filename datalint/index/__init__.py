"""An index that grows: rows of earlier datasets, against which new ones are held (rule DUP005).

- records: what is kept of a row
- store: what a place for an index has to offer
- file_index, parts: a folder of Arrow files
- redis_index, address: a Redis server, by datasketch's MinHashLSH
- search: which rows were seen before
- sketches: exchange with datasketch
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from datalint.dedup import Definition
from datalint.dedup.kernels import kernels
from datalint.dedup.packed import pack
from datalint.dedup.ragged import U32, distinct
from datalint.dedup.survey import survey
from datalint.index.file_index import FileStore
from datalint.index.records import BOILERPLATE_SHARE, Place, records_in, rows_of
from datalint.index.search import seen_before
from datalint.index.sketches import minhash_of, word_hash
from datalint.index.store import Info, News, Store
from datalint.spool import Scratch, Spool, half_of_memory

__all__ = ["Added", "Index", "Info", "Place", "minhash_of", "open_index", "rows_of", "word_hash"]


@dataclass(frozen=True)
class Added:
    """What became of the rows of an `add`: `rows` = `added` + `known` + `empty`."""

    rows: int
    added: int
    known: int  # their content was there already, or stood earlier in what was added
    empty: int  # nothing to compare
    total: int  # in the index now


@dataclass
class Index:
    """Rows seen so far, as of the moment in which `open_index` made this, or of the last `add`."""

    store: Store

    def add(self, rows: Iterable[pl.DataFrame], *, memory_limit: int | None = None) -> Added:
        """Keep rows, as `rows_of` makes them; of equal ones the first.

        Two passes: lines that many rows share are left out of all of them. Between the passes the words wait in memory
        up to an eighth of the limit (default: half of the memory), then in TMPDIR.
        """
        with Scratch(memory_limit or half_of_memory()) as scratch:
            parts = Spool(scratch)
            for frame in rows:
                parts.append(frame)
                if parts.held > scratch.limit // 8:
                    parts.spill()
            known = survey(parts, BOILERPLATE_SHARE)
            files = list(dict.fromkeys(name for frame in parts.frames("file") for name in frame["file"]))
            boilerplate = distinct(np.concatenate((known.boilerplate, self.store.boilerplate())))
            records = records_in(parts, files, known, boilerplate)
            self.store, added = self.store.append(News(files, records, known.boilerplate))
        empty = int((known.sizes == 0).sum())
        return Added(len(known.sizes), added, len(known.sizes) - added - empty, empty, self.info().rows)

    def seen_before(self, texts: pl.Series, definition: Definition | None = None) -> pl.DataFrame:
        """For each text the indexed row that it repeats: row, file, at_row, at_line, jaccard, equal; see `search`."""
        with Scratch() as scratch:
            parts = Spool(scratch)
            parts.append(pack(kernels(int(texts.str.len_bytes().sum())).tokenise(texts)))
            return self.seen_in(parts, definition or Definition())

    def seen_in(self, parts: Spool, definition: Definition) -> pl.DataFrame:
        """`seen_before` of rows that are packed already; empties `parts`."""
        return seen_before(self.store, parts, definition, kernels(parts.size))

    def signatures(self) -> Iterator[tuple[Place, U32]]:
        """Every row's place and MinHash signature, shape (126,): `minhash_of` makes it a datasketch sketch."""
        return self.store.signatures()

    def info(self) -> Info:
        """Sizes and versions."""
        return self.store.info()


def open_index(where: str | Path, *, create: bool = False) -> Index:
    """The index in a folder, or on a server: `redis://host:6379/0?name=N`, `rediss://...`, `unix:///socket?name=N`.

    With `create` it need not be there yet. Raises UsageError where there is no index, or one of another version;
    InputError for one that cannot be read; MissingExtraError for a server without the extra `[index]`.
    """
    if "://" in str(where):
        from datalint.index.redis_index import RedisStore

        return Index(RedisStore.open(str(where), create=create))
    return Index(FileStore.open(Path(where), create=create))
