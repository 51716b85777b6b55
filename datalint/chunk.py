"""A chunk: consecutive rows of one file, and the views that rules read.

Views are built when a rule first asks for them and then shared by all rules of the run. A rule over one message
reads `turns`, one over any text in the row reads `texts`, one that compares rows reads `compared` or `keys`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from datalint.compared import Compared, cells, strings
from datalint.dedup import packed
from datalint.dedup.kernels import LARGE, kernels
from datalint.dedup.text import folded
from datalint.dedup.tokens import tokenise_folded
from datalint.fingerprint import canonical, digest
from datalint.formats import Shape, shape_of
from datalint.source import Block, DataFile
from datalint.target import Target
from datalint.turns import Turn, as_text, escape, turns_of

if TYPE_CHECKING:
    from datalint.conversation import Dialogue
    from datalint.tokens import Rendered, RenderError
    from datalint.training import TrainedText

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
        return [None if v is None else shape_of(v, self.columns, self.format) for v in self.values]

    @cached_property
    def turn_lists(self) -> list[list[Turn]]:
        """Each row's turns; empty for rows that are unknown or could not be read."""
        return [
            [] if value is None or shape is None else turns_of(value, shape)
            for value, shape in zip(self.values, self.shapes, strict=True)
        ]

    @cached_property
    def dialogues(self) -> "list[Dialogue]":
        """Conversations of the rows that have message lists, in the order of rows: none, one or two a row."""
        from datalint.conversation import dialogues_of

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
        from datalint.training import trained_texts

        talks = {dialogue.row for dialogue in self.dialogues}
        return list(trained_texts(self.rendered, talks, self.shapes, self.turn_lists, self.target.loss))

    @cached_property
    def odd(self) -> list[int]:
        """Readable rows with a cell that is neither a scalar nor a list of plain messages (role and text, no more)."""
        return [
            row
            for row, value in enumerate(self.values)
            if value is not None and not all(_is_plain(cell) for cell in value.values())
        ]

    @cached_property
    def turns(self) -> pl.DataFrame:
        """One line a turn: row, turn, field, role, said, content, trained, pointer, calls, reasoning."""
        flat = [
            (row, number, t.field, t.role, t.said, t.content, t.trained, t.pointer, t.calls, t.reasoning)
            for row, turns in enumerate(self.turn_lists)
            for number, t in enumerate(turns)
        ]
        columns = zip(*flat, strict=True) if flat else ((),) * len(_TURNS)
        return pl.DataFrame(
            {
                name: pl.Series(name, column, dtype=dtype)
                for (name, dtype), column in zip(_TURNS.items(), columns, strict=True)
            }
        )

    @cached_property
    def texts(self) -> pl.DataFrame:
        """Every string of every readable row but names of roles: row, pointer, text, role (null outside turns)."""
        flat = [
            (row, pointer, text, role)
            for row, value in enumerate(self.values)
            if value is not None
            for pointer, text, role in strings(value, "", None)
        ]
        rows, pointers, texts, roles = zip(*flat, strict=True) if flat else ((), (), (), ())
        return pl.DataFrame(
            {
                "row": pl.Series(rows, dtype=pl.UInt32),
                "pointer": pl.Series(pointers, dtype=pl.String),
                "text": pl.Series(texts, dtype=pl.String),
                "role": pl.Series(roles, dtype=pl.String),
            }
        )

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
        known = sorted(self.literals)
        text = pl.col("text").str
        return (
            self.texts.lazy()
            .select("text")
            .with_row_index("number")
            .filter(text.contains_any(known, ascii_case_insensitive=True))
            .select(
                pl.col("number").alias("text"),
                text.extract_many(known, ascii_case_insensitive=True, overlapping=True).list.unique().alias("literal"),
            )
            .explode("literal")
            .with_columns(pl.col("literal").str.to_lowercase())
            .collect()
        )

    @cached_property
    def rows(self) -> pl.DataFrame:
        """One line a readable row: row, format, label (as text, null where there is none), label_at (its pointer)."""
        some = [(i, v, s) for i, (v, s) in enumerate(zip(self.values, self.shapes, strict=True)) if v is not None and s]
        labels = [v.get(s.fields["label"]) if "label" in s.fields else v.get("label") for _, v, s in some]
        return pl.DataFrame(
            {
                "row": pl.Series([i for i, _, _ in some], dtype=pl.UInt32),
                "format": pl.Series([s.format for _, _, s in some], dtype=pl.String),
                "label": pl.Series([None if x is None else as_text(x) for x in labels], dtype=pl.String),
                "label_at": pl.Series(
                    ["/" + escape(s.fields.get("label", "label")) for _, _, s in some], dtype=pl.String
                ),
            }
        )

    @cached_property
    def compared(self) -> list[Compared]:
        """What rows are compared by, one entry a readable row, normalised (NFKC, casefold, white space folded)."""
        some = [
            (row, value, shape, turns)
            for row, (value, shape, turns) in enumerate(zip(self.values, self.shapes, self.turn_lists, strict=True))
            if value is not None and shape is not None
        ]
        texts = [
            text
            for _, value, _, turns in some
            for text in ([turn.content for turn in turns] or [cells(value), canonical(value).decode()])
        ]
        lines = iter(folded(pl.Series(texts, dtype=pl.String)))
        return [Compared(*item, [next(lines) for _ in item[3] or range(2)]) for item in some]

    @cached_property
    def keys(self) -> pl.DataFrame:
        """128-bit keys of readable rows: row, whole_key (of what is said), raw_key (of the bytes)."""
        some = self.compared
        return pl.DataFrame(
            {
                "row": pl.Series([c.row for c in some], dtype=pl.UInt32),
                "whole_key": pl.Series(digest(c.whole for c in some), dtype=pl.Binary),
                "raw_key": pl.Series(
                    digest(self.raw(c.row) + self.block.marks.get(c.row, b"") for c in some), dtype=pl.Binary
                ),
            }
        )

    @cached_property
    def packed(self) -> pl.DataFrame:
        """Words of `compared`, as the search for near duplicates takes them: a frame of one row."""
        rows = np.array([c.row for c in self.compared], np.uint32)
        if self.large:
            return packed(rows, kernels(LARGE).tokenise(pl.Series([c.text for c in self.compared], dtype=pl.String)))
        return packed(rows, tokenise_folded([c.folded for c in self.compared]))

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


def _is_plain(cell: Any) -> bool:
    if isinstance(cell, list):
        return all(type(m) is dict and len(m) == 2 and type(m.get("content")) is str and "role" in m for m in cell)
    return not isinstance(cell, dict)
