"""What an index of earlier rows costs, in a folder and, with --redis, on a server.

    python benchmarks/index.py --data DIR [--rows 10000 500000] [--redis 'redis://localhost:6379/0?name=bench']

Rows are those of dedup/generated.py, about 90 words each, in memory before the clock starts. CPU seconds are those of
this process; the server's are not counted.
"""

import argparse
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent / "dedup"))
from common import table
from generated import Pieces, parts

from datalint.dedup.kernels import kernels
from datalint.index import open_index, rows_of


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def frames(texts: list[pl.Series]) -> Iterator[pl.DataFrame]:
    make = kernels(sum(int(part.str.len_bytes().sum()) for part in texts))
    start = 0
    for part in texts:
        yield rows_of("rows.jsonl", part, np.arange(start, start + len(part)), None, make)
        start += len(part)


def line(where: str, texts: list[pl.Series], asked: pl.Series) -> list[str]:
    rows = sum(map(len, texts))
    start = cpu()
    added = open_index(where, create=True).add(frames(texts))
    middle = cpu()
    seen = open_index(where).seen_before(asked)
    end = cpu()
    size = open_index(where).info().size
    cells = [f"{rows:,}", f"{middle - start:.2f}", f"{end - middle:.2f}", f"{added.added:,}", f"{len(seen):,}"]
    return [*cells, "-" if size is None else f"{size / 1e6:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 500_000])
    parser.add_argument("--redis", help="the address of an index that may be filled; only for the first number of rows")
    options = parser.parse_args()
    pieces, head = Pieces.of(options.data), ("rows", "add, CPU s", "check 10,000, CPU s", "added", "seen", "MB on disk")
    lines = []
    for rows in options.rows:
        texts = list(parts(pieces, rows))
        asked = texts[0].head(10_000) + " indeed"  # near duplicates, none of them equal
        with tempfile.TemporaryDirectory() as folder:
            lines.append(line(f"{folder}/weekly.idx", texts, asked))
        if options.redis and rows == options.rows[0]:
            lines.append(["Redis: " + (cells := line(options.redis, texts, asked))[0], *cells[1:]])
    table(head, lines)


if __name__ == "__main__":
    main()
