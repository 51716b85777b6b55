"""Where in a text code and mathematics stand: most signs of broken prose mean something else there.

Markdown as people write it, after CommonMark: fences of three or more backticks or tildes, runs of backticks in a
line, and the mathematics of LaTeX. All searches take linear time.
"""

import re
from collections.abc import Iterable

Span = tuple[int, int]

_FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_TICKS = re.compile(r"`+|\n[ \t]*\n")
# As pandoc reads them: `$` opens before and closes after something, and closes nothing before a digit ($5 or $10).
_DOLLARS = re.compile(r"\$\$[^$]+\$\$|\$(?![\s$])[^$\n]*(?<![\s\\])\$(?!\d)")
_BRACKETS = re.compile(r"\\[()\[\]]")
_VISIBLE = re.compile(r"[^\n]")


def fences(text: str, *, closed: bool = False) -> list[Span]:
    """Fenced blocks, fence lines included. One that nobody closes reaches to the end, or is left out (`closed`)."""
    found: list[Span] = []
    opened: re.Match[str] | None = None
    for line in _FENCE.finditer(text) if "```" in text or "~~~" in text else ():
        mark, rest = line[1], line[2]
        if opened is None:
            # A backtick after the opening run is inline code (CommonMark, section 4.5).
            opened = line if mark[0] == "~" or "`" not in rest else None
        elif mark[0] == opened[1][0] and len(mark) >= len(opened[1]) and not rest.strip():
            found.append((opened.start(), line.end()))
            opened = None
    if opened is not None and not closed:
        found.append((opened.start(), len(text)))
    return found


def inline_code(text: str) -> list[Span]:
    """Code between runs of backticks of equal length, inside of one paragraph. For texts whose fences are blanked."""
    found: list[Span] = []
    waiting: dict[int, int] = {}  # length of a run -> where it stands
    for run in _TICKS.finditer(text) if "`" in text else ():
        if run[0][0] != "`":
            waiting.clear()
        elif len(run[0]) in waiting:
            found.append((waiting[len(run[0])], run.end()))
            waiting.clear()
        else:
            waiting[len(run[0])] = run.start()
    return found


def maths(text: str) -> list[Span]:
    r"""LaTeX between `$..$`, `$$..$$`, `\(..\)` or `\[..\]`."""
    found = [match.span() for match in _DOLLARS.finditer(text)] if "$" in text else []
    opened: re.Match[str] | None = None
    # Paired by hand: an expression would look for the end of each `\(` that has none anew.
    for bracket in _BRACKETS.finditer(text) if "\\" in text else ():
        if bracket[0] in (r"\(", r"\["):
            opened = bracket
        elif opened is not None and opened[0] == {r"\)": r"\(", r"\]": r"\["}[bracket[0]]:
            found.append((opened.start(), bracket.end()))
            opened = None
    return found


def blanked(text: str, spans: Iterable[Span]) -> str:
    """The text with blanks in place of some spans: what is left keeps its place, and lines stay lines."""
    done, at = [], 0
    for start, end in sorted(spans):
        if end > at:
            done += [text[at:start], _VISIBLE.sub(" ", text[max(start, at) : end])]
            at = end
    return "".join([*done, text[at:]])


def without(text: str, spans: Iterable[Span]) -> str:
    """The text without some spans."""
    done, at = [], 0
    for start, end in sorted(spans):
        done.append(text[at:start])
        at = max(at, end)
    return "".join([*done, text[at:]])


def prose(text: str) -> str:
    """The text with code and mathematics blanked out."""
    text = without_code(text)
    return blanked(text, maths(text))


def without_code(text: str) -> str:
    """The text with fenced blocks and inline code blanked out."""
    text = blanked(text, fences(text))
    return blanked(text, inline_code(text))
