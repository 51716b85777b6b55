"""A row as it is held against others: one text for near duplicates, one key text for each question asked of it."""

from collections.abc import Iterator
from typing import Any

from datalint.formats import Shape
from datalint.turns import ROLES, Turn, as_text, escape

# Stands between the parts of a row that is compared: no text that white-space folding could make or eat.
_PART = "\x00"


def strings(value: Any, pointer: str, role: str | None) -> Iterator[tuple[str, str, str | None]]:
    """Every string leaf as (pointer, text, role of the message it stands in)."""
    if isinstance(value, str):
        yield pointer, value, role
    elif isinstance(value, dict):
        said = value.get("role", value.get("from"))
        if len(value) == 2 and isinstance(said, str) and isinstance(text := value.get("content"), str):
            yield f"{pointer}/content", text, ROLES.get(said, said)  # the plain message, by far the most frequent one
            return
        speaks = isinstance(said, str)
        role = ROLES.get(said, said) if isinstance(said, str) else role
        for key, item in value.items():
            if not (speaks and key in ("role", "from")):
                yield from strings(item, f"{pointer}/{escape(key)}", role)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings(item, f"{pointer}/{index}", role)


class Compared:
    """One readable row as it is held against others. What a rule does not ask for is never put together."""

    __slots__ = ("_ends", "_lines", "_parts", "_shape", "_turns", "_value", "format", "row")

    def __init__(self, row: int, value: dict[str, Any], shape: Shape, turns: list[Turn], lines: list[str]) -> None:
        """`lines` holds the turns' contents folded; of a row without turns its `cells`, and all of it as JSON."""
        self.row, self.format = row, shape.format
        self._value, self._shape, self._turns, self._lines = value, shape, turns, lines
        self._ends: tuple[int, ...] | None = None
        self._parts: list[str] | None = None

    @property
    def text(self) -> str:
        """The contents of all turns as written, one below the other: near-duplicates."""
        if not self._turns:
            return cells(self._value)
        return "\n".join(turn.content for turn in self._turns if turn.content and turn.field != "label")

    @property
    def folded(self) -> str:
        """`text` after normalisation, with its line ends."""
        lines = self._lines if self._turns else self._lines[:1]
        if self.format == "classification":
            lines = [line for line, turn in zip(lines, self._turns, strict=True) if turn.field != "label"]
        return "\n".join(filter(None, lines))

    @property
    def whole(self) -> str:
        """Roles, contents, calls and label: exact duplicates."""
        if not self._turns:
            return self._lines[1].replace("\n", " ")
        label = self._value.get(self._shape.fields.get("label", "label"))
        said = _PART.join(self._said())
        return said if label is None else said + _PART + " ".join(as_text(label).casefold().split())

    @property
    def ends(self) -> tuple[int, ...]:
        """For each trained answer the number of turns before it: leaks, conflicts."""
        if self._ends is None:
            asked = self._answers() or ([len(self._turns)] if self.format == "prompt-only" else [])
            ends = [1] if self.format == "text" else asked
            self._ends = tuple(end for end in ends if any(self._lines[:end])) if self._turns else ()
        return self._ends

    @property
    def answer(self) -> str | None:
        """The last trained answer: conflicts."""
        answers = self._answers()
        if self.format == "text" or not answers:
            return None
        calls = self._turns[answers[-1]].calls
        return self._lines[answers[-1]].replace("\n", " ") + (_PART + calls if calls else "")

    def context(self, end: int) -> str:
        """What is said before a trained answer, one of `ends`."""
        return _PART.join(self._said()[:end])

    def _said(self) -> list[str]:
        if self._parts is None:
            self._parts = [
                f"{turn.role}{_PART}" + line.replace("\n", " ") + f"{_PART}{turn.calls or ''}"
                for turn, line in zip(self._turns, self._lines, strict=True)
            ]
        return self._parts

    def _answers(self) -> list[int]:
        # A rejected answer is not what the model is to say.
        return [i for i, turn in enumerate(self._turns) if turn.trained and turn.field != "rejected"]


def cells(value: dict[str, Any]) -> str:
    """What a row without turns, of unknown format or broken, says: its strings, one below the other."""
    return "\n".join(text for _, text, _ in strings(value, "", None))
