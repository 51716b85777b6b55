"""A row as it is held against others: one text for near duplicates, one key text for each question asked of it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

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


class Compared(NamedTuple):
    """One row as it is held against others."""

    row: int
    format: str
    contents: list[str]  # of all turns that say something
    folded: list[str]  # the same after normalisation, with their line ends
    whole: str  # roles, contents, calls and label: exact duplicates
    said: list[str]  # roles, contents and calls of the turns
    ends: tuple[int, ...]  # for each trained answer the number of turns before it: leaks, conflicts
    answer: str | None  # the last trained answer: conflicts

    @property
    def text(self) -> str:
        """The contents as written, one below the other: near-duplicates."""
        return "\n".join(self.contents)

    def context(self, end: int) -> str:
        """What is said before a trained answer, one of `ends`."""
        return _PART.join(self.said[:end])


def cells(value: dict[str, Any]) -> str:
    """What a row without turns, of unknown format or broken, says: its strings, one below the other."""
    return "\n".join(text for _, text, _ in strings(value, "", None))


def compared(row: int, value: dict[str, Any], shape: Shape, turns: list[Turn], lines: list[str]) -> Compared:
    """One row; `lines` holds its turns' contents folded, or its `cells` and all of it as JSON."""
    folded = [text.replace("\n", " ") for text in lines]
    if not turns:
        return Compared(row, shape.format, [cells(value)], lines[:1], folded[1], [], (), None)
    said = [f"{t.role}{_PART}{part}{_PART}{t.calls or ''}" for t, part in zip(turns, folded, strict=True)]
    label = value.get(shape.fields.get("label", "label"))
    whole = _PART.join(said) + ("" if label is None else _PART + " ".join(as_text(label).casefold().split()))
    spoken = [(t.content, part) for t, part in zip(turns, lines, strict=True) if t.content and t.field != "label"]
    contents, parts = [content for content, _ in spoken], [part for _, part in spoken if part]
    if shape.format == "text":
        return Compared(row, shape.format, contents, parts, whole, said, (1,) if folded[0] else (), None)
    # A rejected answer is not what the model is to say.
    answers = [i for i, t in enumerate(turns) if t.trained and t.field != "rejected"]
    ends = answers or ([len(turns)] if shape.format == "prompt-only" else [])
    asked = tuple(end for end in ends if any(folded[:end]))
    last = answers[-1] if answers else None
    answer = None if last is None else folded[last] + (_PART + (turns[last].calls or "") if turns[last].calls else "")
    return Compared(row, shape.format, contents, parts, whole, said, asked, answer)
