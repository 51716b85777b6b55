"""The whole report as one JSON object, schema `datalint-report/1`. Keys may be added to it, never renamed."""

from typing import Any, BinaryIO

import msgspec

from datalint.report.entries import encoded
from datalint.report.escape import encodable, inert_json
from datalint.report.look import Look
from datalint.report.model import Report

SCHEMA = "datalint-report/1"


def write(report: Report, out: BinaryIO, look: Look) -> None:  # noqa: ARG001
    """Gate, files, summary and every finding, a finding a line; streamed, since there may be millions."""
    head = msgspec.json.encode(_head(report))
    out.write(inert_json(head[:-1]) + b',"findings":[')
    for number, line in enumerate(encoded(report)):
        out.write((b",\n" if number else b"\n") + line)
    out.write(b'\n],"timing":' + msgspec.json.encode({"seconds": round(report.seconds, 3)}) + b"}\n")


def _head(report: Report) -> dict[str, Any]:
    failed = [{"rule": f.rule, "count": f.count, "share": f.share, "limit": f.limit} for f in report.failures]
    tokens = {encodable(name): msgspec.to_builtins(told) for name, told in report.tokens.items()}
    return {
        "schema": SCHEMA,
        "version": report.version,
        "config_digest": report.config_digest,
        "gate": {"passed": report.passed, "failed": failed},
        "files": [
            {
                "path": encodable(file.name),
                "split": file.split,
                "format": file.format,
                "container": file.container,
                "rows": file.rows,
                "bytes": file.size,
                "sha256": file.sha256,
                "columns": {ours: encodable(theirs) for ours, theirs in file.columns.items()},
            }
            for file in report.files
        ],
        # Nothing is taken back by a suppression or known to a baseline unless the report says so.
        "summary": [{**line, "suppressed": 0, "baseline": 0} for line in report.summary.to_dicts()],
        **({"tokens": tokens} if tokens else {}),
    }
