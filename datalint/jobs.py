"""Which files a run reads: in which dataset and split, and with what settings."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from datalint.config import Dataset, Settings
from datalint.dedup.kernels import LARGE
from datalint.engine import Job
from datalint.errors import InputError, UsageError
from datalint.source import DataFile, discover
from datalint.suppress import matches
from datalint.target import Target

SPLITS = ("train", "eval", "reference")


def jobs_of(paths: Sequence[str | Path] | None, settings: Settings) -> list[Job]:
    """One job a file: paths as given, else the configuration's datasets, else the working directory.

    Raises InputError for paths that cannot be opened and patterns that match nothing, UsageError for a tokenizer or
    template that is not there.
    """
    config = settings.config
    if paths is None and config.datasets:
        files = [
            DataFile(found.path, found.name, split, name)
            for name, table in config.datasets.items()
            for split in SPLITS
            for found in _globbed(settings, getattr(table, split), name)
        ]
    else:
        lists: dict[str, Any] = {
            split: [settings.path(split, value) for value in getattr(config, split)] for split in SPLITS
        }
        explicit = any(lists.values())
        files = discover(list(paths) if paths else [] if explicit else ["."], **lists)
        files = [_placed(file, settings) for file in files]
    whole = Dataset(**{field: getattr(config, field) for field in Dataset.__struct_fields__})
    large = sum(file.path.stat().st_size for file in files) >= LARGE
    return [
        replace(_job(index, file, config.datasets.get(file.dataset), whole, settings), large=large)
        for index, file in enumerate(files)
    ]


def _globbed(settings: Settings, patterns: Sequence[str], name: str) -> list[DataFile]:
    found: list[Path] = []
    here = Path.cwd()
    for pattern in patterns:
        hits = [Path(pattern)] if Path(pattern).is_absolute() else sorted(settings.root.glob(pattern))
        if not hits:
            raise InputError(f"[datasets.{name}]: {pattern!r} matches no file under {settings.root}")
        found += [hit.relative_to(here) if hit.is_relative_to(here) else hit for hit in hits]
    return discover(found) if found else []


def _placed(file: DataFile, settings: Settings) -> DataFile:
    """A file given as a path belongs to the dataset whose patterns cover it."""
    path = file.path.resolve()
    inside = path.is_relative_to(settings.root)
    name = path.relative_to(settings.root).as_posix() if inside else path.as_posix()
    for dataset, table in settings.config.datasets.items():
        for split in SPLITS:
            if any(matches(name, pattern) for pattern in getattr(table, split)):
                return replace(file, split=split, dataset=dataset)
    return file


def _job(index: int, file: DataFile, table: Dataset | None, whole: Dataset, settings: Settings) -> Job:
    """A dataset's own settings stand before those of the whole run, unless the command line gave the latter."""

    def pick(key: str) -> Any:
        own = getattr(table, key) if table else None
        flag = settings.origin(key.replace("_", "-")).startswith("--")
        return getattr(whole, key) if flag or not own else own

    def path(key: str) -> Path | None:
        value = pick(key)
        return None if value is None else settings.path(key.replace("_", "-"), str(value))

    tokenizer, template = path("tokenizer"), path("chat_template")
    if tokenizer is not None:
        from datalint.tokens.hub import tokenizer_folder

        tokenizer = tokenizer_folder(str(pick("tokenizer")), tokenizer)
    if template is not None and not template.is_file():
        raise UsageError(f"--chat-template: {template} is not a file")
    where = pick("against")
    # What is no path is a server's address.
    against = where if where is None or "://" in where else str(path("against"))
    target = Target(tokenizer, template, pick("max_length"), pick("loss"), pick("profile"), against)
    return Job(index, file, pick("format"), pick("columns"), target)
