"""FMT108."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.formats import Shape
from datalint.rule import Fix, Found, Rule, Totals, none
from datalint.views.turns import ROLES, escape
from datalint_rules.fmt.columns import messages_of

_KINDS = ("image", "video", "audio")
_COLUMNS = {f"{kind}{s}": kind for kind in _KINDS for s in ("s", "")}
_SCHEMA: dict[str, Any] = {
    "row": pl.UInt32,
    "kind": pl.String,
    "pointer": pl.String,
    "column": pl.Boolean,
    "bare": pl.Boolean,
    "items": pl.Int64,
    "marks": pl.Int64,
    "alone": pl.Boolean,
}


@dataclass(frozen=True)
class MediaCount(Rule):
    """A row has another number of images, videos or audios than places for them.

    ## What it does
    Counts `<image>`, `<video>` and `<audio>` in prompts and answers, and blocks of content that name the medium but
    do not hold it, and compares with what the columns `images`, `image` and so on hold. A row with media and no place
    for them counts only where at least half of such rows in the file have places: many trainers put them in
    by themselves. A place in a file without any such column counts only where a user's text begins or ends with it.
    Also reports a path where a list of paths is expected: `"images": "a.jpg"`.

    ## Why is this bad?
    Trainers stop at the row, or show the model the wrong picture. A path in place of a list is counted by its
    characters.

    ## Example
    `{"messages": [{"role": "user", "content": "<image>What is this?"}], "images": []}`

    ## Fix safety
    Safe: the path becomes a list of one. Which image is missing is for a person.

    ## Options
    None.

    ## References
    TRL and LLaMA-Factory raise; LLaMA-Factory issues #5883 and #8734.
    """

    code, name = "FMT108", "media-count"
    literals = ("<image>", "<video>", "<audio>")
    severity = "error"
    within = "file"
    message = "{reason}"
    fix = Fix("rewrite", "safe")
    fix_title = "makes the path a list of one"
    bad = [
        [{"messages": [{"role": "user", "content": "<image>What is this?"}], "images": []}],
        [{"messages": [{"role": "user", "content": "<image>What is this?"}], "images": None}],
        [{"messages": [{"role": "user", "content": "<image>What is this?"}]}],
        [{"messages": [{"role": "user", "content": "<image><image>Compare."}], "images": ["a.jpg"]}],
        [{"messages": [{"role": "user", "content": "<image>What is this?"}], "images": "a.jpg"}],
        [{"messages": [{"role": "user", "content": [{"type": "image"}]}], "images": ["a.jpg", "b.jpg"]}],
        [{"instruction": "Sum up <video>", "output": "A race.", "videos": ["a.mp4", "b.mp4"]}],
        [{"messages": [{"role": "user", "content": "<image>What?"}], "images": ["a.jpg"]}] * 2
        + [{"messages": [{"role": "user", "content": "What?"}], "images": ["a.jpg"]}],
    ]
    good = [
        [{"messages": [{"role": "user", "content": "<image>What is this?"}], "images": ["a.jpg"]}],
        [{"conversations": [{"from": "human", "value": "What is this?\n<image>"}], "image": "a.jpg"}],
        [{"question": "What is this?", "answer": "A cat.", "image": "a.jpg"}],
        [{"prompt": "What is this?", "completion": "A cat.", "images": ["a.jpg", "b.jpg"]}],
        [
            {
                "messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]}],
                "images": ["a"],
            }
        ],
        [{"messages": [{"role": "user", "content": [{"type": "image", "image": "a.jpg"}]}]}],
        [{"prompt": "Is <image> a tag of RSS? <image><url>a</url></image>", "completion": "Yes, <image> is."}],
        [{"prompt": "Embed a film.", "completion": "<video>"}],
        [{"prompt": "Hi", "completion": "Hello.", "images": ""}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        rows = {*chunk.texts_with(self.literals)["row"], *chunk.odd}
        rows.update(row for form in chunk.forms if not _COLUMNS.keys().isdisjoint(form.types) for row in form.rows)
        lines: list[tuple[Any, ...]] = []
        for row in sorted(rows):
            value, shape = chunk.values[row], chunk.shapes[row]
            if value is not None and shape is not None and shape.format != "unknown":
                cells = [column for column in _COLUMNS if column in value]
                lines += [(row, *line) for line in _counted(value, shape, cells, _blocks(value, shape))]
        return pl.DataFrame(lines, schema=_SCHEMA, orient="row") if lines else none()

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        place = ["file", "kind"]
        has, marks = pl.col("items") > 0, pl.col("marks") > 0
        known = pl.col("column").any().over(place)
        # Where at least half of the rows with media have places, the trainer does not make them.
        usual = (has & marks).sum().over(place) * 2 >= has.sum().over(place)
        wrong = (pl.col("items") != pl.col("marks")) & pl.when(marks).then(known | pl.col("alone")).otherwise(usual)
        counts = frame.filter(wrong)
        bare = frame.filter("bare")
        said = pl.format("{} x <{}> in the text, {} in the row", "marks", "kind", "items")
        path = pl.format("{} paths are a text where a list is expected", "kind")
        found = pl.concat(
            [
                counts.select("file", "row", "pointer", reason=said, fix_kind=pl.lit(None, dtype=pl.String)),
                bare.select("file", "row", "pointer", reason=path, fix_kind=pl.lit("rewrite")),
            ]
        )
        return found.with_columns(fix_safety=pl.lit("safe"))

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for column in _COLUMNS:
            if any(one.pointer == f"/{column}" for one in found) and _is_bare(column, row.get(column)):
                row[column] = [row[column]]
        return row


def _counted(
    row: Mapping[str, Any], shape: Shape, cells: Sequence[str], blocks: Counter[str]
) -> Iterator[tuple[Any, ...]]:
    """A line for each medium that the row has or has a place for."""
    said = list(_said(row, shape))
    for kind in _KINDS:
        mark, end = f"<{kind}>", f"</{kind}>"
        own = [column for column in cells if _COLUMNS[column] == kind]
        # With its closing tag it is markup that the text is about.
        places = [(where, text, role) for where, text, role in said if mark in text and end not in text]
        marks = blocks[kind] + sum(text.count(mark) for _, text, _ in places)
        items = max((_size(row[column]) for column in own), default=0)
        if not own and not marks:
            continue
        column = next((column for column in own if _size(row[column])), own[0] if own else "")
        asked = any(role == "user" and text.strip().startswith(mark) for _, text, role in places) or any(
            role == "user" and text.strip().endswith(mark) for _, text, role in places
        )
        where = "/" + column if own else places[0][0] if places else "/" + escape(next(iter(shape.fields.values())))
        bare = bool(own) and _is_bare(column, row[column])
        yield kind, where, bool(own), bare, items, marks, asked or bool(blocks[kind])


def _said(row: Mapping[str, Any], shape: Shape) -> Iterator[tuple[str, str, str]]:
    """The texts of a row that share its media, as (pointer, text, role); the answers of a preference do not add up."""
    cells = {"instruction": "user", "input": "user", "prompt": "user", "text": "", "output": "", "completion": ""}
    for field, role in cells.items():
        if field in shape.fields and isinstance(text := row[shape.fields[field]], str):
            yield "/" + escape(shape.fields[field]), text, role
    answers = tuple("/" + escape(shape.fields[field]) for field in ("chosen", "rejected") if field in shape.fields)
    for talk, index, message in messages_of(row, shape):
        if talk.base in answers:
            continue
        said = str(message.get("role", message.get("from")))
        for key in ("content", "value"):
            content = message.get(key)
            texts = content if isinstance(content, list) else [{"text": content}]
            for block in texts:
                if isinstance(block, dict) and isinstance(block.get("text"), str):
                    yield f"{talk.at(index)}/{key}", block["text"], ROLES.get(said, said)


def _blocks(row: Mapping[str, Any], shape: Shape) -> Counter[str]:
    """Blocks that name a medium and do not hold it, by kind."""
    return Counter(
        block["type"]
        for _, _, message in messages_of(row, shape)
        if isinstance(content := message.get("content"), list)
        for block in content
        if isinstance(block, dict)
        and block.get("type") in _KINDS
        and not any(v for k, v in block.items() if k != "type")
    )


def _size(cell: Any) -> int:
    if isinstance(cell, list):
        return len(cell)
    return 0 if cell is None or cell == "" else 1


def _is_bare(column: str, cell: Any) -> bool:
    """A path where a list of them is expected; a CSV file may write the list as text."""
    return column.endswith("s") and isinstance(cell, str) and bool(cell) and not cell.lstrip().startswith("[")
