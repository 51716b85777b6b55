"""Reads a file through the whole floor, and checks on every block what always holds."""

import json
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from datalint.source import Fault, Source, open_source

COLUMNS = ("parquet", "arrow", "arrow-stream")


@dataclass
class Reading:
    source: Source
    values: list[Any] = field(default_factory=list)
    lines: list[int | None] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)
    data: bytes = b""

    @property
    def codes(self) -> list[str]:
        return [fault.code for fault in self.faults]

    def told(self, code: str) -> list[tuple[int | None, int | None]]:
        """Row and line of the findings of one code."""
        return [(fault.row, fault.line) for fault in self.faults if fault.code == code]


def read(path: Path, name: str | None = None, **options: Any) -> Reading:
    source = open_source(path, name=name or path.name, **options)
    reading = Reading(source)
    for block in source.blocks():
        n = len(block)
        assert block.first_row == len(reading.values)
        assert len(block.starts) == len(block.ends) == n
        assert block.lines is None or len(block.lines) == n
        assert set(block.unreadable) == {i for i, value in enumerate(block.values) if value is None}
        raws, gaps = [block.raw(i) for i in range(n)], list(block.gaps())
        if source.container not in COLUMNS:
            pieces = [gaps[0], *chain.from_iterable(zip(raws, gaps[1:], strict=True))]
            assert b"".join(pieces) == block.data, "gaps and records rebuild the file"
        reading.unreadable |= {block.first_row + i: code for i, code in block.unreadable.items()}
        reading.values += block.values
        reading.lines += [None] * n if block.lines is None else block.lines.tolist()
        reading.raws += raws
        reading.faults += block.faults
        reading.data += bytes(block.data)
    for fault in reading.faults:
        assert "\n" not in fault.reason
        assert len(fault.reason) < 250
        assert fault.row is None or fault.row < max(1, len(reading.values))
    return reading


def read_bytes(folder: Path, name: str, data: bytes, **options: Any) -> Reading:
    path = folder / name
    path.write_bytes(data)
    return read(path, **options)


class NotReadError(Exception):
    """Strict JSON refuses a record."""


def strict(raw: bytes) -> dict[str, Any]:
    """The oracle: the standard library with every leniency refused; the last of equal keys stands."""

    def refuse(text: str) -> None:
        raise ValueError(text)

    def finite(text: str) -> float:
        return float(text) if abs(float(text)) != float("inf") else refuse(text)

    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=refuse, parse_float=finite)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as fault:
        raise NotReadError from fault
    if not isinstance(value, dict):
        raise NotReadError
    return value
