"""What reading costs: datalint beside a plain pass over the bytes and beside other JSON readers, by container.

    python benchmarks/read.py [--megabytes 100] [--runs 3] [--only datalint,orjson]

Rows are chats made of a fixed list of words, the same on every machine: long ones of about 1.8 kB, short ones of about
0.28 kB. The plain pass reads the bytes in blocks of 256 KiB and counts line feeds. Every contender runs in a process of
its own, in turn; imports and one small file come before the clock starts, the garbage collector is off for all.
Given is the median of the runs in CPU seconds (user and system, all threads) for each GB of JSON Lines, and that as a
ratio to the plain pass. `rows` are those that a contender delivered: not all refuse what is no JSON. What is not
installed is left out.
"""

import argparse
import gc
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median

import numpy as np

Reader = Callable[[Path], int]
"""Reads a file; returns the number of rows delivered."""

SIZES = {"long": 1800, "short": 280}
BAD = (b'{"messages": [}', b'{"messages": "\xff"}', b'{"id": 1, "id": 2}', b'{"text": "\\ud83d"}', b"{'text': 1}")
WORDS = """
the of and a to in is you that it he was for on are as with his they I at be this have from or one had by word
but not what all were we when your can said there use an each which she do how their if will up other about out
many then them these so some her would make like him into time has look two more write go see number no way
could people
""".split()  # noqa: SIM905 - as a list they would take a line each


def rows_of(kind: str, megabytes: float) -> Iterator[dict[str, list[dict[str, str]]]]:
    draw, size = random.Random(kind), 0
    while size < megabytes * 1e6:
        turns = 4 if kind == "long" else 2
        letters = (SIZES[kind] - 60 * turns) // turns
        talk = []
        for turn in range(turns):
            words = draw.choices(WORDS, k=max(3, int(letters / 4.45 * draw.uniform(0.6, 1.4))))
            text = " ".join(words).capitalize() + ("?\n" if turn % 2 == 0 else ' "é".')
            talk.append({"role": ("user", "assistant")[turn % 2], "content": text})
            size += len(text) + 45
        yield {"messages": talk}


def plain_pass(path: Path) -> int:
    feeds = 0
    with path.open("rb") as file:
        while chunk := file.read(256 * 1024):
            feeds += int(np.count_nonzero(np.frombuffer(chunk, np.uint8) == 10))
    return feeds


def datalint(path: Path) -> int:
    from datalint.source import open_source

    blocks = open_source(path, name=path.name).blocks()
    return sum(sum(value is not None for value in block.values) for block in blocks)


def datalint_turns(path: Path) -> int:
    from datalint.chunk import Chunk
    from datalint.source import DataFile, open_source
    from datalint.source.gather import gather

    file = DataFile(path, path.name, "train")
    chunks = (Chunk(file, block) for block in gather(open_source(path, name=path.name).blocks()))
    return sum(chunk.turns["row"].n_unique() for chunk in chunks)


def line_by_line(decode: Callable[[bytes], object]) -> Reader:
    def read(path: Path) -> int:
        rows = 0
        with path.open("rb") as file:
            for line in file:
                try:
                    rows += isinstance(decode(line), dict)
                except (ValueError, RecursionError):
                    continue
        return rows

    return read


def stdlib_json() -> Reader:
    return line_by_line(json.loads)


def msgspec_lines() -> Reader:
    import msgspec

    decoder = msgspec.json.Decoder()
    return line_by_line(decoder.decode)


def orjson_lines() -> Reader:
    import orjson

    return line_by_line(orjson.loads)


def polars_ndjson() -> Reader:
    import polars as pl

    return lambda path: int(pl.scan_ndjson(path).collect().height)


def pyarrow_json() -> Reader:
    import pyarrow.json

    return lambda path: int(pyarrow.json.read_json(path).num_rows)


CONTENDERS: dict[str, tuple[str, Callable[[], Reader]]] = {
    "plain": ("plain pass", lambda: plain_pass),
    "datalint": ("datalint, values and exact bytes", lambda: datalint),
    "turns": ("datalint, to the turns view", lambda: datalint_turns),
    "msgspec": ("msgspec, line by line", msgspec_lines),
    "orjson": ("orjson, line by line", orjson_lines),
    "polars": ("polars scan_ndjson", polars_ndjson),
    "pyarrow": ("pyarrow read_json", pyarrow_json),
    "json": ("json of the standard library, line by line", stdlib_json),
}


def write_all(folder: Path, megabytes: float) -> dict[str, list[Path]]:
    """The files of each table: JSON Lines of both lengths, with and without bad rows; one length in every container."""
    lines = {}
    for kind in SIZES:
        rows = [json.dumps(row, ensure_ascii=False).encode() for row in rows_of(kind, megabytes)]
        lines[kind] = write(folder / f"{kind}.jsonl", rows)
        draw = random.Random(1)
        for at in draw.sample(range(len(rows)), k=len(rows) // 500):
            rows[at] = draw.choice(BAD)
        lines[f"{kind} bad"] = write(folder / f"{kind}-bad.jsonl", rows)
    return {"lines": [*lines.values()], "containers": [*write_containers(folder, lines["long"])]}


def write(path: Path, rows: Iterable[bytes]) -> Path:
    path.write_bytes(b"".join(row + b"\n" for row in rows))
    return path


def write_containers(folder: Path, lines: Path) -> Iterator[Path]:
    import csv

    import pyarrow as pa
    import pyarrow.feather
    import pyarrow.parquet

    data = lines.read_bytes()
    yield lines
    with gzip.open(path := folder / "long.jsonl.gz", "wb", compresslevel=6) as file:
        file.write(data)
    yield path
    with pa.CompressedOutputStream(str(path := folder / "long.jsonl.zst"), "zstd") as stream:
        stream.write(data)
    yield path
    (path := folder / "long-utf16.jsonl").write_bytes(data.decode().encode("utf-16"))
    yield path
    (path := folder / "long.json").write_bytes(b"[" + data.rstrip(b"\n").replace(b"\n", b",\n") + b"]")
    yield path
    rows = [json.loads(line) for line in data.splitlines()]
    with (path := folder / "long.csv").open("w", newline="", encoding="utf-8") as text:
        table = csv.writer(text)
        table.writerow(["prompt", "completion"])
        table.writerows(["".join(t["content"] for t in row["messages"][s::2]) for s in (0, 1)] for row in rows)
    yield path
    frame = pa.Table.from_pylist(rows)
    pyarrow.parquet.write_table(frame, path := folder / "long.parquet", compression="zstd", row_group_size=50_000)
    yield path
    with pa.ipc.new_stream(path := folder / "long.arrow", frame.schema) as sink:
        sink.write_table(frame, max_chunksize=1000)
    yield path


def own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def contend(name: str, path: Path, small: Path) -> None:
    """One contender's run, in this process."""
    read = CONTENDERS[name][1]()
    read(small)
    gc.collect()
    gc.freeze()
    gc.disable()
    began = own_cpu()
    rows = read(path)
    print(json.dumps([own_cpu() - began, rows]))


def measured(name: str, path: Path, small: Path) -> tuple[float, int] | None:
    """CPU seconds and rows; None where the contender is not installed or refuses the file."""
    command = [sys.executable, __file__, "--contender", name, str(path), str(small)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    cpu, rows = json.loads(done.stdout)
    return float(cpu), int(rows)


def table(title: str, paths: list[Path], names: list[str], small: Path, runs: int) -> None:
    """One line a contender and file; ratios are to the plain pass over the JSON Lines that the rows came from."""
    print(f"\n{title}\n\n| file | contender | CPU s/GB | x plain pass | rows |\n|---|---|---:|---:|---:|")
    for path in paths:
        seen: dict[str, list[tuple[float, int]]] = {}
        lines = path if "bad" in path.name or path.stem in SIZES else paths[0]
        base = lines if lines.suffix == ".jsonl" else paths[0]
        size = base.stat().st_size / 1e9
        for _ in range(runs):
            for name in names:
                if (one := measured(name, base if name == "plain" else path, small)) is not None:
                    seen.setdefault(name, []).append(one)
        cost = {name: median(cpu for cpu, _ in some) / size for name, some in seen.items()}
        for name in names:
            if name in seen:
                ratio = f"{cost[name] / cost['plain']:.1f}" if "plain" in cost else ""
                print(f"| {path.name} | {CONTENDERS[name][0]} | {cost[name]:.2f} | {ratio} | {seen[name][0][1]:,} |")
            else:
                print(f"| {path.name} | {CONTENDERS[name][0]} | - | - | not installed, or it refuses the file |")
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="contenders, comma separated")
    parser.add_argument("--contender", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        name, path, small = options.contender
        contend(name, Path(path), Path(small))
        return
    names = [name for name in CONTENDERS if not options.only or name in ("plain", *options.only.split(","))]
    with tempfile.TemporaryDirectory() as scratch:
        files = write_all(Path(scratch), options.megabytes)
        small = write(Path(scratch) / "small.jsonl", (json.dumps(row).encode() for row in rows_of("short", 0.01)))
        table("JSON Lines", files["lines"], names, small, options.runs)
        own = [name for name in names if name in ("plain", "datalint", "turns")]
        table("Containers (GB of the JSON Lines in them)", files["containers"], own, small, options.runs)


if __name__ == "__main__":
    main()
