"""The verdict in the manifest and the card of the clean that it is about."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datalint.cleaner.stored.manifest import NAME, read_manifest
from datalint.cleaner.writing.card import code
from datalint.disk import replacing
from datalint.errors import OutputError, UsageError
from datalint_trainer.report import SCHEMA, ImpactReport
from datalint_trainer.rows import Row

CARD = "README.md"
_BEGIN, _END = "<!-- datalint impact -->", "<!-- /datalint impact -->"
_SECTION = re.compile(rf"\n*{re.escape(_BEGIN)}.*?{re.escape(_END)}\n*", re.DOTALL)


def check(folder: Path, measured: Sequence[Row], read: Callable[[Path], Sequence[Row]]) -> None:
    """Whether a verdict on the measured rows is one on this folder.

    Raises InputError if it is no clean's output, UsageError if it holds other training rows.
    """
    read_manifest(folder)
    if sorted(row.key for row in read(folder)) != sorted(row.key for row in measured):
        raise UsageError(f"--record: {folder} does not hold the rows that are measured; give it as CLEAN")


def record(report: ImpactReport, folder: Path) -> None:
    """Add the verdict to manifest.json and README.md, in the place of an earlier one. Raises OutputError."""
    manifest = json.loads((folder / NAME).read_bytes())
    manifest["impact"] = summary(report)
    _replace(folder / NAME, json.dumps(manifest, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace"))
    if (folder / CARD).is_file():
        card = (folder / CARD).read_text(encoding="utf-8", errors="surrogateescape")
        text = _SECTION.sub("\n\n", card).rstrip("\n") + "\n\n" + section(report)
        _replace(folder / CARD, text.encode("utf-8", "surrogateescape"))


def summary(report: ImpactReport) -> dict[str, Any]:
    """`impact` of manifest.json."""
    return {
        "schema": SCHEMA,
        "verdict": report.verdict,
        "sentence": report.sentence,
        "decided_by": report.decided_by,
        "clean_minus_raw": asdict(report.clean_minus_raw["metric"]),
        "clean_minus_placebo": asdict(report.clean_minus_placebo["metric"]),
        "model": dict(report.model),
        "eval": dict(report.evaluation),
        "objective": asdict(report.objective) if report.objective else None,
    }


def section(report: ImpactReport) -> str:
    """Of the card."""
    lines = [_BEGIN, "## What it was worth", "", report.sentence, report.explanation, ""]
    if report.objective:
        goal = report.objective
        met = "met" if goal.met else "missed"
        lines += [f"Objective {goal.metric} {goal.operator} {goal.target:g}: {met} ({goal.value:.4g}).", ""]
    model = f"{report.model.get('name')}, {report.model.get('method')}"
    lines += [f"Model: {code(model)}; evaluation rows: <code>{report.evaluation['digest'][:16]}</code>.", _END, ""]
    return "\n".join(lines)


def _replace(path: Path, data: bytes) -> None:
    """The old content or the new, whatever happens in between."""
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
