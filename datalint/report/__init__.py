"""Reports: one file a format, which writes a report to a binary stream, as UTF-8 where it is text.

A further format is its file and its line in `FORMATS`.
"""

import importlib
import io
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from datalint.disk import replacing
from datalint.errors import OutputError, UsageError, nearest
from datalint.report.look import Look

if TYPE_CHECKING:
    from datalint.report.model import Report

__all__ = ["FORMATS", "Look", "Output", "parse_output", "refuse_inputs", "render", "write_bytes", "write_report"]

# Format -> the module that has it as `write(report, out, look)`; loaded when asked for.
FORMATS: Mapping[str, str] = {
    "text": "datalint.report.text",
    "concise": "datalint.report.concise",
    "json": "datalint.report.json_report",
    "jsonl": "datalint.report.jsonl",
}


@dataclass(frozen=True, slots=True)
class Output:
    """A report that was asked for: its format, and the file it goes to (None: standard output)."""

    format: str
    path: Path | None = None


def parse_output(text: str, formats: Collection[str] = tuple(FORMATS)) -> Output:
    """`FORMAT` or `FORMAT:PATH`.

    Raises UsageError for an unknown format and OutputError for a path that cannot be written: before hours of work.
    """
    name, colon, path = text.partition(":")
    if name not in formats:
        known = ", ".join(formats)
        raise UsageError(f"--output-format: no format {name!r}{nearest(name, formats)} (there are {known})")
    if not colon:
        return Output(name)
    if not path:
        raise UsageError(f"--output-format: {text!r} has no path after the colon")
    target = Path(path)
    if target.is_dir():
        raise OutputError(f"--output-format: {path} is a folder; name a file in it")
    # A file is replaced, for which its folder must let us too; a pipe or a device is written to.
    places = [target] * target.exists() + [target.parent] * (target.is_file() or not target.exists())
    if not all(os.access(place, os.W_OK) for place in places):
        raise OutputError(f"--output-format: {path} cannot be written; check that its folder exists and lets you")
    return Output(name, target)


def refuse_inputs(outputs: Iterable[Output], inputs: Iterable[str | Path]) -> None:
    """Raise OutputError for a report that would take the place of data."""
    taken = set(map(os.path.realpath, inputs))
    for output in outputs:
        if output.path is not None and output.path.is_file() and os.path.realpath(output.path) in taken:
            raise OutputError(f"--output-format: {output.path} is an input; name another file for the report")


def write_report(report: "Report", output: Output, look: Look) -> None:
    """Write a report where it was asked for. Files get no colours. Raises OutputError."""
    refuse_inputs([output], (file.name for file in report.files))
    with _opened(output) as out:
        _write(report, output.format, out, look if output.path is None else replace(look, color=False))


def write_bytes(data: bytes, output: Output) -> None:
    """Write what is rendered already where it was asked for. Raises OutputError."""
    with _opened(output) as out:
        out.write(data)
        out.flush()


@contextmanager
def _opened(output: Output) -> Iterator[BinaryIO]:
    if output.path is None:
        yield sys.stdout.buffer
        return
    try:
        if output.path.exists() and not output.path.is_file():  # a pipe, /dev/stdout
            with output.path.open("wb") as out:
                yield out
        else:
            with replacing(output.path) as out:
                yield out
    except OSError as error:
        raise OutputError(f"--output-format: {output.path} cannot be written: {error.strerror}") from error


def render(report: "Report", format: str = "text", look: Look = Look()) -> str:  # noqa: A002, B008 - a frozen value
    """A report in one of the formats that are text."""
    out = io.BytesIO()
    _write(report, format, out, look)
    return out.getvalue().decode()


def _write(report: "Report", format: str, out: BinaryIO, look: Look) -> None:  # noqa: A002
    importlib.import_module(FORMATS[format]).write(report, out, look)
    out.flush()
