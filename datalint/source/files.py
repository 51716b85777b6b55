"""From the paths of a command to data files: folders searched, splits assigned, each file once."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datalint.errors import InputError, UsageError

ENDINGS = ("jsonl", "ndjson", "json", "csv", "tsv", "parquet")
SPLITS = ("train", "eval", "reference")

_DATA = re.compile(rf"\.(?:{'|'.join(ENDINGS)})(?:\.(?:gz|zst))?$", re.IGNORECASE)
_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__"})
# JSON that lies beside data and models, and is never training data. A file named on its own is always read.
_NOT_DATA = frozenset(
    {
        "adapter_config.json",
        "added_tokens.json",
        "config.json",
        "datalint-baseline.jsonl",
        "datalint-suppressions.jsonl",
        "dataset_info.json",
        "dataset_infos.json",
        "generation_config.json",
        "manifest.json",
        "model.safetensors.index.json",
        "package-lock.json",
        "package.json",
        "preprocessor_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "trainer_state.json",
        "tsconfig.json",
        "vocab.json",
    }
)
# The words and separators by which Hugging Face `datasets` finds splits (datasets/data_files.py).
_WORD = re.compile(
    r"(?:^|[-._ 0-9])(train|training|validation|valid|val|dev|test|testing|eval|evaluation)(?=$|[-._ 0-9])"
)


@dataclass(frozen=True)
class DataFile:
    """A file to read: where it is, what the user calls it, and its part in the run.

    `name` is as given on the command line, or below a folder as given; always with "/". `split` is "train",
    "eval" or "reference". `dataset` is the name of the [datasets.X] table, "" if there is none.
    """

    path: Path
    name: str
    split: str
    dataset: str = ""


def discover(
    paths: Sequence[str | Path],
    *,
    train: Sequence[str | Path] = (),
    eval: Sequence[str | Path] = (),  # noqa: A002  the option's name
    reference: Sequence[str | Path] = (),
    dataset: str = "",
) -> list[DataFile]:
    """The data files of a run, in the order given (below a folder: sorted), each once.

    Files of `train`, `eval` and `reference` have that split; others get theirs from their name. A folder that
    `datalint clean` wrote stands for the data files of its manifest.

    Raises InputError for a path that is missing or cannot be read, for a folder without data files and if
    nothing is given at all; UsageError for a file that is given two splits.
    """
    found: dict[Path, DataFile] = {}
    told: dict[Path, str] = {}
    for file in _expanded(paths, dataset):
        found.setdefault(file.path.resolve(), file)
    for split, given in zip(SPLITS, (train, eval, reference), strict=True):
        for file in _expanded(given, dataset):
            key = file.path.resolve()
            if told.setdefault(key, split) != split:
                raise UsageError(f"{file.name}: named as {told[key]} and as {split}; leave out one of them")
            found[key] = replace(found.get(key, file), split=split)
    if not found:
        raise InputError("no data files are given; name a file or a folder")
    return list(found.values())


def _expanded(paths: Iterable[str | Path], dataset: str) -> Iterator[DataFile]:
    for given in paths:
        path, name = Path(given), str(given).replace(os.sep, "/")
        try:
            is_folder, is_file = path.is_dir(), path.is_file()
        except OSError as fault:
            raise InputError(f"{name}: cannot be opened ({fault.strerror}); check the path") from None
        if is_folder:
            yield from _folder(path, name, dataset)
        elif is_file:
            if not os.access(path, os.R_OK):
                raise InputError(f"{name}: no permission to read; change its mode or leave it out")
            yield DataFile(path, name, split_of(_words_of(path)), dataset)
        elif path.exists():
            raise InputError(f"{name}: not a regular file; write its content to a file first")
        else:
            raise InputError(f"{name}: no such file or folder; check the path")


def _folder(root: Path, name: str, dataset: str) -> list[DataFile]:
    def refuse(fault: OSError) -> None:
        where = name if fault.filename is None else Path(fault.filename).as_posix()
        raise InputError(f"{where}: cannot be searched ({fault.strerror}); change its mode or leave it out")

    prefix = "" if Path(name) == Path() else name.rstrip("/") + "/"
    files: list[DataFile] = []
    for folder, folders, names in os.walk(root, onerror=refuse):
        here = Path(folder)
        published = _published(here) if "manifest.json" in names else None
        if published is None:
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _SKIPPED_FOLDERS)
            published = [(here / n, None) for n in sorted(names) if is_data_name(n) and (here / n).is_file()]
        else:
            folders.clear()
        for path, split in published:
            if not os.access(path, os.R_OK):
                raise InputError(f"{path.as_posix()}: no permission to read; change its mode or leave it out")
            below = path.relative_to(root)
            words = (*_words_of(root), *below.parts)
            files.append(DataFile(path, prefix + below.as_posix(), split or split_of(words), dataset))
    if not files:
        raise InputError(f"{name}: no data files in this folder ({', '.join(ENDINGS)}, also .gz or .zst)")
    return files


def is_data_name(name: str) -> bool:
    """Whether a file of this name is read when its folder is searched."""
    return bool(_DATA.search(name)) and not name.startswith(".") and name.lower() not in _NOT_DATA


def _published(folder: Path) -> list[tuple[Path, str | None]] | None:
    """The data files that the manifest of a `datalint clean` lists, with their splits; None if it is no such."""
    path = folder / "manifest.json"
    try:
        manifest: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None  # somebody else's file
    if not isinstance(manifest, dict) or not str(manifest.get("schema", "")).startswith("datalint-clean/"):
        return None
    files: list[tuple[Path, str | None]] = []
    entries = manifest.get("files")
    for entry in entries if isinstance(entries, list) else []:
        output = entry.get("output") if isinstance(entry, dict) else None
        if not isinstance(output, str):
            continue
        target = folder / output
        # a manifest is content: it may name nothing outside of its folder
        if not target.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{path.as_posix()}: names {output!r}, outside of its folder; do not trust this folder")
        if not target.is_file():
            raise InputError(f"{path.as_posix()}: names {output!r}, which is missing; run `datalint clean` again")
        files.append((target, entry["split"] if entry.get("split") in SPLITS else None))
    return files


def _words_of(path: Path) -> tuple[str, ...]:
    """The parts of a path that may name a split. Folders above the run's own say nothing about the data."""
    if path.is_absolute():
        here = Path.cwd()
        return path.relative_to(here).parts if path.is_relative_to(here) else (path.name,) if path.is_file() else ()
    return tuple(part for part in path.parts if part != "..")


def split_of(parts: Sequence[str]) -> str:
    """The split that a file's name tells, else the nearest folder's name; train if none does.

    As Hugging Face `datasets` reads names: "validation", "valid", "val", "dev", "test" and "eval" as words. Of
    several words the last one says most: `train.eval.jsonl` is for evaluation.
    """
    for part in reversed(parts):
        if words := _WORD.findall(part.lower()):
            return "train" if words[-1].startswith("train") else "eval"
    return "train"
