"""The row for a terminal: colours where there are any, else a line of marks under each line of text."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from datalint.explain.seen import Explained, Piece, Seen
from datalint.report.escape import inert, named, shown, visible

Style = Callable[..., str]

_COLORS = {"error": "red", "warning": "yellow", "info": "blue"}
# First and other cells of a token: outside of what is trained, inside, and where the cut takes it away.
_MARKS = {"read": ("'", " "), "trained": ("^", "~"), "cut": ("X", "x")}
_SHADES = (None, 236)  # backgrounds of neighbouring tokens


class _Cell(NamedTuple):
    text: str
    piece: int
    first: bool  # of its piece


def render(explained: Explained, *, color: bool, width: int) -> str:
    """The whole explanation; lines of the row are broken at `width` cells, and nothing is left out."""
    import click

    style: Style = click.style if color else lambda text, **_: text
    return "".join(inert(line.rstrip()) + "\n" for line in _lines(explained, style, color=color, width=width))


def _lines(explained: Explained, style: Style, *, color: bool, width: int) -> Iterator[str]:
    line = "" if explained.line is None else f":{explained.line}"
    yield style(f"{named(explained.file)}{line}", bold=True) + f"  row {explained.row:,}, {explained.format}"
    yield from (f"  {name}: {named(value)}" for name, value in explained.target.items())
    for number, seen in enumerate(explained.seen, 1):
        yield ""
        if len(explained.seen) > 1:
            yield style(f"text {number} of {len(explained.seen)}", bold=True)
        if seen.error is not None:
            yield style("the template renders nothing: ", fg="red") + shown(seen.error)
            continue
        yield counts(seen)
        yield from _text(seen.pieces, style, color=color, width=width)
    if any(seen.pieces for seen in explained.seen):
        yield ""
        yield _legend(style, color=color)
    for finding in explained.findings:
        yield ""
        yield f"{style(finding.rule, fg=_COLORS[finding.severity], bold=True)} {finding.name}  [{finding.severity}]"
        where = f"{visible(finding.pointer)}: " if finding.pointer else ""
        yield f"  {where}{visible(finding.message)}"


def counts(seen: Seen) -> str:
    """What is trained, read and cut away, in tokens; in characters where there is no tokenizer."""
    if seen.tokens is None:
        chars = sum(len(piece.text) for piece in seen.pieces)
        trained = sum(len(piece.text) for piece in seen.pieces if piece.trained)
        return f"{chars:,} characters, {trained:,} of them trained (no tokenizer.json: no tokens)"
    return f"{seen.tokens:,} tokens: {seen.trained:,} trained, {seen.cut:,} cut away"


def kind(piece: Piece) -> str:
    """`cut`, `trained` or `read`."""
    return "cut" if piece.cut else "trained" if piece.trained else "read"


def printed(char: str, following: str) -> str:
    """A character as it is shown: line ends, tabs and blanks before a line end can be seen."""
    if char == "\n":
        return "↵"
    return "→" if char == "\t" else "·" if char == " " and following in ("\n", "") else visible(char)


def _text(pieces: Sequence[Piece], style: Style, *, color: bool, width: int) -> Iterator[str]:
    for cells in _broken(pieces, width):
        if color:
            runs = groupby(cells, key=attrgetter("piece"))
            yield "".join(_styled("".join(c.text for c in run), number, pieces[number], style) for number, run in runs)
        else:
            yield "  " + "".join(cell.text for cell in cells)
            marks = "".join(_mark(cell, pieces[cell.piece]) for cell in cells)
            yield from ["  " + marks] if marks.strip() else []


def _broken(pieces: Sequence[Piece], width: int) -> Iterator[list[_Cell]]:
    """Lines of cells: a line ends where the text's does, or where it is full."""
    from rich.cells import cell_len

    cells: list[_Cell] = []
    used = 0
    for number, piece in enumerate(pieces):
        following = next((other.text[0] for other in pieces[number + 1 :] if other.text), "")
        for at, char in enumerate(piece.text):
            text = printed(char, piece.text[at + 1] if at + 1 < len(piece.text) else following)
            used += cell_len(text)
            if used > width and cells:
                full, cells = _wrapped(cells)
                yield full
                used = sum(cell_len(cell.text) for cell in cells) + cell_len(text)
            cells.append(_Cell(text, number, first=not at))
            if char == "\n":
                yield cells
                cells, used = [], 0
    if cells:
        yield cells


def _wrapped(cells: list[_Cell]) -> tuple[list[_Cell], list[_Cell]]:
    """A full line, and what goes on in the next one: broken after a space where there is one in its last third."""
    blanks = (at for at in range(len(cells) - 1, 2 * len(cells) // 3, -1) if cells[at].text == " ")
    at = next(blanks, len(cells) - 1) + 1
    return cells[:at], cells[at:]


def _styled(text: str, number: int, piece: Piece, style: Style) -> str:
    shade = _SHADES[number % 2] if piece.ids else None
    if piece.cut:
        return style(text, fg="red", strikethrough=True, bg=shade)
    color = "green" if piece.trained else "cyan" if piece.special else None
    return style(text, fg=color, bold=piece.special or None, bg=shade)


def _mark(cell: _Cell, piece: Piece) -> str:
    from rich.cells import cell_len

    first, other = _MARKS[kind(piece)]
    cells = cell_len(cell.text)
    starts = cell.first and bool(piece.ids)
    return ((first if starts else other) + other * (cells - 1))[:cells]


def _legend(style: Style, *, color: bool) -> str:
    if color:
        words = (
            style("trained", fg="green"),
            "read only",
            style("control token", fg="cyan", bold=True),
            style("cut away", fg="red", strikethrough=True),
        )
        return f"{', '.join(words)}; shades are tokens, ↵ is a line feed"
    return "marks: ^~ trained, ' read only, Xx cut away; ' ^ X begin a token, ↵ is a line feed"
