"""What the tests of the cleaner share: read back, compare."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from datalint.source import open_source

MAIN = "import sys; from datalint.cli import main; main()"


def start(folder: Path, *args: str, code: str = MAIN, before: Sequence[str] = ()) -> "subprocess.Popen[str]":
    """The command line in a process of its own; `before` is the command that starts it."""
    command = [*before, sys.executable, "-c", code, *args]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def long_lines() -> str:
    """So many rows that a run can be stopped among them."""
    return lines(*({"prompt": f"question {i} {'x' * 200}\u200b", "completion": f"answer {i}"} for i in range(4000)))


def rows_in(path: Path) -> list[dict[str, Any]]:
    """A Parquet file as pyarrow has it: JSON text stays text, structs keep their nulls."""
    return pq.ParquetFile(path).read().to_pylist()


def rows_read(path: Path) -> list[dict[str, Any] | None]:
    """A file as datalint reads it."""
    return [value for block in open_source(path, name=path.name).blocks() for value in block.values]


def lines(*rows: Mapping[str, Any] | str) -> str:
    """JSON Lines: objects as json.dumps has them, text as it is."""
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
