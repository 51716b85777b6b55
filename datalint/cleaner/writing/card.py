"""`README.md` of a clean's output: a dataset card (https://huggingface.co/docs/hub/datasets-cards).

Its `configs` name the data files alone, so that `load_dataset(DIR)` leaves removed.parquet and its like out.
"""

import glob
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

from datalint.cleaner.stored.manifest import Counts, FileEntry, Manifest
from datalint.report.escape import visible
from datalint.source.names import SHARD

_SPLITS = ("train", "validation", "test")
# What is left of Markdown between letters, digits and " -_./": emphasis, and addresses that become links.
_LIVE = re.compile(r"(?<![^\W_])_|_(?![^\W_])|(?<=www)\.", re.IGNORECASE)
_TEST = re.compile(r"(?:^|[-._ 0-9/])(?:test|testing)(?=$|[-._ 0-9/])")


@dataclass(frozen=True)
class RuleLine:
    """How many rows a rule removed and changed."""

    code: str
    name: str
    removed: int
    changed: int


@dataclass(frozen=True)
class Table:
    """The columns of a data file."""

    key: str  # equal for files with the same columns
    features: str | None = None  # their types as JSON, where the file does not say them itself

    @classmethod
    def of(cls, features: Sequence[Mapping[str, Any]]) -> "Table":
        """Of JSON Lines."""
        told = _yaml(features)
        return cls(told, told)


def write_card(manifest: Manifest, tables: Mapping[str, Table], rules: Sequence[RuleLine]) -> str:
    """The text. `tables`: output -> its columns; files without rows have none."""
    lines = ["---", *_configs(manifest.files, tables), "---", "", "# Cleaned dataset", ""]
    safety = "Safe and unsafe" if manifest.options.get("unsafe_fixes") else "Safe"
    lines += [
        f"Written by datalint {manifest.version}.",
        "Every input row is in a data file or in `removed.parquet`; `datalint restore` rebuilds the inputs.",
        "",
        "| File | Split | Rows in | Kept | Changed | Removed | Unreadable |",
        "|---|---|---:|---:|---:|---:|---:|",
        *(_row(code(f"{file.output}"), file.split, file) for file in manifest.files),
        _row("all", "", manifest.counts),
        "",
        "## What was done",
        "",
    ]
    if rules:
        lines += ["| Rule | Rows removed | Rows changed |", "|---|---:|---:|"]
        lines += [f"| {rule.code} {rule.name} | {rule.removed:,} | {rule.changed:,} |" for rule in rules]
    else:
        lines.append("Nothing had to be removed or changed.")
    lines += [
        "",
        f"{safety} fixes were made. `removed.parquet` holds what was taken away with its exact bytes,",
        "`changes.parquet` every value before and after, `originals.parquet` what else `datalint restore` needs.",
        "",
    ]
    return "\n".join(lines)


def code(text: str) -> str:
    """Any text as code in a Markdown table. File names are content: no mark-up is made of them, and no link."""
    plain = "".join(char if char.isalnum() or char in " -_./" else f"&#{ord(char)};" for char in visible(text))
    return f"<code>{_LIVE.sub(lambda found: f'&#{ord(found[0])};', plain)}</code>"


def _row(name: str, split: str, counts: FileEntry | Counts) -> str:
    numbers = (
        counts.rows_in,
        counts.rows_out,
        counts.rows_changed,
        counts.rows_removed,
        counts.rows_unreadable,
    )
    return " | ".join((f"| {name}", split, *(f"{number:,}" for number in numbers))) + " |"


def _configs(files: Sequence[FileEntry], tables: Mapping[str, Table]) -> list[str]:
    """One configuration for the files of each schema: `load_dataset` reads a configuration with a single one."""
    groups: dict[Table, list[FileEntry]] = {}
    for file in files:
        if file.output in tables:
            groups.setdefault(tables[file.output], []).append(file)
    if not groups:
        return ["configs: []"]
    lines, told = ["configs:"], []
    biggest_first = sorted(groups.items(), key=lambda item: -sum(file.rows_out for file in item[1]))
    for number, (table, group) in enumerate(biggest_first):
        name = "default" if number == 0 else f"part{number + 1}"
        splits: dict[str, list[FileEntry]] = {}
        for file in group:
            splits.setdefault(_split(file), []).append(file)
        lines += [f"- config_name: {name}", "  data_files:"]
        for split, some in sorted(splits.items(), key=lambda item: _SPLITS.index(item[0])):
            lines += [f"  - split: {split}", "    path:"]
            lines += [f"    - {_yaml(pattern)}" for pattern in _patterns(some, files)]
        if table.features is not None:
            told += [f"- config_name: {name}", f"  features: {table.features}"]
    return [*lines, *(["dataset_info:", *told] if told else [])]


def _yaml(value: Any) -> str:
    """JSON is YAML, but for characters that YAML wants escaped and the pairs in which JSON escapes them."""
    text = json.dumps(value, ensure_ascii=False)
    # Whoever prints the card in CI shall run no `##[command]`.
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text).replace("##", "#\\u0023")


def _patterns(some: Sequence[FileEntry], files: Sequence[FileEntry]) -> list[str]:
    """What matches these files and no other: `train-*-of-00003.parquet` for shards, else a name each."""
    found: list[str] = []
    for relative, group in groupby(some, key=lambda file: file.relative):
        names = [file.output for file in group]
        pattern = SHARD.sub(r"-*\1", glob.escape(names[0]))
        matched = {file.output for file in files if fnmatchcase(file.output, pattern)}
        shards = len(names) > 1 and matched == set(names) == {f.output for f in files if f.relative == relative}
        found += [pattern] if shards else [glob.escape(name) for name in names]
    return found


def _split(file: FileEntry) -> str:
    """train, validation or test: an evaluation file whose name says so is a test."""
    if file.split == "train":
        return "train"
    return "test" if _TEST.search(re.sub(r"\.\w+$", "", file.relative.lower())) else "validation"
