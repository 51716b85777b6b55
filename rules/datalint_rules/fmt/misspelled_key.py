"""FMT006."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

import polars as pl

from datalint.brief import heads
from datalint.chunk import Chunk
from datalint.formats import ALIASES, UNKNOWN, Shape, shape_of
from datalint.location import parts, resolve
from datalint.rule import Fix, Found, Rule, Sample, Totals, none
from datalint.views.turns import REASONING_KEYS, escape
from datalint_rules.fmt.columns import (
    KINDS,
    NAMES,
    Kind,
    Main,
    as_kind,
    kind_of,
    kinds_of,
    lacking,
    main_of,
    messages_of,
)
from datalint_rules.fmt.spelling import Near, near

_WEAK = ("unknown", "prompt-only", "text")  # formats that a row may have only because a key is misspelled
_LISTS = frozenset({*ALIASES["messages"], *ALIASES["completions"], *ALIASES["labels"]})
_MESSAGE_KEYS = frozenset({"role", "from", "content", "value", "name", "weight", "train", "tool_calls", "tool_call_id"})
_SPOKEN = ("content", "value", "tool_calls", "function_call", "parts", *REASONING_KEYS)


@dataclass(frozen=True)
class MisspelledKey(Rule):
    """A key is a needed one, misspelled.

    ## What it does
    Where a row lacks a column that its file's format needs, or would have a fuller format if it had one more, looks
    for a key that differs from that column only by case, by a plural, or by one letter. Does the same for role and
    content in messages. A key that is the name of another field (`labels`, `completions`) or holds another type than
    the field does (`answers: [..]`) is no misspelling. With a profile that takes no further
    columns (`together`) or keys of messages (`openai`, `azure`), those are reported at the first row that has them.

    ## Why is this bad?
    Trainers look for exact names: the column is not there, and what is in it is not trained on.

    ## Example
    `{"prompt": "Name a sea.", "Completion": "The Baltic."}`

    ## Fix safety
    Safe where only case or white space differ, unsafe else: the key is renamed and keeps its place. A key that a
    provider does not take is left for a person.

    ## Options
    None.

    ## References
    openai-python's validators, which lower the case of columns; together-python's checks, which refuse further ones.
    """

    code, name = "FMT006", "misspelled-key"
    severity = "warning"
    within = "file"
    message = "key {key}: {reason}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "renames the key"
    bad = [
        [{"prompt": "a", "Completion": "b"}],
        [{"Prompt": "a", "Completion": "b"}],
        [{" prompt": "a", "completion ": "b"}],
        [{"message": [{"role": "user", "content": "a"}]}],
        [{"instruction": "a", "input": "", "ouput": "b"}],
        [{"instruction": "a", "Input": "b", "output": "c"}],
        [{"question": "a", "anwser": "b"}],
        [{"text": "a", "lable": "x"}],
        [{"text": "a"}, {"text": "b"}, {"txt": "c"}],
        [{"prompt": "a", "chosen": "b", "rejected": "c"}] * 2 + [{"prompt": "a", "choosen": "b", "rejected": "c"}],
        [{"messages": [{"Role": "user", "Content": "a"}, {"role": "assistant", "contents": "b"}]}],
        [{"conversations": [{"form": "human", "value": "a"}, {"from": "gpt", "Value": "b"}]}],
        Sample(files={"train.jsonl": [{"text": "a", "source": "b"}]}, options={"profile": "together"}),
        Sample(
            files={"train.jsonl": [{"messages": [{"role": "user", "content": "a", "id": 1}]}]},
            options={"profile": "openai"},
        ),
    ]
    good = [
        [{"prompt": "a", "completion": "b", "Completion": "c", "prompts": "d"}],
        [{"question": "a", "context": "b", "answers": {"text": ["c"], "answer_start": [1]}}],
        [{"question": "a", "solutions": '["print(1)"]', "answer1": "b"}],
        [{"text": "a", "labels": [0, 2]}, {"text": "b", "labels": [1]}],
        [{"prompt": "a", "completions": ["b"]}],
        [{"test": "assert f(1) == 2", "task": "f"}],
        [{"text": "a", "next": "b", "tests": "c"}],
        [{"messages": [{"role": "user", "content": "a", "contents": "b", "roles": ["c"]}]}],
        [{"prompt": "a", "completion": "b", "Completion": None}],
        [{"text": "a", "source": "b"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        lines: list[tuple[Any, ...]] = []
        for kind, rows in chunk.once(kinds_of).items():
            lines.append((rows[0], len(rows), *(None,) * 4, *map(_list, kind)))
        for form in chunk.forms:
            if not _may_mean(form.types, chunk.columns):
                continue
            kind = kind_of(form, chunk.columns)
            for row in form.rows:
                for key, target, local in _columns(chunk.values[row] or {}, form.shape, chunk.columns):
                    # Without a need of its own the row is judged by the file's.
                    of = (None,) * 5 if local else tuple(map(_list, kind))
                    lines.append((row, None, "/" + escape(key), key, target.name, target.how, *of))
        # Plain messages have a speaker, and what is said.
        for row in chunk.odd:
            for where, key, target in _spoken(chunk.values[row] or {}, chunk.shapes[row] or UNKNOWN):
                lines.append((row, None, where, key, target.name, target.how, *(None,) * 5))
        lines += [
            (row, None, where, key, None, chunk.target.profile, *(None,) * 5) for row, where, key in _extra(chunk)
        ]
        if not lines:
            return none()
        texts = dict.fromkeys(("pointer", "key", "target", "how"), pl.String)
        return pl.DataFrame(lines, schema={"row": pl.UInt32, "count": pl.Int64} | texts | KINDS, orient="row")

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        counted = frame.filter(pl.col("count").is_not_null())
        mains = {
            file: main_of([(as_kind(line), line["count"], line["row"]) for line in part.to_dicts()])
            for (file,), part in counted.group_by("file", maintain_order=True)
        }
        frame = frame.with_columns(shown=heads(frame["key"], 80))
        named = frame.filter(pl.col("target").is_not_null())
        needed = [
            line["format"] is None or _needs(line["target"], as_kind(line), mains.get(line["file"]))
            for line in named.select("file", "target", *KINDS).iter_rows(named=True)
        ]
        case = pl.col("how") == "case"
        extra = frame.filter(pl.col("target").is_null() & pl.col("key").is_not_null())
        return pl.concat(
            [
                named.filter(pl.Series(needed, dtype=pl.Boolean)).select(
                    "file",
                    "row",
                    "pointer",
                    "target",
                    key=pl.format("'{}'", "shown"),
                    reason=pl.format("{} is meant ({})", "target", "how"),
                    fix_kind=pl.lit("rewrite"),
                    fix_safety=pl.when(case).then(pl.lit("safe")).otherwise(pl.lit("unsafe")),
                ),
                extra.group_by("file", "key", maintain_order=True)
                .agg(pl.all().sort_by("row").first())
                .select(
                    "file",
                    "row",
                    "pointer",
                    "target",
                    key=pl.format("'{}'", "shown"),
                    reason=pl.format("{} does not take it", "how"),
                    fix_kind=pl.lit(None, dtype=pl.String),
                    fix_safety=pl.lit(None, dtype=pl.String),
                ),
            ]
        )

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for one in found:
            *path, key = parts(one.pointer or "")
            holder = resolve(row, "".join("/" + escape(part) for part in path))
            target = one.args["target"]
            if key in holder and holder.get(target) is None:
                renamed = {target if k == key else k: v for k, v in holder.items() if k != target}
                holder.clear()
                holder.update(renamed)
        return row


def _may_mean(types: Mapping[str, type], columns: Mapping[str, str]) -> bool:
    """Some column with a value is near to a name that we know."""
    return any(kind is not NoneType and key not in columns.values() and near(key, NAMES) for key, kind in types.items())


def _columns(row: Mapping[str, Any], shape: Shape, columns: Mapping[str, str]) -> Iterator[tuple[str, Near, bool]]:
    """Columns that may be misspelled: key, name, whether the row by itself shows that it is needed."""
    meant: dict[str, tuple[str, Near]] = {}
    for key, value in row.items():
        if value is None or key in NAMES or key in columns.values():
            continue
        for target in near(key, NAMES):
            if target.name not in meant and row.get(target.name) is None and _suits(value, target):
                meant[target.name] = (key, target)
                break
    if not meant:
        return
    names = {key: target.name for key, target in meant.values()}
    renamed = {names.get(key, key): value for key, value in row.items() if key in names or key not in meant}
    made = shape_of(renamed, columns)
    for key, target in meant.values():
        fuller = made.format not in _WEAK or (target.how == "case" and made.format != "unknown")
        gained = shape.format in _WEAK and made.format != shape.format and fuller
        # An Alpaca row that has an answer and no input would not miss it, and so lose it.
        spare = shape.format == made.format == "alpaca" and target.name == "input" and "input" not in shape.fields
        yield key, target, (gained and target.name in made.fields.values()) or spare


def _suits(value: Any, target: Near) -> bool:
    """Whether the value is one that the field could have."""
    if target.name in _LISTS:
        return isinstance(value, list)
    if isinstance(value, str):
        return target.how != "plural" or not value.lstrip().startswith(("[", "{"))
    if isinstance(value, list):
        return (
            target.how != "plural" and bool(value) and all(isinstance(item, dict) and "role" in item for item in value)
        )
    return target.how == "case" and not isinstance(value, dict)


def _spoken(row: Mapping[str, Any], shape: Shape) -> Iterator[tuple[str, str, Near]]:
    """Misspelled keys of messages that lack a speaker or what is said."""
    for talk, index, message in messages_of(row, shape):
        speaks = "role" in message or "from" in message
        if speaks and ("content" in message or "value" in message):
            continue
        wanted = frozenset[str]()
        if not speaks:
            wanted |= {"role", "from"}
        if all(message.get(key) is None for key in _SPOKEN):
            wanted |= {"content"} if "role" in message else {"content", "value"}
        taken = set[str]()
        for key, value in message.items():
            if key in _MESSAGE_KEYS or key in NAMES or not isinstance(value, (str, list)):
                continue
            target = next((t for t in near(key, wanted) if message.get(t.name) is None and t.name not in taken), None)
            if target and (isinstance(value, str) or target.name == "content"):
                taken.add(target.name)
                yield f"{talk.at(index)}/{escape(key)}", key, target


def _extra(chunk: Chunk) -> Iterator[tuple[int, str, str]]:
    """Keys that the profile's provider refuses, each at the first row that has it."""
    trainer, seen = chunk.target.trainer, set[str]()
    beside, inside = trainer.extra_columns, trainer.message_keys
    if beside is None and inside is None:
        return
    taken = {*(beside or ()), *(column for kind in trainer.columns for column in kind)}
    for row, (value, shape) in enumerate(zip(chunk.values, chunk.shapes, strict=True)):
        if value is None or shape is None or shape.format == "unknown":
            continue
        own = {} if beside is None else {key: "/" + escape(key) for key in value if key not in taken}
        if inside is not None:
            own |= {
                key: f"{talk.at(index)}/{escape(key)}"
                for talk, index, message in messages_of(value, shape)
                for key in message
                if key not in inside
            }
        for key in [key for key in own if key not in seen]:
            seen.add(key)
            yield row, own[key], key


def _needs(name: str, kind: Kind, main: Main | None) -> bool:
    """Whether a column of this name would give a row of this kind what the file's rows have."""
    lack = () if main is None else lacking(kind, main)
    return any(name in ALIASES[field] for need, _, _ in lack for field in need.fields)


def _list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
