"""How the cost of a row, the memory and the recall change as the rows grow in number.

    python benchmarks/dedup/growth.py [--rows 60000 250000 1000000 4000000] [--memory-limit 4GB] [--engine compiled]

The rows are those of generated.py. Every size is searched in a fresh process, which reads Parquet parts one after the
other; reading is not counted. "recall" is that of copies with so many per cent of their words edited, "others" pairs
that are neither copies of each other nor of the same row. 10,000,000 rows take 3 GB of disk, and what is spilled.

With --memory-limit the search is told to make do with so much. With --rlimit DATA=4GB or AS=8GB the system refuses
the process more than that: heap and other private memory, or address space; both count what is reserved and not used.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from common import table
from generated import SHARES, Pieces, Plan, parts
from processes import UnavailableError, measured

from datalint.dedup import near_duplicates
from datalint.spool import parse_size

LIMIT = 3600
"""Seconds for one size."""

COST = ("rows", "MB", "search, CPU s", "us a row", "wall s", "peak MiB")


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def search(folder: Path, memory_limit: int | None, engine: str) -> None:
    """The process that is measured: search the parts in `folder`, leave the result there and print what it took."""
    reading = 0.0

    def texts() -> Iterator[pl.Series]:
        nonlocal reading
        for file in sorted(folder.glob("part-*.parquet")):
            start = cpu()
            text = pl.read_parquet(file)["text"]
            reading += cpu() - start
            yield text

    start, clock = cpu(), time.perf_counter()
    found = near_duplicates(texts(), memory_limit=memory_limit, compiled=engine == "compiled")
    seconds, wall = cpu() - start - reading, time.perf_counter() - clock
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found.pairs.select("left", "right").write_parquet(folder / "pairs.parquet")
    print(json.dumps({"cpu": seconds, "wall": wall, "peak": peak, "dropped": len(found.dropped)}))


def line(rows: int, pieces: Pieces, options: argparse.Namespace) -> tuple[float, list[str]]:
    """Make the rows, search them in a process of their own, hold the pairs against the plan. Microseconds a row."""
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder, size = Path(name), 0
        for number, part in enumerate(parts(pieces, rows)):
            size += int(part.str.len_bytes().sum())
            part.to_frame().write_parquet(folder / f"part-{number:05}.parquet")
        command = [sys.executable, __file__, "--search", name, "--engine", options.engine]
        if options.memory_limit:
            command += ["--memory-limit", options.memory_limit]
        if options.rlimit:
            command += ["--rlimit", options.rlimit]
        took = json.loads(measured(command, LIMIT)[2].splitlines()[-1])
        pairs = pl.read_parquet(folder / "pairs.parquet")
    copies = Plan(rows).copies()
    found = copies.join(pairs, on=["left", "right"], how="semi")["share"].to_numpy()
    planted = np.bincount(copies["share"].to_numpy(), minlength=16)
    recall = [f"{100 * hits / planted[share]:.1f}" for share in SHARES[1:] for hits in [int((found == share).sum())]]
    each = 1e6 * took["cpu"] / rows
    figures = [f"{rows:,}", f"{size / 1e6:.0f}", f"{took['cpu']:.2f}", f"{each:.2f}", f"{took['wall']:.1f}"]
    figures += [f"{took['peak']:.0f}", f"{len(pairs):,}", f"{took['dropped']:,}", *recall]
    return each, [*figures, f"{len(pairs) - len(found):,}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, nargs="+", default=[60_000, 250_000, 1_000_000, 4_000_000])
    parser.add_argument("--memory-limit", help="such as 4GB")
    parser.add_argument("--engine", choices=("numpy", "compiled"), default="numpy")
    parser.add_argument("--rlimit", help="such as DATA=4GB or AS=8GB")
    parser.add_argument("--folder", type=Path, help="where the rows are written for the time being")
    parser.add_argument("--search", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.search:
        if options.rlimit:
            kind, size = options.rlimit.split("=")
            allowed = parse_size(size, origin="--rlimit")
            resource.setrlimit({"AS": resource.RLIMIT_AS, "DATA": resource.RLIMIT_DATA}[kind], (allowed, allowed))
        limit = parse_size(options.memory_limit, origin="--memory-limit") if options.memory_limit else None
        return search(options.search, limit, options.engine)
    pieces = Pieces.of(options.data)
    costs: dict[int, float] = {}
    lines, missing = [], []
    for rows in options.rows:
        print(f"searching {rows:,} rows", file=sys.stderr, flush=True)
        try:
            costs[rows], cells = line(rows, pieces, options)
            lines.append(cells)
            print("  ".join(cells), file=sys.stderr, flush=True)
        except UnavailableError as error:
            missing.append(f"{rows:,} rows: {error}")
    print(f"engine {options.engine}, memory limit {options.memory_limit or 'half of the memory'}\n")
    table((*COST, "pairs", "dropped", *(f"recall {share} %" for share in SHARES[1:]), "others"), lines)
    print(*missing, sep="\n")
    if costs:
        smallest = costs[min(costs)]
        ratios = (f"{rows:,} rows {cost / smallest:.2f}" for rows, cost in costs.items())
        print(f"cost of a row, times that at {min(costs):,} rows: " + ", ".join(ratios))
    return None


if __name__ == "__main__":
    main()
