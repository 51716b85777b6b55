"""What a rule is.

A rule is a frozen dataclass in a file of its own. Its class attributes say what it is called and how bad a finding
is; its fields, made with `option`, are what a user can configure; its docstring is its documentation, under fixed
headings; its `bad` and `good` examples are its test. Three methods make it work:

- `map(chunk)` looks at one chunk and returns a frame. It is pure: no memory of other chunks.
- `reduce(frame)`, for rules with a `key`, sees all mapped rows whose keys are equal (and others: it groups by the key).
- `finish(frame, totals)` sees what is left of the whole dataset.

A rule whose mapped rows are too many for one frame overrides `meet(parts, totals)` in place of the last two.

A rule that only maps returns its findings right there: a line each, with `row` (the chunk's local number) and,
where they help, `pointer`, `start`, `end`, `severity`, `fix_kind`, `fix_safety`; every other column is an argument
of `message`. Rules that reduce or finish get back `file`, `row` (now the record's number in its file), and what
their map returned, and return findings with `file`, `row` and, for the other side of a pair, `related_file` and
`related_row`.
"""

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import polars as pl

from datalint.chunk import Chunk
from datalint.shards import Shards
from datalint.spool import Spool

Severity = Literal["error", "warning", "info"]

SECTIONS = ("What it does", "Why is this bad?", "Example", "Fix safety", "Options", "References")


@dataclass(frozen=True, slots=True)
class Fix:
    """What cleaning does about a finding: rewrite the row or drop it; safe fixes leave what the model sees as it is."""

    kind: Literal["rewrite", "drop"]
    safety: Literal["safe", "unsafe"]


@dataclass(frozen=True, slots=True)
class Sample:
    """An example dataset of a rule: files by name, and the options of the run that reads them."""

    files: Mapping[str, Any]  # name -> rows (a list: dicts as JSON Lines, strings as they are), text or bytes
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # as `datalint.check` takes them


@dataclass(frozen=True, slots=True)
class Totals:
    """What `finish` may know of the data that it judges: one dataset, and one split where the rule works within one.

    For a rule that works within a split, the shards of one file are that file.
    """

    rows: int  # readable rows
    file_rows: Mapping[int, int]  # file -> its records, unreadable ones included
    shards: Shards = dataclasses.field(default_factory=Shards)


@dataclass(frozen=True, slots=True)
class Found:
    """A finding as `rewrite` sees it."""

    pointer: str | None
    start: int | None
    end: int | None
    args: Mapping[str, Any]


def option(default: Any, help: str) -> Any:  # noqa: A002 - the word that every command-line library uses
    """A configurable value of a rule: its default, and one sentence for the documentation."""
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata={"help": help})
    return dataclasses.field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Rule:
    """Base of all rules. See the module's docstring for how the methods work together."""

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    message: ClassVar[str]
    since: ClassVar[str] = "0.1"
    status: ClassVar[Literal["stable", "preview", "deprecated"]] = "stable"
    default: ClassVar[bool] = True  # on unless the user says otherwise
    needs: ClassVar[tuple[str, ...]] = ()  # template, tokenizer, max-length, eval, reference: silent without
    aliases: ClassVar[tuple[str, ...]] = ()
    fix: ClassVar[Fix | None] = None
    fix_title: ClassVar[str] = ""  # what the fix does, in a few words
    leads: ClassVar[bool] = False  # its rewrite goes before those of other rules, which would spoil what it looks for
    always: ClassVar[bool] = False  # told whatever was selected, unless ignored by its own name
    key: ClassVar[tuple[str, ...]] = ()  # mapped rows with equal values here must meet in one `reduce`
    literals: ClassVar[tuple[str, ...]] = ()  # the rule looks only at `chunk.texts_with` these
    within: ClassVar[Literal["file", "split", "dataset"]] = "split"  # how far a rule that reduces or finishes looks
    splits: ClassVar[tuple[str, ...]] = ("train", "eval")  # the splits whose rows it reads
    bad: ClassVar[Sequence[Any]] = ()
    good: ClassVar[Sequence[Any]] = ()

    def map(self, chunk: Chunk) -> pl.DataFrame:  # noqa: ARG002
        """One chunk's findings, or what `reduce` and `finish` need of it."""
        return none()

    def reduce(self, frame: pl.DataFrame) -> pl.DataFrame:
        """All mapped rows of some keys -> what is left of them."""
        return frame

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:  # noqa: ARG002
        """What is left of the dataset -> findings."""
        return frame

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:  # noqa: ARG002
        """The repaired row. Gets a copy that it may change. Must be idempotent."""
        return row

    def meet(self, parts: Spool, totals: Totals) -> pl.DataFrame:
        """All that was mapped -> findings: each partition is reduced, what is left of them finished."""
        reduced = [self.reduce(totals.shards.joined(part)) for part in parts.partitions()]
        some = [part for part in reduced if part.height] or reduced[:1]
        left = pl.concat(some, how="diagonal_relaxed", rechunk=True)
        return totals.shards.parted(self.finish(left, totals)) if left.height else left

    @property
    def family(self) -> str:
        """The letters of the code."""
        return self.code.rstrip("0123456789")

    @property
    def scope(self) -> Literal["row", "dataset"]:
        """row: judged by itself or by its file, so that a commit hook can; dataset: needs to see other files."""
        return "dataset" if self.gathers and self.within != "file" else "row"

    @property
    def gathers(self) -> bool:
        """The rule's map output is not findings yet."""
        return any(getattr(type(self), name) is not getattr(Rule, name) for name in ("reduce", "finish", "meet"))

    def documentation(self) -> str:
        """The docstring, dedented."""
        return inspect.cleandoc(type(self).__doc__ or "")

    def summary(self) -> str:
        """The first sentence of the documentation, without its full stop."""
        return " ".join(self.documentation().split("\n\n", 1)[0].split()).rstrip(".")

    def options(self) -> dict[str, tuple[Any, str]]:
        """Configurable values, kebab-case: value and help."""
        return {
            f.name.replace("_", "-"): (getattr(self, f.name), f.metadata.get("help", ""))
            for f in dataclasses.fields(self)
        }


def none() -> pl.DataFrame:
    """No findings, from a map that saw nothing to look at."""
    return pl.DataFrame()
