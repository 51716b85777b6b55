"""What a run reports: files, findings, summary, gate. Every format renders this one object."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import polars as pl

from datalint.advice import Argument
from datalint.budget import Budget
from datalint.findings import SEVERITIES, message
from datalint.gate import Failure
from datalint.rule import Rule


class FileRead(Protocol):
    """A file as the engine read it."""

    @property
    def name(self) -> str: ...
    @property
    def split(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def container(self) -> str: ...
    @property
    def columns(self) -> Mapping[str, str]: ...
    @property
    def rows(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    def line(self, row: int) -> int | None: ...


@dataclass(frozen=True, slots=True)
class TokenReport:
    """What an epoch over a dataset's training split costs, and the trainer arguments that fit it."""

    budget: Budget
    arguments: Sequence[Argument]


@dataclass(frozen=True)
class Report:
    """The outcome of `check`.

    `found` is the frame of datalint.findings.SCHEMA; `findings` is the same for people: file names and messages.
    `fetch(file, rows)` reads rows of a file again, for excerpts.
    """

    found: pl.DataFrame
    files: Sequence[FileRead]
    rules: Mapping[str, Rule]
    failures: Sequence[Failure]
    fetch: Callable[[int, Sequence[int]], Mapping[int, Any]] = lambda file, rows: {}  # noqa: ARG005
    hints: Sequence[str] = ()
    version: str = ""
    config_digest: str = ""
    seconds: float = 0.0
    tokens: Mapping[str, TokenReport] = field(default_factory=dict)  # by dataset; empty without a tokenizer

    @property
    def passed(self) -> bool:
        """The gate's verdict."""
        return not self.failures

    @property
    def rows(self) -> int:
        """Records read, unreadable ones included, reference files excluded."""
        return sum(file.rows for file in self.files if file.split != "reference")

    @cached_property
    def summary(self) -> pl.DataFrame:
        """A line a rule that fired: rule, name, severity (the worst), count, rows, share, fix, safety. Worst first."""
        return summarise(self.found, self.rules, self.rows)

    @cached_property
    def findings(self) -> pl.DataFrame:
        """One line a finding: rule, name, severity, file, row, line, pointer, message, args, fix, safety."""
        names = pl.Series([file.name for file in self.files], dtype=pl.String)
        where = self.found["file"]
        messages = [
            message(self.rules[rule].message, args)
            for rule, args in zip(self.found["rule"], self.found["args"], strict=True)
        ]
        return self.found.select(
            "rule",
            pl.col("rule")
            .replace_strict({c: r.name for c, r in self.rules.items()}, return_dtype=pl.String)
            .alias("name"),
            "severity",
            names.gather(where).alias("file") if len(names) else pl.lit(None, dtype=pl.String).alias("file"),
            "row",
            "line",
            "pointer",
            pl.Series("message", messages, dtype=pl.String),
            "args",
            pl.col("fix_kind").alias("fix"),
            pl.col("fix_safety").alias("safety"),
        )

    def related(self, places: Sequence[Mapping[str, int]]) -> list[dict[str, Any]]:
        """The other side of a finding: file, row, line."""
        return [
            {
                "file": self.files[place["file"]].name,
                "row": place["row"],
                "line": self.files[place["file"]].line(place["row"]),
            }
            for place in places
        ]

    def _repr_html_(self) -> str:
        return self.summary._repr_html_()


def summarise(found: pl.DataFrame, rules: Mapping[str, Rule], rows: int) -> pl.DataFrame:
    """Findings by rule: rule, name, severity (the worst), count, rows, share, fix, safety."""
    rank = pl.col("severity").replace_strict(list(SEVERITIES), list(range(len(SEVERITIES))), return_dtype=pl.Int8)
    table = (
        found.with_columns(rank=rank)
        .group_by("rule")
        .agg(
            pl.len().alias("count"),
            pl.struct("file", "row").filter(pl.col("row").is_not_null()).n_unique().alias("rows"),
            pl.col("rank").max(),
            pl.col("fix_kind").drop_nulls().unique().sort(),
            pl.col("fix_safety").drop_nulls().unique().sort(),
        )
        .sort("rank", "count", "rule", descending=[True, True, False])
    )

    # Several kinds or safeties in one rule are said to differ rather than shown as one of them.
    def one(name: str) -> pl.Expr:
        first = pl.col(name).list.first()
        return pl.when(pl.col(name).list.len() > 1).then(pl.lit("mixed")).otherwise(first)

    severities = np.asarray(SEVERITIES)[table["rank"].to_numpy()] if table.height else []
    return table.select(
        "rule",
        pl.Series("name", [rules[code].name for code in table["rule"]], dtype=pl.String),
        pl.Series("severity", severities, dtype=pl.String),
        "count",
        "rows",
        (pl.col("rows") / max(rows, 1)).alias("share"),
        one("fix_kind").alias("fix"),
        one("fix_safety").alias("safety"),
    )
