"""Faults of whole files: tables, Parquet, compression, names that mislead."""

import csv
import gzip
import io
import json
import random
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from benchmarks.faults.common import SEED, Bench, Trial, lines
from benchmarks.faults.probe import Case, trials

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 12345\n" % (b"ab" * 32)


def some_rows(count: int) -> list[dict[str, Any]]:
    """Rows of text and numbers."""
    return [{"prompt": f"question {i} {'é' * (i % 5)}", "completion": f"answer {i}", "id": i} for i in range(count)]


def zstd(data: bytes) -> bytes:
    """One frame."""
    import pyarrow as pa

    return bytes(pa.compress(data, codec="zstd", asbytes=True))


def parquet(rows: list[dict[str, Any]], **options: Any) -> bytes:
    """A file as `clean` writes it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, **{"compression": "zstd", "write_page_checksum": True, **options})
    return sink.getvalue()


def tables(bench: Bench) -> Iterator[Trial]:
    """CSV with a row of another length, a stray quote, a quote that is never closed: one finding, other rows read."""
    draw = random.Random(f"{SEED} tables")

    def cases() -> Iterator[Case]:
        for number in range(bench.size(16, 2000)):
            rows: list[Any] = [
                {"prompt": f"{i} {draw.choice(['a', 'b, c', 'x' * 9])}", "completion": f"answer {i}"} for i in range(20)
            ]
            texts = [_record([row["prompt"], row["completion"]]) for row in rows]
            at = draw.randrange(20)
            bad = (b"one", b"a,b,c", b'a "b", c" d"e,"', b'"a" b,c', b'"never closed,c')[number % 5]
            texts[at:at] = [bad]
            end = b"\r\n" if number % 2 else b"\n"
            data = end.join([b"prompt,completion", *texts]) + end
            # What an open quote swallows is unreadable too; that must be one record, with the place where it began.
            rest = rows[at:] if not bad.startswith(b'"never') and bad.count(b'"') % 2 == 0 else None
            values = None if rest is None else [*rows[:at], None, *rest]
            yield Case("CSV", "train.csv", data, [("FMT013", at + 2)], values)

    return trials(bench, cases())


def _record(cells: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue().encode()


def damaged_parquet(bench: Bench) -> Iterator[Trial]:
    """A pointer, an empty file, a file that is cut, one that is none, one that begins as another."""
    whole = parquet(some_rows(500))
    draw = random.Random(f"{SEED} parquet")

    def cases() -> Iterator[Case]:
        yield Case("LFS pointer", "train.parquet", POINTER, [("FMT012", None)], [])
        yield Case("LFS pointer", "train.jsonl", POINTER, [("FMT012", None)], [])
        yield Case("LFS pointer", "train.jsonl.gz", POINTER, [("FMT012", None)], [])
        yield Case("empty", "train.parquet", b"", [("FMT015", None)], [])
        yield Case("none", "train.parquet", b"PAR1 no, not at all PAR1", [("FMT015", None)], [])
        yield Case("none", "train.parquet", bytes(1000), [("FMT015", None)], [])
        yield Case("whole", "train.parquet", whole, (), some_rows(500))
        for _ in range(bench.size(5, 500)):
            yield Case("cut", "train.parquet", whole[: draw.randrange(4, len(whole))], [("FMT015", None)], [])
        for size in (0xFFFFFFFF, 0x7FFFFFFF, 0, 1, len(whole) * 2):
            data = whole[:-8] + struct.pack("<I", size) + b"PAR1"
            yield Case("footer length", "train.parquet", data, [("FMT015", None)], [])

    return trials(bench, cases())


def dictionary_bomb(bench: Bench) -> Iterator[Trial]:
    """A small Parquet file whose dictionary stands for a gigabyte: read in bounded memory, every row."""
    rows = bench.size(200, 2000)
    data = parquet([{"prompt": "x" * 500_000, "completion": "y"}] * rows, use_dictionary=True)
    with bench.folder() as folder:
        (folder / "train.parquet").write_bytes(data)
        args = ("check", "train.parquet", "--isolated", "--select", "FMT101")
        small = bench.run(*args, cwd=folder)
        problem = small.problem(0)
        kind = f"{len(data):,} bytes for {rows / 2:,.0f} MB in {small.peak >> 20} MiB"
        if not problem and small.peak > 700 << 20:
            problem = "memory is not bounded"
        yield Trial(kind, problem)


def cut_compressed(bench: Bench) -> Iterator[Trial]:
    """gzip and zstd, cut anywhere: a finding, and the rows so far."""
    rows = some_rows(2000)
    data = lines(rows)
    draw = random.Random(f"{SEED} cut")

    def cases() -> Iterator[Case]:
        for name, whole in (("train.jsonl.gz", gzip.compress(data, mtime=0)), ("train.jsonl.zst", zstd(data))):
            yield Case("whole", name, whole, (), rows)
            for _ in range(bench.size(4, 300)):
                told = [("FMT015", None)]
                cut = whole[: draw.randrange(20, len(whole))]
                yield Case(f"cut {name[-3:]}", name, cut, told, _so_far(cut, rows), more=True)

    return trials(bench, cases())


def _so_far(cut: bytes, rows: list[dict[str, Any]]) -> list[Any] | None:
    """The rows that a cut gzip stream holds, the last of them in part; of zstd, whose blocks are large, any."""
    if not cut.startswith(b"\x1f\x8b"):
        return None
    text = zlib.decompressobj(wbits=31).decompress(cut)
    whole = text.count(b"\n")
    rest = text.rpartition(b"\n")[2]
    return [*rows[:whole], *([None] if rest else [])]


def several_members(bench: Bench) -> Iterator[Trial]:
    """gzip in several members, as `cat a.gz b.gz` makes, also with padding behind them; zstd in several frames."""
    draw = random.Random(f"{SEED} members")

    def cases() -> Iterator[Case]:
        for number in range(bench.size(6, 300)):
            rows = some_rows(draw.randrange(1, 400))
            data = lines(rows)
            cuts = sorted(draw.randrange(len(data) + 1) for _ in range(draw.randrange(1, 6)))
            parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
            if number % 2:
                yield Case("zstd", "train.jsonl.zst", b"".join(map(zstd, parts)), (), rows)
            else:
                packed = b"".join(gzip.compress(part, mtime=0) for part in parts)
                yield Case("gzip", "train.jsonl.gz", packed + bytes(512 * (number % 3)), (), rows)

    return trials(bench, cases())


def wrong_ending(bench: Bench) -> Iterator[Trial]:
    """Whatever the name says, the content decides; the name is told."""
    rows = some_rows(12)
    text = [{key: str(value) for key, value in row.items()} for row in rows]
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(text[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(text)
    contents: dict[str, tuple[bytes, list[Any]]] = {
        "jsonl": (lines(rows), rows),
        "json": (json.dumps(rows, indent=1).encode(), rows),
        "csv": (table.getvalue().encode(), text),
        "parquet": (parquet(rows), rows),
    }

    def cases() -> Iterator[Case]:
        for kind, (data, values) in contents.items():
            for ending in (*contents, "txt", "data"):
                if {kind, ending} == {"csv", "jsonl"} or (kind == "csv" and ending == "json"):
                    continue  # a line of CSV is a bad line of JSON, and the user said JSON
                told = [] if ending in (kind, "txt", "data") else [("FMT014", None)]
                if (kind, ending) == ("csv", "parquet"):  # anything but JSON may be a Parquet file that is damaged
                    told = [("FMT015", None)]
                seen = [] if told and told[0][0] == "FMT015" else values
                yield Case(f"named .{ending}", f"train.{ending}", data, told, seen, more=True)
            if kind != "parquet":
                plain, packed = f"train.{kind}", f"train.{kind}.gz"
                yield Case("gzip without .gz", plain, gzip.compress(data, mtime=0), [("FMT014", None)], values)
                yield Case("zstd as .gz", packed, zstd(data), [("FMT014", None)], values)
                yield Case("not gzip", packed, data, [("FMT014", None)], values)

    return trials(bench, cases())
