"""`datalint index add`: from paths to an index."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from datalint.config import Settings
from datalint.dedup.kernels import LARGE, kernels
from datalint.engine import Job
from datalint.engine.mapping import read
from datalint.index import Added, open_index, rows_of
from datalint.jobs import jobs_of
from datalint.report.escape import encodable
from datalint.spool import parse_size


def add_to_index(
    paths: Sequence[str | Path] | None,
    settings: Settings,
    where: str | Path,
    *,
    progress: Callable[[int], None] | None = None,
) -> Added:
    """Keep what the rows of some files say (in the way of DUP002) in an index, which is made if it is not there.

    `paths` are those of `check`; files of a reference split are left out. `progress` is told how many bytes more have
    been read. Raises what `jobs_of` and `open_index` raise, and OutputError if the index cannot be written.
    """
    jobs = [job for job in jobs_of(paths, settings) if job.file.split != "reference"]
    limit = settings.config.memory_limit
    held = None if limit is None else parse_size(limit, origin="memory-limit")
    return open_index(where, create=True).add(_rows(jobs, progress), memory_limit=held)


def _rows(jobs: Sequence[Job], progress: Callable[[int], None] | None) -> Iterator[pl.DataFrame]:
    for job in jobs:
        size, done = job.file.path.stat().st_size, 0
        make = kernels(LARGE if job.large else 0)
        for chunk in read(job):
            rows = np.array([c.row for c in chunk.compared], np.int64)
            texts = pl.Series([c.text for c in chunk.compared], dtype=pl.String)
            lines = None if chunk.block.lines is None else chunk.block.lines[rows]
            yield rows_of(encodable(job.file.name), texts, rows + chunk.block.first_row, lines, make)
            if progress:
                step = min(len(chunk.block.data), size - done)  # decompressed bytes may be more than the file has
                progress(step)
                done += step
        if progress:
            progress(size - done)
