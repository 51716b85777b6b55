"""The columnar frame of findings: one schema for all rules, messages kept as arguments until somebody reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import polars as pl

SEVERITIES = ("info", "warning", "error")  # mildest first

RELATED = pl.List(pl.Struct({"file": pl.UInt32, "row": pl.Int64}))
# `file` indexes the run's files; `row` is the record index in its file, null for a finding about the dataset;
# `start` and `end` are character offsets in the string at `pointer`; `args` is a JSON object; `fingerprint` names
# the row (null unless the run was asked for it).
SCHEMA: dict[str, pl.DataType] = {
    "rule": pl.String(),
    "severity": pl.String(),
    "file": pl.UInt32(),
    "row": pl.Int64(),
    "line": pl.Int64(),
    "pointer": pl.String(),
    "start": pl.UInt32(),
    "end": pl.UInt32(),
    "args": pl.String(),
    "related": RELATED,
    "fix_kind": pl.String(),
    "fix_safety": pl.String(),
    "fingerprint": pl.String(),
}
# Columns with a meaning of their own in what a rule returns; every other column is an argument of its message.
RESERVED = frozenset(SCHEMA) | {"related_file", "related_row", "dataset", "split"}


def empty() -> pl.DataFrame:
    """No findings."""
    return pl.DataFrame(schema=SCHEMA)


def standard(
    frame: pl.DataFrame, *, rule: str, severity: str, fix_kind: str | None, fix_safety: str | None
) -> pl.DataFrame:
    """A rule's frame in the common schema: defaults filled in, other columns packed as message arguments.

    The frame has `file` and any of the reserved columns. `severity`, `fix_kind` and `fix_safety` in it are per
    finding and win over the defaults; a null there is a null (no fix for this one), except for severity.
    """
    extra = [name for name in frame.columns if name not in RESERVED]
    args = pl.struct(extra).struct.json_encode() if extra else pl.lit("{}")
    if "related_row" in frame.columns:
        one = pl.struct(
            pl.col("related_file").cast(pl.UInt32).alias("file"),
            pl.col("related_row").cast(pl.Int64).alias("row"),
        )
        related = (
            pl.when(pl.col("related_row").is_null()).then(pl.lit([], dtype=RELATED)).otherwise(pl.concat_list(one))
        )
    else:
        related = pl.col("related") if "related" in frame.columns else pl.lit([], dtype=RELATED)
    given = {
        "rule": pl.lit(rule),
        "severity": pl.col("severity").fill_null(severity) if "severity" in frame.columns else pl.lit(severity),
        "args": args,
        "related": related,
        "fix_kind": pl.col("fix_kind") if "fix_kind" in frame.columns else pl.lit(fix_kind),
        "fix_safety": pl.col("fix_safety") if "fix_safety" in frame.columns else pl.lit(fix_safety),
    }
    columns = []
    for name, dtype in SCHEMA.items():
        source = given.get(name)
        if source is None:
            source = pl.col(name) if name in frame.columns else pl.lit(None)
        columns.append(source.cast(dtype).alias(name))
    done = frame.select(columns) if frame.width else empty()
    # No kind, no fix: a safety alone would promise one.
    return done.with_columns(fix_safety=pl.when(pl.col("fix_kind").is_null()).then(None).otherwise("fix_safety"))


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """Findings in the order of the files: by file, row, rule and pointer; dataset-level ones first in their file."""
    return frame.sort("file", "row", "rule", "pointer", "start", nulls_last=False, maintain_order=True)


def message(template: str, args: str) -> str:
    """The finding's sentence: the rule's template filled in with the finding's arguments."""
    values: Mapping[str, Any] = msgspec.json.decode(args)
    return template.format_map(_Lenient(values))


class _Lenient(dict[str, Any]):
    """A missing argument shows as its name rather than costing the report."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def worst(severities: Sequence[str]) -> str:
    """The worst of some severities."""
    return max(severities, key=SEVERITIES.index)
