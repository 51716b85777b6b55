"""One finding a line, `file:line:pointer: CODE message`: for editors, `grep` and short terminals."""

from typing import BinaryIO

from datalint.report.entries import Entry, entries
from datalint.report.escape import inert, named, visible
from datalint.report.look import Look
from datalint.report.model import Report


def write(report: Report, out: BinaryIO, look: Look) -> None:  # noqa: ARG001
    """Every finding, then nothing: no summary and no gate."""
    for entry in entries(report):
        line = inert(f"{where(entry)}: {entry.rule} {visible(entry.message)}")
        out.write(line.encode() + b"\n")


def where(entry: Entry) -> str:
    """`file:line:pointer`; the record's number where a file has no lines, the file alone for what is about it."""
    if entry.file is None:
        return "dataset"
    place = f":{entry.line}" if entry.line is not None else "" if entry.row is None else f":row {entry.row}"
    return named(entry.file) + place + (f":{visible(entry.pointer)}" if entry.pointer else "")
