"""A chunk: consecutive rows of one file, and the views that rules read.

Views are built when a rule first asks for them and then shared by all rules of the run. A rule over one message
reads `turns`, one over any text in the row reads `texts`, one that compares rows reads `compared` or `keys`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import polars as pl

from datalint.dedup import packed
from datalint.dedup.kernels import LARGE, kernels
from datalint.dedup.tokens import tokenise_folded
from datalint.fingerprint import digest
from datalint.formats import Shape
from datalint.literals import hits
from datalint.source import Block, DataFile
from datalint.target import Target
from datalint.views.compared import Compared, Held, held
from datalint.views.flat import TurnLists, Turns, texts, turns
from datalint.views.forms import Form, Plain, forms_of, plain_of
from datalint.views.turns import Turn, as_text, escape

if TYPE_CHECKING:
    from datalint.tokens import Rendered, RenderError
    from datalint.views.conversation import Dialogue
    from datalint.views.training import TrainedText

Made = TypeVar("Made")

# The date that templates are told: two runs over the same data must find the same.
_TODAY = datetime(2026, 1, 1)
_TURNS = {
    "row": pl.UInt32,
    "turn": pl.UInt32,
    "field": pl.String,
    "role": pl.String,
    "said": pl.String,
    "content": pl.String,
    "trained": pl.Boolean,
    "pointer": pl.String,
    "calls": pl.String,
    "reasoning": pl.String,
}
_TEXTS = {"row": pl.UInt32, "pointer": pl.String, "text": pl.String, "role": pl.String}
_ROWS = {"row": pl.UInt32, "format": pl.String, "label": pl.String, "label_at": pl.String}
_FAULTS = {
    "code": pl.String,
    "row": pl.UInt32,
    "line": pl.Int64,
    "pointer": pl.String,
    "reason": pl.String,
    "fix_kind": pl.String,
    "fix_safety": pl.String,
}


@dataclass(frozen=True)
class Chunk:
    """Rows `0 .. len(chunk)` of a block; every `row` in its frames is this local number."""

    file: DataFile
    block: Block
    columns: Mapping[str, str] = field(default_factory=dict)  # our field -> the file's column
    format: str | None = None  # as the user gave it; None: judged row by row
    target: Target = field(default_factory=Target)
    large: bool = False  # one of so many that compiled kernels pay
    literals: frozenset[str] = frozenset()  # lower case; what `texts_with` will be asked for

    def __len__(self) -> int:
        return len(self.block.values)

    @property
    def values(self) -> list[dict[str, Any] | None]:
        """The rows as read; None where a row could not be read."""
        return self.block.values

    def raw(self, row: int) -> bytes:
        """The exact bytes of a row, without its line end."""
        return self.block.raw(row)

    @cached_property
    def shapes(self) -> list[Shape | None]:
        """Each row's format and columns; None where a row could not be read."""
        shapes: list[Shape | None] = [None] * len(self)
        for form in self.forms:
            for row in form.rows:
                shapes[row] = form.shape
        return shapes

    @cached_property
    def turn_lists(self) -> Sequence[list[Turn]]:
        """Each row's turns; empty for rows that are unknown or could not be read."""
        return TurnLists(self.values, self.shapes)

    @cached_property
    def dialogues(self) -> "list[Dialogue]":
        """Conversations of the rows that have message lists, in the order of rows: none, one or two a row."""
        from datalint.views.conversation import dialogues_of

        return [
            dialogue
            for row, (value, shape, turns) in enumerate(zip(self.values, self.shapes, self.turn_lists, strict=True))
            if value is not None and shape is not None
            for dialogue in dialogues_of(row, value, shape, turns)
        ]

    @cached_property
    def rendered(self) -> "list[tuple[Dialogue, Rendered | RenderError]]":
        """Each of `dialogues` with its render by the target's template; empty where there is no template."""
        from datalint.tokens import render_rows

        template = self.target.template
        if template is None:
            return []
        renders = render_rows(template, [dialogue.conversation for dialogue in self.dialogues])
        return list(zip(self.dialogues, renders, strict=True))

    @cached_property
    def trained(self) -> "list[TrainedText]":
        """What a trainer tokenizes of each row, and what of it the loss sees; rows without a trained part are left out.

        Rows with message lists need the target's template. A preference row has two: chosen and rejected.
        """
        from datalint.views.training import as_trained, trained_texts

        talks = {dialogue.row for dialogue in self.dialogues}
        texts = trained_texts(self.rendered, talks, self.shapes, self.turn_lists, self.target.loss)
        return [as_trained(text, self.target) for text in texts]

    @cached_property
    def forms(self) -> list[Form]:
        """Readable rows by columns, types of cells and format, in the order of each form's first row."""
        return forms_of(self.values, self.columns, self.format)

    @cached_property
    def _plain(self) -> list[Plain]:
        return [plain_of(self.values, form) for form in self.forms]

    @cached_property
    def odd(self) -> list[int]:
        """Readable rows with a cell that is neither a scalar nor a list of plain messages (role and text, no more)."""
        plain = {row for plain in self._plain for row in plain.rows}
        return [row for row, value in enumerate(self.values) if value is not None and row not in plain]

    def once(self, make: Callable[["Chunk"], Made]) -> Made:
        """What `make` makes of this chunk, made at the first call: a view that only one family of rules needs."""
        if make not in self._made:
            self._made[make] = make(self)
        made: Made = self._made[make]
        return made

    @cached_property
    def _made(self) -> dict[Callable[["Chunk"], Any], Any]:
        return {}

    @cached_property
    def turns(self) -> pl.DataFrame:
        """One line a turn: row, turn, field, role, said, content, trained, pointer, calls, reasoning."""
        flat = self._turns._asdict() | {"turn": self._turns.numbers()}
        return pl.DataFrame([pl.Series(name, flat[name], dtype=dtype) for name, dtype in _TURNS.items()])

    @cached_property
    def _turns(self) -> Turns:
        return turns(self.values, self._plain)

    @cached_property
    def texts(self) -> pl.DataFrame:
        """Every string of every readable row but names of roles: row, pointer, text, role (null outside turns)."""
        flat = texts(self.values, self._plain)._asdict()
        return pl.DataFrame([pl.Series(name, flat[name], dtype=dtype) for name, dtype in _TEXTS.items()])

    def texts_with(self, literals: Sequence[str]) -> pl.DataFrame:
        """Those of `texts` that hold any of some literals, in any (ASCII) case: what a rule's expression need look at.

        One search over all texts answers for all rules of the run that declare their literals.
        """
        wanted = [literal.lower() for literal in literals]
        if not self.literals.issuperset(wanted):
            return self.texts.filter(pl.col("text").str.contains_any(wanted, ascii_case_insensitive=True))
        return self.texts[self._hits.filter(pl.col("literal").is_in(wanted))["text"].unique().sort()]

    @cached_property
    def _hits(self) -> pl.DataFrame:
        """Which literal of the run stands in which text: text (number in `texts`), literal."""
        return hits(self.texts["text"], self.literals)

    @cached_property
    def rows(self) -> pl.DataFrame:
        """One line a readable row: row, format, label (as text, null where there is none), label_at (its pointer)."""
        lines: list[tuple[int, str, str | None, str]] = []
        for shape, types, rows in self.forms:
            column = shape.fields.get("label", "label")
            where = "/" + escape(column)
            if types.get(column, NoneType) is NoneType:
                lines += [(row, shape.format, None, where) for row in rows]
            else:
                lines += [(row, shape.format, as_text((self.values[row] or {})[column]), where) for row in rows]
        return pl.DataFrame(sorted(lines), schema=_ROWS, orient="row")

    @cached_property
    def held(self) -> Held:
        """What readable rows are compared by, normalised (NFKC, casefold, white space folded)."""
        return held(self.values, self.forms, self._turns)

    @cached_property
    def compared(self) -> list[Compared]:
        """`held`, one entry a row."""
        return self.held.compared()

    @cached_property
    def keys(self) -> pl.DataFrame:
        """128-bit keys of readable rows: row, whole_key (of what is said), raw_key (of the bytes)."""
        rows, marks = self.held.rows, self.block.marks
        raw: Iterable[bytes | memoryview] = (self.raw(row) + marks.get(row, b"") for row in rows)
        if self.block.data and not marks:
            data, starts, ends = memoryview(self.block.data), self.block.starts[rows], self.block.ends[rows]
            raw = (data[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True))
        return pl.DataFrame(
            {
                "row": pl.Series(rows, dtype=pl.UInt32),
                "whole_key": pl.Series(digest(self.held.whole()), dtype=pl.Binary),
                "raw_key": pl.Series(digest(raw), dtype=pl.Binary),
            }
        )

    @cached_property
    def packed(self) -> pl.DataFrame:
        """Words of `held`, as the search for near duplicates takes them: a frame of one row."""
        rows = np.array(self.held.rows, np.uint32)
        if self.large:
            return packed(rows, kernels(LARGE).tokenise(pl.Series([c.text for c in self.compared], dtype=pl.String)))
        return packed(rows, tokenise_folded(self.held.rows_folded()))

    @cached_property
    def faults(self) -> pl.DataFrame:
        """What the reader could not take as it is: code, row (null: the whole file), line, pointer, reason, fix_*."""
        first = self.block.first_row
        flat = [
            (
                f.code,
                None if f.row is None else f.row - first,
                f.line,
                f.pointer,
                f.reason,
                f.fix_kind,
                f.fix_safety,
            )
            for f in self.block.faults
        ]
        return pl.DataFrame(flat, schema=_FAULTS, orient="row")

    def told(self, code: str) -> pl.DataFrame:
        """The reader's faults of one code, as a rule's findings: row, line, pointer, reason, fix_kind, fix_safety."""
        return self.faults.filter(pl.col("code") == code).drop("code")
