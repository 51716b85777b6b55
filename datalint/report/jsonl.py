"""One finding a line, as JSON: for `jq`, `grep` and databases."""

from typing import BinaryIO

from datalint.report.entries import encoded
from datalint.report.look import Look
from datalint.report.model import Report


def write(report: Report, out: BinaryIO, look: Look) -> None:  # noqa: ARG001
    """Every finding in the schema that the JSON report has for its findings."""
    for line in encoded(report):
        out.write(line + b"\n")
