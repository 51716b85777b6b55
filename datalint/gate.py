"""Whether a run passes: by severity, and by limits on the share of rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from datalint.errors import ConfigError
from datalint.findings import SEVERITIES

_LIMIT = re.compile(r"\s*>\s*(\d+(?:\.\d+)?)\s*(%?)\s*")


@dataclass(frozen=True, slots=True)
class Limit:
    """More than this many findings, or more than this share of rows, fails the gate."""

    text: str
    count: float | None
    share: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that failed the gate."""

    rule: str
    count: int
    share: float
    limit: str


def parse_limit(text: str, *, origin: str) -> Limit:
    """`> 1%` or `> 0`. Raises ConfigError."""
    match = _LIMIT.fullmatch(text)
    if match is None:
        raise ConfigError(f"{origin}: {text!r} is no limit; write '> 0' (findings) or '> 1%' (share of rows)")
    number = float(match[1])
    tidy = f"> {match[1]}{match[2]}"
    return Limit(tidy, None, number / 100) if match[2] else Limit(tidy, number, None)


def judge(summary: pl.DataFrame, *, fail_on: str, limits: Mapping[str, Limit]) -> Sequence[Failure]:
    """The failures of a run, worst count first. A rule's own limit stands in place of its severity.

    `summary` has rule, count, share (of rows) and severity (the worst), a line a rule.
    """
    failures = []
    for line in summary.iter_rows(named=True):
        limit = limits.get(line["rule"])
        if limit is not None:
            over = line["count"] > limit.count if limit.count is not None else line["share"] > (limit.share or 0)
        else:
            over = fail_on != "never" and SEVERITIES.index(line["severity"]) >= SEVERITIES.index(fail_on)
        if over:
            text = limit.text if limit else "> 0"
            failures.append(Failure(line["rule"], line["count"], line["share"], text))
    return sorted(failures, key=lambda f: (-f.count, f.rule))
