"""From findings to what is done about them: ordered rewrites and drops of rows.

A `Fixes` holds findings, never row values: it is applied to rows each time that they are read. It grows in rounds:
the rows as one round leaves them are checked again, and what is found there makes the next round.

The order within a round, for one row:

1. Rewrites: first those of rules that take rows apart (`Rule.leads`), then in the order of the rules' codes. A rule is
   applied only if all that its findings point to is still what the rule saw; otherwise it is judged again in the next
   round.
2. Drops. A row that is rewritten in this round is not dropped in it: the rewrite may have removed the reason. Nor is
   a row that repeats or contradicts another one which a different rule drops in this round.

What a round puts off in this way is counted in `Round.postponed`. A finding whose rewrite left its row as it was is
not tried again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from datalint.errors import RulePackError
from datalint.fingerprint import digest
from datalint.location import parts
from datalint.rule import Found, Rule
from datalint.source import Block

_PLACE = ("file", "row", "rule", "pointer", "start", "end", "args")
_NOTHING = pl.DataFrame(
    schema={
        "file": pl.UInt32,
        "row": pl.Int64,
        "rule": pl.String,
        "pointer": pl.String,
        "start": pl.UInt32,
        "end": pl.UInt32,
        "args": pl.String,
    }
)


class Step(NamedTuple):
    """One rule's rewrite of one row."""

    rule: str
    before: dict[str, Any]
    after: dict[str, Any]


class Drop(NamedTuple):
    """Why a row is dropped: (rule, message arguments as JSON), in the order of the codes."""

    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Repaired:
    """The rows of a block after all rounds; indices are local to the block.

    `values` has None for rows that are dropped or could not be read. `steps` are the rewrites of rows that are kept.
    """

    values: list[dict[str, Any] | None]
    steps: Mapping[int, Sequence[Step]]
    drops: Mapping[int, Drop]


@dataclass(frozen=True)
class Round:
    """What one check of the rows led to: frames of findings (columns of _PLACE), sorted by file, row and rule."""

    rewrites: pl.DataFrame
    drops: pl.DataFrame
    postponed: int = 0
    _slices: dict[tuple[str, int], tuple[npt.NDArray[np.int64], pl.DataFrame]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        for name, frame in (("rewrites", self.rewrites), ("drops", self.drops)):
            for (file,), part in frame.partition_by("file", as_dict=True, maintain_order=True).items():
                self._slices[name, int(file)] = part["row"].to_numpy(), part

    @property
    def empty(self) -> bool:
        """Nothing is to be done."""
        return not (self.rewrites.height or self.drops.height)

    def rewrites_of(self, file: int) -> bool:
        """Whether rows of a file are rewritten."""
        return ("rewrites", file) in self._slices

    def of(self, kind: str, file: int, first: int, count: int) -> pl.DataFrame:
        """The rewrites or drops of the rows `first` to `first + count - 1` of a file."""
        rows, frame = self._slices.get((kind, file), (None, _NOTHING))
        if rows is None:
            return frame
        low, high = np.searchsorted(rows, (first, first + count))
        return frame[int(low) : int(high)]


@dataclass(frozen=True)
class Fixes:
    """All rounds so far. Calling it with a file's number and a block is the engine's `repair`."""

    rules: Mapping[str, Rule]
    rounds: tuple[Round, ...] = ()
    columns: Mapping[int, Sequence[str]] = field(default_factory=dict)  # file -> columns that every row will have

    def then(self, found: pl.DataFrame, *, unsafe: bool) -> "Fixes":
        """With one more round, made from the findings on the rows as they are now."""
        return replace(self, rounds=(*self.rounds, _round(found, self, unsafe=unsafe)))

    def __call__(self, file: int, block: Block) -> Block:
        """The block as the next check is to see it: rewritten, with all columns of its file, and the bytes as read.

        Copies are told by the bytes as they were read: what a rewrite or the storage makes equal was not written twice.
        """
        done = self.repaired(file, block)
        values = done.values
        if void := dict.fromkeys(self.columns.get(file, ())):
            values = [None if value is None else void | value for value in values]
        marks = block.marks
        if not len(block.data):  # rows of Parquet have no bytes but those that their values make
            marks = {**{at: digest([block.raw(at)])[0] for at in range(len(values)) if block.values[at]}, **marks}
        return replace(block, values=values, marks=marks)

    def repaired(self, file: int, block: Block) -> Repaired:
        """The rows of a block after all rounds. Raises RulePackError if a rule's rewrite fails."""
        values = list(block.values)
        steps: dict[int, list[Step]] = {}
        drops: dict[int, Drop] = {}
        for one in self.rounds:
            for row, found in _by_row(one.of("rewrites", file, block.first_row, len(block))):
                at = row - block.first_row
                value = values[at]
                if value is not None:
                    made = self._rewritten(value, found, row)
                    if made:
                        steps.setdefault(at, []).extend(made)
                        values[at] = made[-1].after
            for row, found in _by_row(one.of("drops", file, block.first_row, len(block))):
                at = row - block.first_row
                values[at] = None
                steps.pop(at, None)
                drops[at] = Drop(tuple((item[2], item[6]) for item in found))
        return Repaired(values, steps, drops)

    def _rewritten(self, value: dict[str, Any], found: Iterable[tuple[Any, ...]], row: int) -> list[Step]:
        steps: list[Step] = []
        now = value
        for code, items in groupby(found, key=itemgetter(2)):
            places = [Found(item[3], item[4], item[5], msgspec.json.decode(item[6])) for item in items]
            if steps and not all(_untouched(value, now, place.pointer or "") for place in places):
                continue
            try:
                made = self.rules[code].rewrite(copied(now), places)
            except Exception as error:
                raise RulePackError(f"{code}: its fix fails on row {row}: {type(error).__name__}: {error}") from error
            if not isinstance(made, dict):
                raise RulePackError(f"{code}: its fix of row {row} returns a {type(made).__name__}, not a row")
            if not same(made, now):
                steps.append(Step(code, now, made))
                now = made
        return steps


def rewrites(rule: Rule) -> bool:
    """Whether the rule has a rewrite of its own. The reader's own repairs (an array unwrapped) need none."""
    return type(rule).rewrite is not Rule.rewrite


def taken(found: pl.DataFrame, rules: Mapping[str, Rule], *, unsafe: bool) -> pl.DataFrame:
    """The findings about a row whose fix is to be carried out."""
    able = [code for code, rule in rules.items() if rewrites(rule)]
    wanted = ["safe", "unsafe"] if unsafe else ["safe"]
    return found.filter(
        pl.col("row").is_not_null()
        & pl.col("fix_safety").is_in(wanted)
        & ((pl.col("fix_kind") == "drop") | ((pl.col("fix_kind") == "rewrite") & pl.col("rule").is_in(able)))
    )


def _round(found: pl.DataFrame, fixes: Fixes, *, unsafe: bool) -> Round:
    wanted = taken(found, fixes.rules, unsafe=unsafe)
    changes = _sorted(wanted.filter(pl.col("fix_kind") == "rewrite"))
    # Only the round before: what another fix has moved to the place of a mended fault since is a new fault.
    for earlier in fixes.rounds[-1:]:
        # The first rule of a row was applied for certain: where its finding is back, its rewrite is of no use.
        tried = earlier.rewrites.filter(pl.col("rule") == pl.col("rule").first().over("file", "row"))
        changes = changes.join(tried, on=list(_PLACE), how="anti", nulls_equal=True)
    leading = [code for code, rule in fixes.rules.items() if rule.leads]
    changes = _sorted(changes).sort("file", "row", ~pl.col("rule").is_in(leading), maintain_order=True)
    drops = wanted.filter(pl.col("fix_kind") == "drop")
    ready = drops.join(changes, on=["file", "row"], how="anti")
    settled = _without_orphans(ready)
    postponed = drops.select("file", "row").n_unique() - settled.select("file", "row").n_unique()
    return Round(changes, _sorted(settled), postponed)


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(_PLACE).sort("file", "row", "rule", "pointer", "start", maintain_order=True)


def _without_orphans(drops: pl.DataFrame) -> pl.DataFrame:
    """Drops without those of rows whose counterpart another rule drops at the same time."""
    paired = drops["related"].list.len() > 0
    if not paired.any():
        return drops
    alone: dict[tuple[int, int], set[str]] = {}
    for file, row, rule in drops.filter(~paired).select("file", "row", "rule").iter_rows():
        alone.setdefault((file, row), set()).add(rule)
    if not alone:
        return drops
    keep = [
        not any(alone.get((place["file"], place["row"]), set()) - {rule} for place in related)
        for rule, related in drops.select("rule", "related").iter_rows()
    ]
    return drops.filter(pl.Series(keep, dtype=pl.Boolean))


def _by_row(frame: pl.DataFrame) -> Iterable[tuple[int, list[tuple[Any, ...]]]]:
    for row, items in groupby(frame.iter_rows(), key=itemgetter(1)):
        yield row, list(items)


def _untouched(then: Any, now: Any, pointer: str) -> bool:
    """What the pointer points to is what it was, and no list on the way has become longer or shorter."""
    for part in parts(pointer):
        if isinstance(then, list) and isinstance(now, list):
            if len(then) != len(now) or not part.isdigit() or int(part) >= len(then):
                return False
            then, now = then[int(part)], now[int(part)]
        elif isinstance(then, dict) and isinstance(now, dict):
            if part not in then or part not in now:
                # A finding may point to a key that is missing.
                return part not in then and part not in now
            then, now = then[part], now[part]
        else:
            return False
    return same(then, now)


def copied(value: Any) -> Any:
    """A deep copy of a JSON value."""
    # Loops, not comprehensions: those would take a second frame for each level of nesting.
    if isinstance(value, dict):
        made = dict(value)
        for key, item in value.items():
            if isinstance(item, (dict, list)):
                made[key] = copied(item)
        return made
    if isinstance(value, list):
        items = list(value)
        for index, item in enumerate(value):
            if isinstance(item, (dict, list)):
                items[index] = copied(item)
        return items
    return value


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: unlike in Python, 1, 1.0 and true are three values. The order of keys does not count."""
    pairs = [(one, other)]
    while pairs:
        a, b = pairs.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, dict):
            if a.keys() != b.keys():
                return False
            pairs += [(item, b[key]) for key, item in a.items()]
        elif isinstance(a, list):
            if len(a) != len(b):
                return False
            pairs += zip(a, b, strict=True)
        elif a != b and (a == a or b == b):  # NaN is the same as NaN
            return False
    return True
