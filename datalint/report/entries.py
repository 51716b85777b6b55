"""Findings one by one, as machine-readable reports list them: the JSON contract of one finding."""

from collections.abc import Iterator
from typing import Any

import msgspec
import polars as pl

from datalint import pii, secrets
from datalint.findings import message
from datalint.report.escape import encodable, inert_json
from datalint.report.model import Report

_BATCH = 10_000


class Related(msgspec.Struct, frozen=True):
    """The other side of a finding."""

    file: str
    row: int
    line: int | None


class Fix(msgspec.Struct, frozen=True):
    """What cleaning does about it."""

    kind: str
    safety: str


class Entry(msgspec.Struct, frozen=True):
    """One finding, with credentials and personal data masked.

    `row` is the 0-based record, None for the dataset; `args` JSON text.
    """

    rule: str
    name: str
    severity: str
    file: str | None
    row: int | None
    line: int | None
    pointer: str | None
    message: str
    args: msgspec.Raw
    related: list[Related]
    fingerprint: str | None
    fix: Fix | None


def entries(report: Report, found: pl.DataFrame | None = None) -> Iterator[Entry]:
    """The report's findings in its order, or those of `found`, rows of the report's frame."""
    names = [encodable(file.name) for file in report.files]
    fixes = {(kind, safety): Fix(kind, safety) for kind in ("rewrite", "drop") for safety in ("safe", "unsafe")}
    told = report.found if found is None else found
    for batch in told.iter_slices(_BATCH):
        safe = veiled(batch)
        for f in safe.iter_rows(named=True):
            rule = report.rules[f["rule"]]
            yield Entry(
                rule=rule.code,
                name=rule.name,
                severity=f["severity"],
                file=None if f["file"] is None else names[f["file"]],
                row=f["row"],
                line=f["line"],
                pointer=f["pointer"],
                message=message(rule.message, f["args"]),
                args=msgspec.Raw(f["args"].encode()),
                related=[_related(report, names, place) for place in f["related"]],
                fingerprint=f["fingerprint"],
                fix=fixes.get((f["fix_kind"], f["fix_safety"])),
            )


def encoded(report: Report) -> Iterator[bytes]:
    """Each finding as one line of JSON, without the line break."""
    encoder = msgspec.json.Encoder()
    return (inert_json(encoder.encode(entry)) for entry in entries(report))


def veiled(found: pl.DataFrame) -> pl.DataFrame:
    """Findings without the credentials and personal data that their messages and pointers quote."""
    return found.with_columns(pii.mask_all(secrets.mask_all(found[name])) for name in ("args", "pointer"))


def _related(report: Report, names: list[str], place: dict[str, Any]) -> Related:
    return Related(names[place["file"]], place["row"], report.files[place["file"]].line(place["row"]))
