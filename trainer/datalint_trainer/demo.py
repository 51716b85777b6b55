"""The whole story on data in the package: check, clean, train, compare."""

import json
import shutil
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

import datalint
from datalint.config import load
from datalint.errors import OutputError
from datalint.report import Look, Output, write_report
from datalint_trainer.impact import impact
from datalint_trainer.report import ImpactReport

NAMES = ("train.jsonl", "eval.jsonl")


def demo(
    out: Path,
    *,
    overwrite: bool = False,
    say: Callable[[str], None] = lambda _line: None,
    track: Callable[[int], Callable[[], None]] = lambda _total: lambda: None,
) -> ImpactReport:
    """Write raw data, check report, cleaned data and impact report below `out`; needs no network.

    `say` is told each step. Raises OutputError if `out` exists, unless `overwrite`; only the demo's own files in it
    are replaced.
    """
    if out.exists() and not overwrite:
        raise OutputError(f"{out}: is there already; give another --out, or --overwrite")
    raw, cleaned = out / "raw", out / "cleaned"
    try:
        raw.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            with as_file(files("datalint_trainer") / "demo_data" / name) as source:
                shutil.copyfile(source, raw / name)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror}); give another --out") from error
    train, evaluation = (raw / name for name in NAMES)
    say("customer questions, labelled by three people; one of them worked from last year's guide")

    found = datalint.check(raw, isolated=True)
    write_report(found, Output("json", out / "report.json"), Look())
    for line in found.summary.to_dicts():
        say(f"  {line['rule']} {line['name']}: {line['count']:,}")
    result = datalint.clean(raw, out=cleaned, unsafe_fixes=True, overwrite=overwrite, isolated=True)
    say(f"cleaned: {result.rows_changed:,} rows changed, {result.rows_removed:,} removed of {result.rows_in:,}")

    report = impact(train, cleaned / "train.parquet", evaluation, settings=load(isolated=True), track=track)
    (out / "impact.json").write_text(json.dumps(report.to_dict(), indent=2) + "\n", encoding="utf-8")
    return report
