"""Files that other projects collected because readers fail on them; they lie beside the checkout.

Everything is read, checked, cleaned and restored in 4 GB of address space, by its own name and by those of data files.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks.faults.common import SHARED, Bench, Trial, needs
from benchmarks.faults.probe import Case, trials

HERE = SHARED / "data" / "badinput"
DATA = "the development data beside the checkout"
LIMIT = 4 << 30
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_ENDINGS = ("jsonl", "json", "csv", "parquet", "jsonl.gz", "jsonl.zst")
_FUZZED = {"parquet": "t.parquet", "csv": "t.csv", "arrow-ipc-file": "t.arrow"}
# Arrow has types that Parquet has not. Number of the file -> what of it `clean` refuses, by any name of the file.
_REFUSED = {
    "6051391008473088": "'f1' has the type month_day_nano_interval",
    "5301064831401984": "'f0' has the type map<uint16, null>",
    "5654157323403264": "'sparse_nonnull' has the type sparse_union<u0: int32=5, u1: uint8=10>",
}


def survived(bench: Bench) -> Iterator[Trial]:
    """No file crashes, hangs or is changed, whatever it is called; and each comes back byte for byte."""
    needs(HERE.is_dir(), DATA)
    some = sorted(path for path in HERE.rglob("*") if path.is_file())

    def cases() -> Iterator[Case]:
        for path in some:
            folder, *below = path.relative_to(HERE).parts
            label = path.relative_to(HERE).as_posix()
            refused = _REFUSED.get(path.name.rpartition("-")[2], "")
            own = _FUZZED.get(below[0]) if folder == "arrow-testing" else path.name
            for name in [own or path.name, *(f"t.{ending}" for ending in _ENDINGS if bench.full)]:
                yield Case(folder, name, path.read_bytes(), more=True, label=label, refused=refused)

    return trials(bench, cases(), limits={"AS": LIMIT})


def strict_json(bench: Bench) -> Iterator[Trial]:
    """JSONTestSuite: `y_` must parse to what the standard library says, `n_` must fail; as a field of a row."""
    needs((HERE / "JSONTestSuite").is_dir(), DATA)

    def cases() -> Iterator[Case]:
        for path in sorted((HERE / "JSONTestSuite").rglob("[yn]_*.json")):
            text = path.read_bytes()
            if text.startswith(_MARKS):  # inside of a row there is no mark
                continue
            if path.name.startswith("y_"):
                value = json.loads(b'{"v":' + text + b"}")
                told: Any = [("FMT003", None)] if "dup" in path.name else []
                one = b'{"v":' + b" ".join(text.splitlines()) + b"}\n"
                yield Case("y_", "train.jsonl", b'{"v":0}\n' + one, told, [{"v": 0}, value])
                yield Case("y_", "train.json", b'[{"v":0},{"v":' + text + b"}]", told, [{"v": 0}, value], more=True)
            elif b"\n" not in text and b"\r" not in text:
                yield Case("n_", "train.jsonl", b'{"v":0}\n{"v":' + text + b"}\n", (), [{"v": 0}, None], more=True)

    yield from trials(bench, cases(), how="read")


def csv_spectrum(bench: Bench) -> Iterator[Trial]:
    """Parsed as their JSON says. (Two of those differ from the files in a phone number, a carriage return.)"""
    needs((HERE / "csv-spectrum").is_dir(), DATA)

    def cases() -> Iterator[Case]:
        for path in sorted((HERE / "csv-spectrum" / "csvs").glob("*.csv")):
            if path.stem not in ("location_coordinates", "newlines_crlf"):
                rows = json.loads((HERE / "csv-spectrum" / "json" / f"{path.stem}.json").read_text())
                yield Case("table", "train.csv", path.read_bytes(), (), rows, more=True)

    return trials(bench, cases())


def naughty_strings(bench: Bench) -> Iterator[Trial]:
    """Each string is read as it is, from JSON Lines, from a JSON document and from CSV, and comes back."""
    path = HERE / "naughty-strings" / "blns-half0.jsonl"
    needs(path.is_file(), DATA)
    rows = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    text = [{key: value for key, value in row.items() if isinstance(value, str)} for row in rows]
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(text[0]), quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(text)
    forms = [
        Case("jsonl", "train.jsonl", path.read_bytes(), (), rows),
        Case("json", "train.json", json.dumps(rows).encode(), (), rows),
        Case("csv", "train.csv", table.getvalue().encode(), (), text, more=True),
    ]
    yield from trials(bench, forms)


def utf_8_test(bench: Bench) -> Iterator[Trial]:
    """Kuhn's file: each line that is no UTF-8 is told and kept aside, each other one is read as it is."""
    path = HERE / "utf8" / "UTF-8-test.txt"
    needs(path.is_file(), DATA)
    texts, rows = [], []
    for line in path.read_bytes().split(b"\n"):
        bare = line.replace(b"\\", b"").replace(b'"', b"'").translate(None, bytes(range(32)))
        texts.append(b'{"prompt": "%s", "completion": "x"}' % bare)
        try:
            rows.append({"prompt": bare.decode("utf-8"), "completion": "x"})
        except UnicodeDecodeError:
            rows.append(None)
    told = [("FMT002", rows.index(None) + 1)] if None in rows else []
    yield from trials(bench, [Case("lines", "train.jsonl", b"\n".join(texts), told, rows)])


def charsets(bench: Bench) -> Iterator[Trial]:
    """Text in other character sets: told as undecodable, nothing guessed; UTF-16 and UTF-32 are read."""
    folder = HERE / "charsets"
    truth = folder / "encodings.truth.jsonl"
    needs(truth.is_file(), DATA)

    def cases() -> Iterator[Case]:
        for line in truth.read_text().splitlines():
            one = json.loads(line)
            text = (folder / one["file"]).read_bytes().decode(one["encoding"])
            rows = [{"prompt": part, "completion": "x"} for part in text.splitlines() if part.strip()]
            if not any(ord(letter) > 127 for row in rows for letter in row["prompt"]):
                continue
            for encoding in (one["encoding"], "utf-8", "utf-16", "utf-32"):
                data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(encoding)
                yield Case(encoding, "train.jsonl", data, *_expected(data, encoding, rows), more=True)

    yield from trials(bench, cases())


def _expected(data: bytes, encoding: str, rows: list[Any]) -> tuple[Iterable[Any], list[Any]]:
    if encoding.startswith("utf"):
        return ([] if encoding in ("utf-8", "utf_8") else [("FMT002", 1)]), rows
    seen: list[Any] = []
    for line in data.split(b"\n")[:-1]:
        try:
            seen.append(json.loads(line.decode("utf-8")))
        except UnicodeDecodeError:
            seen.append(None)
        except ValueError:
            seen.append(None)
    return [("FMT002", None)], seen
