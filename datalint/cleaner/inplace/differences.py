"""What fixing or cleaning would do, to look at before it is done: as lines of files, or row by row.

Made for eyes and for `patch`: a line without credentials, personal data and odd characters is shown as it is.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datalint import pii, secrets
from datalint.cleaner.inplace.editing import Edit, Piece
from datalint.cleaner.inplace.splice import spliced_json
from datalint.cleaner.settle import Settled
from datalint.cleaner.stored.style import JsonStyle
from datalint.cleaner.writing.changes import changes_between
from datalint.engine import Job
from datalint.findings import message
from datalint.fixes import Fixes, Repaired, same
from datalint.report.escape import inert, named, shown, visible
from datalint.report.excerpt import fit
from datalint.rule import Rule
from datalint.source import Block, open_source

Style = Callable[..., str]


@dataclass
class Counts:
    """Rows that would be changed and taken away; filled in while the difference is told."""

    rows: int = 0
    changed: int = 0
    removed: int = 0
    unreadable: int = 0


def unified(edit: Edit, fixes: Fixes, counts: Counts, style: Style) -> Iterator[str]:
    """A file's difference in the unified format, without context, a line at a time; nothing where it stays as it is.

    `style` is `click.style` or what takes its arguments and adds no colour.
    """
    name = named(edit.name)
    head = [style(f"--- {name}", bold=True), style(f"+++ {name}", bold=True)]
    if edit.encoding != edit.target:
        head.insert(0, f"{name}: {edit.encoding.upper()} text would be written as {edit.target.upper()}")
        yield from head
        head = []
    old = new = 1
    for piece in _whole_lines(edit.pieces(fixes)):
        counts.changed += piece.rows
        before, after = _lines(piece.old), _lines(piece.new)
        if piece.new != piece.old:
            yield from head
            head = []
            place = f"@@ -{_range(old, len(before))} +{_range(new, len(after))} @@"
            yield style(place, fg="cyan")
            for mark, text, color in (("-", piece.old, "red"), ("+", piece.new, "green")):
                for line in _lines(_covered(text, edit.container)):
                    yield from _told(mark, line, edit, style, color)
        old += len(before)
        new += len(after)


def _range(first: int, count: int) -> str:
    # Where there is no line, the number is that of the line before.
    return f"{first},{count}" if count > 1 else str(first) if count else f"{first - 1},0"


def _whole_lines(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Pieces that end where lines of the old text do; only those of a file that is one array may not."""
    rest, made, rows = b"", b"", 0
    for piece in pieces:
        if not rest and not made and (piece.new is piece.old or piece.old.endswith(b"\n")):
            yield piece
            continue
        rest, made, rows = rest + piece.old, made + piece.new, rows + piece.rows
        if cut := rest.rfind(b"\n") + 1:
            yield Piece(rest[:cut], made, rows)
            rest, made, rows = rest[cut:], b"", 0
    if rest or made:
        yield Piece(rest, made, rows)


def _lines(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def _covered(record: bytes, container: str) -> bytes:
    """Credentials and personal data that go over several lines covered, as cells of CSV may have them; lines stay."""
    if container != "csv" or b"\n" not in record[:-1]:
        return record
    text = record.decode("utf-8", "surrogateescape")
    masked = pii.mask(secrets.mask(text))
    kept = (old if old in "\r\n" else new for old, new in zip(text, masked, strict=True))
    return record if masked == text else "".join(kept).encode("utf-8", "surrogateescape")


def _told(mark: str, line: bytes, edit: Edit, style: Style, color: str) -> Iterator[str]:
    body = line.removesuffix(b"\n")
    end = "\r" if body.endswith(b"\r") else ""
    text = _masked(body.removesuffix(b"\r"), edit.container)
    # A tab does no harm, and without it a line of a TSV file would not be found by `patch`.
    yield style(inert(mark + "\t".join(map(visible, text.split("\t")))) + end, fg=color)
    if not line.endswith(b"\n"):
        yield "\\ No newline at end of file"


def _masked(line: bytes, container: str) -> str:
    """The line with credentials and personal data covered, also where escapes in JSON hide them."""
    text = line.decode("utf-8", "backslashreplace")
    if container != "csv":
        try:
            value = json.loads(text)
            veiled = _veiled(value)
        except (ValueError, RecursionError):
            value = veiled = None  # not a value: as text alone
        if not same(value, veiled) and (made := spliced_json(line, value, veiled, JsonStyle())):
            text = made.decode()
    return pii.mask(secrets.mask(text))


def _veiled(value: Any) -> Any:
    if isinstance(value, str):
        return pii.mask(secrets.mask(value))
    if isinstance(value, list):
        return [_veiled(item) for item in value]
    if isinstance(value, dict):
        return {key: _veiled(item) for key, item in value.items()}
    return value


# ---- row by row ----


def by_row(
    jobs: Sequence[Job], rules: Mapping[str, Rule], settled: Settled, counts: Counts, style: Style, width: int
) -> Iterator[str]:
    """What `clean` would change and take away, in the order of the rows: excerpts of `width` cells a line."""
    for job in jobs:
        source = open_source(job.file.path, name=job.file.name)
        reasons: dict[int, str] = {}
        for block in source.blocks():
            reasons.update({fault.row: fault.reason for fault in block.faults if fault.row is not None})
            repaired = settled.fixes.repaired(job.index, block)
            for at, value in enumerate(repaired.values):
                counts.rows += 1
                if value is not None and at not in repaired.steps:
                    continue
                place = named(job.file.name)
                row = block.first_row + at
                place += f" row {row}" if block.lines is None else f":{block.lines[at]}"
                if value is None:
                    what = _taken(block, at, repaired, rules, reasons.get(row), counts)
                    yield inert(style(f"{place}  {what}", bold=True))
                    text = block.raw(at).decode("utf-8", "replace")
                    yield inert("  " + style(f"- {fit(text, None, width)[0]}", fg="red"))
                else:
                    counts.changed += 1
                    yield from _changed(place, repaired, at, style, width)
            reasons.clear()


def _taken(
    block: Block, at: int, repaired: Repaired, rules: Mapping[str, Rule], reason: str | None, counts: Counts
) -> str:
    drop = repaired.drops.get(at)
    if drop is None:
        counts.unreadable += 1
        return f"unreadable ({block.unreadable.get(at, 'FMT001')}): {shown(reason or 'cannot be read')}"
    counts.removed += 1
    codes = ", ".join(dict.fromkeys(code for code, _ in drop.reasons))
    told = "; ".join(dict.fromkeys(message(rules[code].message, args) for code, args in drop.reasons))
    return f"removed ({codes}): {shown(told)}"


def _changed(place: str, repaired: Repaired, at: int, style: Style, width: int) -> Iterator[str]:
    for step in repaired.steps[at]:
        yield inert(style(f"{place}  changed ({step.rule})", bold=True))
        for pointer, before, after in changes_between(step.before, step.after):
            yield inert(f"  {shown(pointer)}")
            one, other = _around(before, after, width)
            if before is not None:
                yield inert("  " + style(f"- {one}", fg="red"))
            if after is not None:
                yield inert("  " + style(f"+ {other}", fg="green"))


def _around(before: str | None, after: str | None, width: int) -> tuple[str, str]:
    """Both texts where they differ."""
    one, other = before or "", after or ""
    head = _alike(one, other)
    tail = _alike(one[head:][::-1], other[head:][::-1])
    return fit(one, (head, len(one) - tail), width)[0], fit(other, (head, len(other) - tail), width)[0]


def _alike(one: str, other: str) -> int:
    """Characters that both begin with."""
    size = min(len(one), len(other))
    return next((at for at in range(size) if one[at] != other[at]), size)
