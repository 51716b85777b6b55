"""The report for a terminal: findings by rule with excerpts, the summary, the gate."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import polars as pl

from datalint.findings import SEVERITIES
from datalint.report.entries import Entry, entries
from datalint.report.escape import inert, named, shown, visible
from datalint.report.excerpt import excerpt, overview
from datalint.report.look import Look
from datalint.report.model import FileRead, Report
from datalint.report.tokens import token_lines

# What a related row is to the finding's row, by the beginning of the rule's code; the first that fits.
_RELATIONS = (("DUP001", "same as"), ("DUP", "like"), ("CON", "other than"), ("SPL", "also at"), ("", "see"))
_COLORS = {"error": "red", "warning": "yellow", "info": "blue"}
_MANY_FILES = 10

Style = Callable[..., str]
Rows = Mapping[tuple[int | None, int | None], Any]  # (file, row) -> the row's value


@dataclass(frozen=True, slots=True)
class _Example:
    """A finding that is shown, and what of the frame its entry lacks."""

    entry: Entry
    file: int | None
    span: tuple[int, int] | None
    related: Sequence[tuple[int, int]]

    @property
    def place(self) -> tuple[int | None, int | None]:
        return self.file, self.entry.row


def write(report: Report, out: BinaryIO, look: Look) -> None:
    """Never wrapped, and cut nowhere but inside of excerpts: what is piped into a file is all there."""
    for line in _lines(report, look, _style(look)):
        out.write(inert(line.rstrip()).encode() + b"\n")


def _style(look: Look) -> Style:
    if not look.color:
        return lambda text, **_: text
    import click

    return click.style


def _lines(report: Report, look: Look, style: Style) -> Iterator[str]:
    if report.found.is_empty():
        yield _clean(report, style)
        yield from token_lines(report, style)
        return
    if not look.statistics:
        groups = _groups(report, look)
        rows = _rows(report, [one for _, found in groups for one in found]) if look.excerpts else {}
        for line, found in groups:
            yield from _group(report, line, found, rows, look, style)
            yield ""
    yield from _table(report.summary, style)
    yield ""
    yield _totals(report)
    yield from _files(report.files)
    yield from token_lines(report, style)
    yield _gate(report, style)


# ---- findings ----


def _groups(report: Report, look: Look) -> list[tuple[dict[str, Any], list[_Example]]]:
    """Each line of the summary with the findings that are shown for it: the worst, in the order of the files."""
    groups = []
    rank = pl.col("severity").replace_strict(list(SEVERITIES), range(len(SEVERITIES)), return_dtype=pl.Int8)
    for line in report.summary.to_dicts():
        own = report.found.filter(pl.col("rule") == line["rule"]).sort(rank, descending=True, maintain_order=True)
        some = own.head(look.max_examples)
        pairs = zip(entries(report, some), some.iter_rows(named=True), strict=True)
        groups.append((line, [_example(entry, f) for entry, f in pairs]))
    return groups


def _example(entry: Entry, f: Mapping[str, Any]) -> _Example:
    span = None if f["start"] is None or f["end"] is None else (f["start"], f["end"])
    return _Example(entry, f["file"], span, [(place["file"], place["row"]) for place in f["related"]])


def _rows(report: Report, found: Sequence[_Example]) -> Rows:
    """The rows of some findings and of what they are related to, each file read but once."""
    wanted: dict[int, set[int]] = {}
    for one in found:
        for file, row in (one.place, *one.related):
            if file is not None and row is not None:
                wanted.setdefault(file, set()).add(row)
    return {
        (file, row): value
        for file, rows in sorted(wanted.items())
        for row, value in report.fetch(file, sorted(rows)).items()
        if isinstance(value, (dict, str))
    }


def _group(
    report: Report, line: Mapping[str, Any], found: Sequence[_Example], rows: Rows, look: Look, style: Style
) -> Iterator[str]:
    code = style(line["rule"], fg=_COLORS[line["severity"]], bold=True)
    how_many = _many(line["rows"], "row") if line["count"] == line["rows"] else _many(line["count"], "finding")
    if line["count"] > line["rows"] > 0:
        how_many += f" in {_many(line['rows'], 'row')}"
    share = f" ({_share(line['share'])})" if line["rows"] else ""
    fix = f"  [fix: {_fix(line)}]" if line["fix"] else ""
    yield f"{code} {style(line['name'], bold=True)}  [{line['severity']}]  {how_many}{share}{fix}"
    for one in found:
        yield from _finding(report, line, one, rows, look, style)
    more = line["count"] - len(found)
    if more:
        what = "row" if line["count"] == line["rows"] else "finding"
        examples = max(10, look.max_examples * 10)
        how = f"--max-examples {examples} shows more, --output-format json:F lists all"
        yield f"  ... {_many(more, f'more {what}')}; {how}"


def _finding(
    report: Report, line: Mapping[str, Any], one: _Example, rows: Rows, look: Look, style: Style
) -> Iterator[str]:
    entry = one.entry
    milder = f"  [{entry.severity}]" if entry.severity != line["severity"] else ""
    pointer = f" {visible(entry.pointer)}" if entry.pointer else ""
    yield f"  {style('-->', fg='blue')} {_place(entry.file, entry.row, entry.line)}{pointer}{milder}"
    bar, note = (f"   {style(mark, fg='blue')}" for mark in "|=")
    yield f"{bar}  {visible(entry.message)}"
    hint = _hint(report, entry)
    row = rows.get(one.place)
    if row is not None and one.file is not None:
        columns = report.files[one.file].columns
        lines = excerpt(row, entry.pointer, one.span, columns=columns, width=look.width)
        # A long label (a path into a tool's arguments) does not push the other lines to the right.
        indent = max((len(part.label) for part in lines if len(part.label) <= 24), default=0)
        for part in lines:
            label = part.label.ljust(indent)
            yield f"{bar}  {label}  {part.text}"
            if part.caret is not None:
                skip = " " * (len(label) + 2 + part.caret[0])
                yield f"{bar}  {skip}{style('^' * part.caret[1], fg='red')} {style(hint, fg='green')}"
                hint = ""
    relation = next(word for code, word in _RELATIONS if entry.rule.startswith(code))
    for place, (file, number) in zip(entry.related, one.related, strict=True):
        yield f"{note}  {relation} {_place(place.file, place.row, place.line)}"
        if relation != "same as" and (file, number) in rows:
            last = overview(rows[file, number], columns=report.files[file].columns, width=look.width)[-1]
            yield f"{bar}  {last.label}  {last.text}"
    if hint:
        yield f"{note}  {style(hint, fg='green')}"


def _place(file: str | None, row: int | None, line: int | None) -> str:
    if file is None:
        return "all files"
    return named(file) + (f":{line}" if line is not None else "" if row is None else f" row {row}")


def _hint(report: Report, entry: Entry) -> str:
    """The command that deals with the finding, and what it does."""
    if entry.fix is None:
        return ""
    rule = report.rules[entry.rule]
    usual = rule.fix is not None and rule.fix.kind == entry.fix.kind and rule.fix_title
    does = rule.fix_title if usual else "drops the row" if entry.fix.kind == "drop" else "rewrites the row"
    return f"`datalint clean{' --unsafe-fixes' if entry.fix.safety == 'unsafe' else ''}` {does}"


# ---- summary ----


def _table(summary: pl.DataFrame, style: Style) -> Iterator[str]:
    head = ("rule", "name", "severity", "rows", "share", "fix")
    body = [
        (
            line["rule"],
            line["name"],
            line["severity"],
            f"{line['rows']:,}" if line["rows"] else "-",
            _share(line["share"]) if line["rows"] else "-",
            _fix(line) if line["fix"] else "-",
        )
        for line in summary.to_dicts()
    ]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    for number, cells in enumerate([head, *body]):
        aligned = [
            cell.rjust(width) if name in ("rows", "share") else cell.ljust(width)
            for name, cell, width in zip(head, cells, widths, strict=True)
        ]
        if number:
            aligned[0] = style(aligned[0], fg=_COLORS[cells[2]], bold=True)
        text = "  ".join(aligned)
        yield text if number else style(text.rstrip(), bold=True)


def _totals(report: Report) -> str:
    hit = report.found.filter(pl.col("row").is_not_null()).select("file", "row").n_unique()
    return f"{_many(report.found.height, 'finding')} in {hit:,} of {_many(report.rows, 'row')} {_ran(report)}"


def _files(files: Sequence[FileRead]) -> Iterator[str]:
    for file in files[:_MANY_FILES]:
        renamed = f" ({_renamed(file)})" if file.columns else ""
        split = "" if file.split == "train" else f", {file.split}"
        yield f"  {named(file.name)}: {file.format}{renamed}, {_many(file.rows, 'row')}{split}"
    if len(files) > _MANY_FILES:
        yield f"  ... {_many(len(files) - _MANY_FILES, 'more file')}"


def _gate(report: Report, style: Style) -> str:
    if report.passed:
        return f"Gate: {style('passed', fg='green')}"
    failed = ", ".join(
        f"{f.rule} {f'{f.share * 100:.3g}%' if f.limit.endswith('%') else f'{f.count:,}'} {f.limit}"
        for f in report.failures
    )
    return f"Gate: {style('FAILED', fg='red', bold=True)}  {failed}"


def _clean(report: Report, style: Style) -> str:
    formats = " and ".join(dict.fromkeys(file.format for file in report.files))
    renamed = "".join(dict.fromkeys(f"; {_renamed(file)}" for file in report.files if file.columns))
    rows = _many(report.rows, f"{formats} row".strip())
    return f"{style('All clean:', fg='green', bold=True)} no findings in {rows} {_ran(report)}{renamed}"


def _renamed(file: FileRead) -> str:
    return ", ".join(f"{shown(theirs)} -> {ours}" for ours, theirs in file.columns.items())


def _ran(report: Report) -> str:
    return f"({_many(len(report.files), 'file')}, {report.seconds:.1f} s)"


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _share(share: float) -> str:
    return "<0.01%" if 0 < share < 0.00005 else f"{share:.2%}"


def _fix(line: Mapping[str, Any]) -> str:
    """`drop (safe)`, or `drop` where it needs --unsafe-fixes."""
    kind = "rewrite or drop" if line["fix"] == "mixed" else line["fix"]
    return kind + {"safe": " (safe)", "mixed": " (some safe)"}.get(line["safety"], "")
