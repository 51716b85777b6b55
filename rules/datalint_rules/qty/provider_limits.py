"""QTY002."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.profiles import Profile, load_profile
from datalint.rule import Rule, Sample, Totals
from datalint_rules.qty.strictness import Fault, column_fault, row_faults

_TALK = [{"role": "user", "content": "Name a sea."}, {"role": "assistant", "content": "The Baltic."}]
_CALL = {"id": "call12345", "type": "function", "function": {"name": "find_sea", "arguments": {"depth": 55}}}
_SCHEMA = {
    "profile": pl.String,
    "pointer": pl.String,
    "limit": pl.String,
    "value": pl.String,
    "same": pl.Int64,  # rows with this very fault; only the first is here
    "rows": pl.Int64,
    "bytes": pl.Int64,
}


def _sample(profile: str, *rows: dict[str, Any], times: int = 20) -> Sample:
    return Sample({"train.jsonl": list(rows) * times}, {"profile": profile})


def _nova(text: str) -> dict[str, Any]:
    return {"messages": [{**message, "content": [{"text": text}]} for message in _TALK]}


@dataclass(frozen=True)
class ProviderLimits(Rule):
    """The data are not what the provider or trainer takes.

    ## What it does
    Holds the data against the profile that `--profile` names: rows in the training and the evaluation split, bytes of
    a file, tokens (with `--tokenizer`) and characters of a row, columns, roles, order of turns, tool calls and their
    arguments, candidates of a preference row. A limit of the dataset is one finding without a row; columns that do not
    fit are one for all rows that have the same. What other rules report of any row, such as a row without an answer,
    is not repeated here.

    ## Why is this bad?
    The provider refuses the file after the upload, sometimes with the first fault alone, or the trainer skips the row
    with a line in its log.

    ## Example
    Six conversations and `--profile openai`, which takes ten or more.

    ## Fix safety
    No fix: more rows, another form or another provider is for a person to choose.

    ## Options
    None.

    ## References
    The checks of together-python, mistral-finetune and the validator for Amazon Nova; the guides of OpenAI and
    Google; LLaMA-Factory's converters. Each profile names its sources.
    """

    code, name = "QTY002", "provider-limits"
    severity = "error"
    message = "{profile} {limit}; {value}"
    needs = ("profile",)
    within = "dataset"
    bad = [
        _sample("openai", {"messages": _TALK}, times=6),
        _sample("openai", {"instruction": "Name a sea.", "output": "The Baltic."}),
        _sample("openai", {"prompt": "a" * 9_000, "completion": "b" * 1_001}),
        _sample("mistral-finetune", {"messages": [_TALK[0], {"role": "assistant", "tool_calls": [_CALL]}]}),
        _sample("bedrock-nova", {"messages": _TALK}),
        _sample("together", {"messages": _TALK, "text": "a"}),
        _sample("vertex-gemini", {"contents": [{"role": "assistant", "parts": [{"text": "a"}]}]}),
        _sample("trl", {"prompt": [{"role": "system", "content": "s"}], "completion": _TALK[1:]}),
        _sample(
            "llamafactory",
            {
                "conversations": [
                    {"from": "human", "value": "a"},
                    {"from": "function_call", "value": '{"name": "f"}'},
                    {"from": "observation", "value": "b"},
                    {"from": "observation", "value": "c"},
                    {"from": "gpt", "value": "d"},
                ]
            },
        ),
    ]
    good = [
        _sample("openai", {"messages": _TALK}),
        _sample("together", {"messages": _TALK, "tools": []}, times=1),
        _sample("trl", {"prompt": "a", "completion": "b", "label": True}, {"messages": _TALK}, times=1),
        _sample("llamafactory", {"instruction": "Name a sea.", "output": "The Baltic."}, times=1),
        _sample("bedrock-nova", _nova("The Baltic."), times=200),
        _sample("axolotl", {"messages": _TALK}, times=1),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        profile, name = chunk.target.trainer, chunk.target.profile
        rows = [(None, name, None, None, None, None, _readable(chunk), _bytes(chunk))]
        found = [(row, name, *fault, same, None, None) for row, fault, same in _faults(chunk, profile)]
        return pl.DataFrame([*rows, *found], schema={"row": pl.Int64, **_SCHEMA}, orient="row")

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        counted = frame.filter(pl.col("rows").is_not_null())
        whole = [
            line
            for (name,), part in counted.group_by("profile", maintain_order=True)
            for line in _dataset(str(name), load_profile(str(name)), part)
        ]
        names = ("file", "profile", "limit", "value", "severity")
        types = (pl.UInt32, pl.String, pl.String, pl.String, pl.String)
        dataset = pl.DataFrame(whole, schema=dict(zip(names, types, strict=True)), orient="row")
        told = frame.filter(pl.col("limit").is_not_null())
        # Rows with the same columns are one fault, however many chunks they fill.
        merged = (
            told.filter(pl.col("same").is_not_null())
            .group_by("profile", "split", "limit", "value", maintain_order=True)
            .agg(pl.col("file", "row", "pointer").first(), pl.col("same").sum())
            .with_columns(value=pl.format("{} in {} rows", "value", pl.col("same").map_elements(_grouped, pl.String)))
        )
        single = told.filter(pl.col("same").is_null())
        columns = ["file", "row", "pointer", "profile", "limit", "value"]
        return pl.concat([dataset, merged.select(columns), single.select(columns)], how="diagonal")


def _grouped(number: int) -> str:
    return f"{number:,}"


def _readable(chunk: Chunk) -> int:
    return sum(value is not None for value in chunk.values)


def _bytes(chunk: Chunk) -> int:
    """The size of the file, told with its first chunk."""
    return chunk.file.path.stat().st_size if chunk.block.first_row == 0 else 0


def _faults(chunk: Chunk, profile: Profile) -> Iterator[tuple[int, Fault, int | None]]:
    """Row, fault, and for columns how many rows share them."""
    for shape, types, rows in chunk.forms:
        fault = column_fault(list(types), shape, profile)
        if fault:
            yield rows[0], fault, len(rows)
    # Any row may have a call or a role that the provider does not take, and no view shows a message's own keys.
    for row, value in enumerate(chunk.values):
        if value is not None:
            yield from ((row, fault, None) for fault in row_faults(value, profile))
    if profile.max_tokens:
        yield from ((row, fault, None) for row, fault in _long(chunk, profile.max_tokens))
    if profile.parquet_columns and chunk.file.name.endswith(".parquet"):
        lacking = [column for column in profile.parquet_columns if chunk.forms and column not in chunk.forms[0].types]
        if lacking and chunk.block.first_row == 0:
            limit = f"takes Parquet files with {', '.join(lacking)}"
            yield 0, Fault("", limit, "there is no such column: use JSON Lines"), None


def _long(chunk: Chunk, most: int) -> Iterator[tuple[int, Fault]]:
    tokenizer = chunk.target.tokenizer
    if tokenizer is None:
        return
    said = {row: "\n".join(_texts(value)) for row, value in enumerate(chunk.values) if value is not None}
    rows = [row for row, text in said.items() if not tokenizer.fits(text, most)]
    for row, tokens in zip(rows, tokenizer.count([said[row] for row in rows]).tolist(), strict=True):
        if tokens > most:
            yield row, Fault("", f"takes up to {most:,} tokens of a row", f"there are {tokens:,}")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _dataset(name: str, profile: Profile, counted: pl.DataFrame) -> Iterator[tuple[int, str, str, str, str]]:
    """file, profile, limit, value, severity of each limit that a split or a file violates."""
    splits = {str(split): part for (split,), part in counted.group_by("split", maintain_order=True)}
    limits = (
        ("train", profile.min_rows, "takes {:,} rows or more", -1, "error"),
        ("train", profile.max_rows, "takes up to {:,} rows", 1, "error"),
        ("eval", profile.max_eval_rows, "takes up to {:,} rows for evaluation", 1, "error"),
        ("train", profile.advised_rows, "advises {:,} rows or more", -1, "info"),
    )
    told = False
    for split, limit, text, sign, severity in limits:
        part = splits.get(split)
        if part is None or limit is None or (told and severity == "info"):
            continue
        rows = int(part["rows"].sum())
        if (rows - limit) * sign > 0:
            told = True
            yield int(part["file"][0]), name, text.format(limit), f"there are {rows:,}", severity
    for (file,), part in counted.group_by("file", maintain_order=True):
        size = int(part["bytes"].sum())
        if profile.max_file_bytes is not None and size > profile.max_file_bytes:
            most = f"takes files of up to {profile.max_file_bytes:,} bytes"
            yield int(str(file)), name, most, f"this one has {size:,}", "error"
