"""A row found again, rendered and cut into pieces: tokens, and the characters between them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np

from datalint import pii, secrets
from datalint.brief import part
from datalint.chunk import Chunk
from datalint.config import Settings
from datalint.engine import Job
from datalint.engine.mapping import as_findings, read
from datalint.errors import InputError, UsageError
from datalint.findings import SEVERITIES, message
from datalint.report.entries import veiled
from datalint.report.escape import encodable, inert_json, shown
from datalint.rule import Rule
from datalint.run import prepare
from datalint.tokens import Encoded, Rendered, Tokenizer
from datalint.views.training import Flags, kept_tokens, trained_tokens

Spans = Sequence[tuple[int, int]]
HIDDEN = -1  # in the place of the id of a token of which something is masked: the id would tell it


@dataclass(frozen=True, slots=True)
class Piece:
    """Some characters of the text and the tokens that stand for them; `text` has credentials and personal data masked.

    Characters that no token stands for have no `ids`; a token that the tokenizer adds has no text of its own, and
    is shown by its name (`added`).
    """

    text: str
    ids: tuple[int, ...] = ()
    trained: bool = False
    cut: bool = False
    special: bool = False
    added: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One text of the row: a preference row has two. Counts are None without a tokenizer.json."""

    pieces: tuple[Piece, ...]
    tokens: int | None = None
    trained: int | None = None  # tokens that the loss sees, after the cut
    cut: int | None = None  # tokens that the cut takes away
    error: str | None = None  # why the template renders nothing


@dataclass(frozen=True, slots=True)
class Finding:
    """What the rules say about the row by itself."""

    rule: str
    name: str
    severity: str
    pointer: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A row, what the model sees of it, and with what it was rendered."""

    file: str
    row: int
    line: int | None
    format: str
    target: Mapping[str, str]  # what the user said of model and trainer, as they are called on the command line
    seen: tuple[Seen, ...]
    findings: tuple[Finding, ...]


def parse_location(text: str) -> tuple[str, int, bool]:
    """`FILE:LINE` (1-based line) or `FILE#ROW` (0-based row) -> file, number, whether that is a line.

    Raises UsageError.
    """
    for sign in ":#":
        file, found, number = text.rpartition(sign)
        if found and file and number.isdecimal():
            return file, int(number), sign == ":"
    raise UsageError(f"{text!r} names no row; give FILE:LINE, or FILE#ROW (counted from 0) where rows have no lines")


def explain(location: str, settings: Settings) -> Explained:
    """The row at `FILE:LINE` or `FILE#ROW`, with the tokenizer, template and trainer of the settings.

    Raises UsageError where nothing can be shown for want of a tokenizer or template, InputError where there is no
    such row or it cannot be read, TokenizerError for broken files.
    """
    file, number, is_line = parse_location(location)
    if not Path(file).is_file():
        raise InputError(f"{file}: no such file")
    setup = prepare([file], settings, scope="row")
    job = setup.plan.jobs[0]
    chunk = _row(job, number, is_line=is_line)
    block = chunk.block
    if chunk.values[0] is None:
        reasons = [fault.reason for fault in block.faults] or [block.unreadable.get(0, "unreadable")]
        raise InputError(f"{location}: the row cannot be read: {shown(reasons[0])}")
    shape = chunk.shapes[0]
    return Explained(
        encodable(job.file.name),
        block.first_row,
        None if block.lines is None else int(block.lines[0]),
        "unknown" if shape is None else shape.format,
        _told(job),
        tuple(_seen(chunk, location)),
        tuple(_findings(chunk, setup.plan.ready[job.index])),
    )


def _row(job: Job, number: int, *, is_line: bool) -> Chunk:
    """The chunk of the one row asked for."""
    for chunk in read(job):
        block = chunk.block
        at = number - block.first_row
        if is_line and block.lines is None:
            raise UsageError(f"{job.file.name}: its rows have no lines; give {job.file.name}#ROW, counted from 0")
        if is_line and block.lines is not None:
            at = int(block.lines.searchsorted(number, side="right")) - 1
            # A CSV record may go on over several lines.
            if at < 0 or block.lines[at] + block.raw(at).count(b"\n") < number:
                continue
        if 0 <= at < len(block):
            return _alone(chunk, at)
    raise InputError(f"{job.file.name}: no row at {'line ' if is_line else '#'}{number}")


def _alone(chunk: Chunk, at: int) -> Chunk:
    block = chunk.block
    number = block.first_row + at
    return replace(
        chunk,
        block=replace(
            block,
            first_row=number,
            values=[block.values[at]],
            lines=None if block.lines is None else block.lines[at : at + 1],
            starts=block.starts[at : at + 1],
            ends=block.ends[at : at + 1],
            faults=tuple(fault for fault in block.faults if fault.row == number),
            unreadable={0: block.unreadable[at]} if at in block.unreadable else {},
            marks={0: block.marks[at]} if at in block.marks else {},
        ),
    )


def _told(job: Job) -> dict[str, str]:
    target = job.target
    told = {
        "tokenizer": target.tokenizer_dir,
        "chat template": target.chat_template or (target.template.path if target.template else None),
        "max length": target.max_length,
        "loss": target.loss or target.trainer.loss,
        "profile": target.profile,
    }
    return {name: encodable(str(value)) for name, value in told.items() if value is not None}


def _seen(chunk: Chunk, location: str) -> Iterator[Seen]:
    target = chunk.target
    if chunk.dialogues and target.template is None:
        raise UsageError(f"{location} is a conversation: give --tokenizer DIR with a chat template, or --chat-template")
    if not chunk.dialogues and target.tokenizer is None:
        raise UsageError(f"{location}: give --tokenizer DIR with a tokenizer.json to see the tokens of the text")
    left = [(text.text, text.spans, text.plain) for text in chunk.trained]
    for _, result in chunk.rendered:
        if isinstance(result, Rendered):
            spans = next((spans for text, spans, _ in left if text == result.text), [])
            yield _cut(chunk, result.text, spans, plain=False)
        else:
            yield Seen((), error=_masked(f"{result.error}: {part(result.message, 0, 2000)}"))
    if not chunk.dialogues:
        for text, spans, _ in left or [(turn.content or "", [], True) for turn in chunk.turn_lists[0]]:
            yield _cut(chunk, text, spans, plain=True)


def _cut(chunk: Chunk, text: str, spans: Spans, *, plain: bool) -> Seen:
    """A text in pieces. `plain`: the tokenizer adds its own special tokens, as trainers have it do without template."""
    target, tokenizer = chunk.target, chunk.target.tokenizer
    if tokenizer is None:
        return Seen(tuple(_untokenized(text, spans)))
    encoded = tokenizer.encode([text], add_special_tokens=plain)[0]
    total = len(encoded.tokens)
    limit = total if target.max_length is None else target.max_length
    kept = kept_tokens(encoded.spans, spans, limit, target.trainer.cut)
    trained = trained_tokens(encoded.spans, spans)
    pieces = tuple(_pieces(text, encoded, spans, trained, kept, tokenizer))
    return Seen(pieces, total, int(np.count_nonzero(trained & kept)), total - int(np.count_nonzero(kept)))


def _pieces(
    text: str, encoded: Encoded, spans: Spans, trained: Flags, kept: Flags, tokenizer: Tokenizer
) -> Iterator[Piece]:
    masked = _masked(text)
    names = {number: token for token, number in tokenizer.special.items()}
    at = 0
    for ids, first, start, end in _groups(encoded):
        seen, cut, special = bool(trained[first]), not kept[first], ids[0] in names
        if start > at:
            yield Piece(masked[at:start], trained=_inside(at, spans), cut=cut)
        if start == end:
            yield Piece(names.get(ids[0], ""), tuple(ids), seen, cut, special, added=True)
        else:
            hidden = masked[start:end] != text[start:end]
            yield Piece(masked[start:end], (HIDDEN,) * len(ids) if hidden else tuple(ids), seen, cut, special)
        at = max(at, end)
    if at < len(text):
        yield Piece(masked[at:], trained=_inside(at, spans))


def _groups(encoded: Encoded) -> list[tuple[list[int], int, int, int]]:
    """Tokens that share characters together: ids, number of the first, start and end in the text.

    A byte-level vocabulary cuts a character that it does not know into several tokens, all with its offsets.
    """
    groups: list[tuple[list[int], int, int, int]] = []
    at = 0
    for number, (token, (start, end)) in enumerate(zip(encoded.ids, encoded.offsets, strict=True)):
        if start == end:  # stands for nothing in the text: the tokenizer adds it
            groups.append(([token], number, at, at))
        elif groups and start < at:
            ids, first, begin, last = groups.pop()
            groups.append(([*ids, token], first, begin, max(last, end)))
        else:
            groups.append(([token], number, start, end))
        at = max(at, end)
    return groups


def _untokenized(text: str, spans: Spans) -> Iterator[Piece]:
    masked = _masked(text)
    edges = sorted({0, len(text), *(edge for span in spans for edge in span)})
    for start, end in pairwise(edges):
        yield Piece(masked[start:end], trained=_inside(start, spans))


def _masked(text: str) -> str:
    return pii.mask(secrets.mask(text))


def _inside(at: int, spans: Spans) -> bool:
    return any(start <= at < end for start, end in spans)


def _findings(chunk: Chunk, rules: Sequence[Rule]) -> Iterator[Finding]:
    """What the rules that judge a row by itself find in it, worst first."""
    found = []
    for rule in rules:
        if rule.gathers:  # of one row it cannot tell
            continue
        frame = rule.map(chunk)
        for one in veiled(as_findings(frame, rule)).iter_rows(named=True) if frame.height else []:
            text = message(rule.message, one["args"])
            found.append(Finding(rule.code, rule.name, one["severity"], one["pointer"], text))
    yield from sorted(found, key=lambda one: (-SEVERITIES.index(one.severity), one.rule))


def as_json(explained: Explained) -> bytes:
    """The same as JSON: what is printed, with the ids of each piece."""
    return msgspec.json.format(inert_json(msgspec.json.encode(explained)), indent=1) + b"\n"
