"""Where examples come from: files, a folder's split, the output folder of a clean."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from datalint.cleaner.stored.manifest import NAME, Manifest, read_manifest
from datalint.errors import InputError
from datalint.examples import Example, read_examples
from datalint.source import discover

Source: TypeAlias = str | Path | Sequence[Example]

DEEPEST = 8  # folders below a clean's output that a data file may lie in


def read_source(
    source: Source,
    split: str,
    format: str | None,  # noqa: A002
    columns: Mapping[str, str] | None,
) -> Sequence[Example]:
    """Examples of a source; of a folder that holds several splits, those of `split`.

    Raises InputError for a path that cannot be opened.
    """
    if not isinstance(source, str | Path):
        return source
    if not Path(source).is_dir():
        return read_examples(source, format=format, columns=columns)
    found = discover([source])
    chosen = [file for file in found if file.split == split]
    return [example for file in chosen or found for example in read_examples(file.path, format=format, columns=columns)]


def has_eval_split(source: Source) -> bool:
    """Whether it is a folder with files to evaluate on and others to train on."""
    if not isinstance(source, str | Path) or not Path(source).is_dir():
        return False
    return {"train", "eval"} <= {file.split for file in discover([source])}


def clean_output(source: Source) -> tuple[Path, Manifest] | None:
    """The clean's output folder that a source is or lies in, and its manifest; None if there is none."""
    if not isinstance(source, str | Path):
        return None
    path = Path(source).resolve()
    for folder in (path, *path.parents[:DEEPEST]):
        if (folder / NAME).is_file():
            try:
                manifest = read_manifest(folder)
            except InputError:  # manifests of other tools have this name too
                return None
            outputs = {(folder / file.output).resolve() for file in manifest.files}
            return (folder, manifest) if folder == path or path in outputs else None
    return None
