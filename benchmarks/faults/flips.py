"""Every byte of a small file flipped in turn, and every length that it may be cut to.

A finding or the same rows; never other rows without a word where a check sum covers the bytes. gzip has one of all its
content, a zstd frame where it was asked for, and Parquet one of each page, as `clean` writes it: of what the footer and
the headers of pages say there is none, so that what happens there is counted by itself.
"""

import base64
import gzip
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.faults.common import SEED, Bench, Trial, lines
from benchmarks.faults.probe import digest

ROWS: list[dict[str, Any]] = [
    {"prompt": "What is 2 + 2?", "completion": "4", "id": 1},
    {"prompt": "Why?", "completion": "Because.", "id": 2},
    {"prompt": "Grüße aus Köln", "completion": "Schöne Grüße zurück", "id": 3},
    {"prompt": "Why not?", "completion": "Because of the rules.", "id": 40},
]
# The rows above as JSON Lines in a zstd frame with a check sum of its content (RFC 8878, 3.1.1), by `zstd --check`.
ZSTD = base64.b64decode(
    "KLUv/WQJAIUEAEJHGyKAuTkdEliGyKr7yolokpDh7ITcoiowS6RsNzjAoUlHDVgIyCNQJDsaz2x+0Z/97jCGwFhRjbRxflBlK/Ec"
    "VBGXVJ0fNarxkAIsqVpscJBn8GUVTXndJjvY9NoDtpCePF22T8WY/bITNh3hOgIMABzb/sPYBvJWQRunBG8Eb4G8WWksVcK4kmiT"
    "BcaqyhHACso="
)


def flips(size: int, bench: Bench, *, seed: str) -> Iterator[tuple[int, int]]:
    """Byte and mask: each bit of each byte; quick: one bit of each."""
    draw = random.Random(f"{SEED} {seed}")
    for at in range(size):
        for bit in range(8) if bench.full else [draw.randrange(8)]:
            yield at, 1 << bit
        if bench.full:
            yield at, 0xFF


def damaged(bench: Bench, *, name: str, data: bytes, covered: range, how: str) -> Iterator[Trial]:
    """Flip and cut one file; `covered`: the bytes of which there is a check sum."""
    with bench.folder() as folder:
        (folder / name).write_bytes(data)
        some = list(flips(len(data), bench, seed=name)) if how == "flipped" else [(n, 0) for n in range(len(data))]
        (folder / "places").write_text(repr(some))
        found = bench.each("benchmarks.faults.flips:probe", folder, name, cwd=folder, items=len(some))
        whole = [digest(row) for row in ROWS]
        for (at, mask), seen in zip(some, found, strict=True):
            yield _judged(f"byte {at} ^ {mask:#x}" if mask else f"cut at {at}", seen, whole, checked=at in covered)


def _judged(place: str, seen: Any, whole: list[str], *, checked: bool) -> Trial:
    if "died" in seen:
        return Trial("died", f"{place}: died: {seen['died']}")
    if seen["raised"]:
        return Trial("raised", f"{place}: raised {seen['raised']}")
    if seen["rows"] == whole:
        return Trial("the same rows" if not seen["found"] else "told, the same rows")
    if seen["found"]:
        return Trial("told")
    if checked:
        return Trial("other rows", f"{place}: other rows, without a word")
    return Trial("other rows where there is no check sum")


def probe(first: str, folder: str, name: str) -> None:
    """In the child: what is read of each damaged file."""
    import ast
    import json

    from benchmarks.faults.probe import probed

    data = (Path(folder) / name).read_bytes()
    places = ast.literal_eval((Path(folder) / "places").read_text())
    (Path(folder) / "damaged").mkdir(exist_ok=True)
    path = Path(folder) / "damaged" / name
    for at, mask in places[int(first) :]:
        path.write_bytes(bytes(data[:at]) + (bytes([data[at] ^ mask]) + data[at + 1 :] if mask else b""))
        print(json.dumps(probed(path, "read", "")), flush=True)


def parquet(bench: Bench, *, how: str) -> Iterator[Trial]:
    """The data file of a `clean`."""
    import pyarrow.parquet as pq

    with bench.folder() as folder:
        (folder / "train.jsonl").write_bytes(lines(ROWS))
        done = bench.run("clean", "train.jsonl", "--out", "out", "--isolated", "--select", "FMT001", cwd=folder)
        assert done.code == 0, done.err
        data = (folder / "out" / "train.parquet").read_bytes()
    told = pq.read_metadata(io.BytesIO(data))
    pages = set[int]()
    for column in range(told.num_columns):
        chunk = told.row_group(0).column(column)
        start = min(filter(None, (chunk.dictionary_page_offset, chunk.data_page_offset)))
        pages.update(range(start, start + chunk.total_compressed_size))
    covered = range(min(pages), max(pages) + 1) if how == "flipped" else range(len(data))
    return damaged(bench, name="train.parquet", data=data, covered=covered, how=how)


def packed(bench: Bench, *, how: str, name: str) -> Iterator[Trial]:
    """gzip and zstd."""
    data = gzip.compress(lines(ROWS), mtime=0) if name.endswith("gz") else ZSTD
    return damaged(bench, name=name, data=data, covered=range(len(data)), how=how)
