"""`README.md` of a clean's output: a dataset card (https://huggingface.co/docs/hub/datasets-cards).

Its `configs` name the data files alone, so that `load_dataset(DIR)` leaves removed.parquet and its like out.
"""

import glob
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datalint.cleaner.manifest import Counts, FileEntry, Manifest

_SPLITS = ("train", "validation", "test")
_TEST = re.compile(r"(?:^|[-._ 0-9/])(?:test|testing)(?=$|[-._ 0-9/])")


@dataclass(frozen=True)
class RuleLine:
    """How many rows a rule removed and changed."""

    code: str
    name: str
    removed: int
    changed: int


def write_card(manifest: Manifest, schemas: Mapping[str, str], rules: Sequence[RuleLine]) -> str:
    """The text. `schemas`: output -> something that is equal for files of one schema; files without rows have none."""
    lines = ["---", *_configs(manifest.files, schemas), "---", "", "# Cleaned dataset", ""]
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
    """Any text as code in a Markdown table. File names are content: they may hold anything."""
    shown = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
    return f"<code>{html.escape(shown).replace('|', '&#124;').replace('`', '&#96;').replace('[', '&#91;')}</code>"


def _row(name: str, split: str, counts: FileEntry | Counts) -> str:
    numbers = (
        counts.rows_in,
        counts.rows_out,
        counts.rows_changed,
        counts.rows_removed,
        counts.rows_unreadable,
    )
    return " | ".join((f"| {name}", split, *(f"{number:,}" for number in numbers))) + " |"


def _configs(files: Sequence[FileEntry], schemas: Mapping[str, str]) -> list[str]:
    """One configuration for the files of each schema: `load_dataset` reads a configuration with a single one."""
    groups: dict[str, list[FileEntry]] = {}
    for file in files:
        if file.output in schemas:
            groups.setdefault(schemas[file.output], []).append(file)
    if not groups:
        return ["configs: []"]
    lines = ["configs:"]
    for number, group in enumerate(sorted(groups.values(), key=lambda some: -sum(f.rows_out for f in some))):
        splits: dict[str, list[str]] = {}
        for file in group:
            splits.setdefault(_split(file), []).append(file.output)
        lines += [f"- config_name: {'default' if number == 0 else f'part{number + 1}'}", "  data_files:"]
        for split, names in sorted(splits.items(), key=lambda item: _SPLITS.index(item[0])):
            lines += [f"  - split: {split}", "    path:"]
            # Paths are patterns there; JSON strings are YAML.
            lines += [f"    - {json.dumps(glob.escape(name))}" for name in names]
    return lines


def _split(file: FileEntry) -> str:
    """train, validation or test: an evaluation file whose name says so is a test."""
    if file.split == "train":
        return "train"
    return "test" if _TEST.search(re.sub(r"\.\w+$", "", file.relative.lower())) else "validation"
