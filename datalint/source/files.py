"""From the paths of a command to data files: folders searched, splits assigned, each file once."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from datalint.errors import InputError, UsageError
from datalint.source.folders import Listed, listed
from datalint.source.names import ENDINGS, SPLITS, data_names, split_of
from datalint.source.once import STDIN, Kept, Once, is_stdin, is_stream

_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__"})


@dataclass(frozen=True)
class DataFile:
    """A file to read: where it is, what the user calls it, and its part in the run.

    `name` is as given on the command line, or below a folder as given; always with "/"; "-" for standard input.
    `split` is "train", "eval" or "reference". `dataset` is the name of the [datasets.X] table or, of a dataset card
    with several, of the configuration; "" if there is none. `kept` holds what could be read once only, a stream:
    `path` is good for as long as this is, and there is no file to write back to.
    """

    path: Path
    name: str
    split: str
    dataset: str = ""
    kept: Kept | None = field(default=None, repr=False, compare=False)


def discover(
    paths: Sequence[str | Path],
    *,
    train: Sequence[str | Path] = (),
    eval: Sequence[str | Path] = (),  # noqa: A002  the option's name
    reference: Sequence[str | Path] = (),
    dataset: str = "",
) -> list[DataFile]:
    """The data files of a run, in the order given (below a folder: sorted), each once.

    Files of `train`, `eval` and `reference` have that split; others get theirs from their name. "-" is standard
    input; it and pipes are read here, to their end. A folder that says itself which files are its data stands for
    these: what `datalint clean` or `save_to_disk` of Hugging Face `datasets` wrote, and one with a dataset card.

    Raises InputError for a path that is missing or cannot be read, for a folder without data files and if
    nothing is given at all; UsageError for a file that is given two splits.
    """
    found: dict[Path, DataFile] = {}
    told: dict[Path, str] = {}
    once = Once()
    for file in _expanded(paths, dataset, once):
        found.setdefault(file.path.resolve(), file)
    for split, given in zip(SPLITS, (train, eval, reference), strict=True):
        for file in _expanded(given, dataset, once):
            key = file.path.resolve()
            if told.setdefault(key, split) != split:
                raise UsageError(f"{file.name}: named as {told[key]} and as {split}; leave out one of them")
            found[key] = replace(found.get(key, file), split=split)
    if not found:
        raise InputError("no data files are given; name a file or a folder")
    return list(found.values())


def _expanded(paths: Iterable[str | Path], dataset: str, once: Once) -> Iterator[DataFile]:
    for given in paths:
        path, name = Path(given), str(given).replace(os.sep, "/")
        try:
            streams = is_stream(path)
        except FileNotFoundError:
            raise InputError(f"{name}: no such file or folder; check the path") from None
        except (OSError, ValueError) as fault:
            reason = getattr(fault, "strerror", None) or "no path has a null byte"
            raise InputError(f"{name}: cannot be opened ({reason}); check the path") from None
        if streams:
            name = STDIN if is_stdin(path) else name
            kept_at, kept = once.keep(path, name)
            yield DataFile(kept_at, name, split_of(() if path.is_absolute() else path.parts), dataset, kept)
        elif path.is_dir():
            yield from _folder(path, name, dataset)
        elif path.is_file():
            if not os.access(path, os.R_OK):
                raise InputError(f"{name}: no permission to read; change its mode or leave it out")
            yield DataFile(path, name, split_of(_words_of(path)), dataset)
        else:
            raise InputError(f"{name}: not a regular file; write its content to a file first")


def _folder(root: Path, name: str, dataset: str) -> list[DataFile]:
    def refuse(fault: OSError) -> None:
        where = name if fault.filename is None else Path(fault.filename).as_posix()
        raise InputError(f"{where}: cannot be searched ({fault.strerror}); change its mode or leave it out")

    prefix = "" if Path(name) == Path() else name.rstrip("/") + "/"
    files: list[DataFile] = []
    for folder, folders, names in os.walk(root, onerror=refuse):
        here = Path(folder)
        found = listed(here, names)
        if found is None:
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _SKIPPED_FOLDERS)
            found = [Listed(here / n, None) for n in data_names(names) if (here / n).is_file()]
        else:
            folders.clear()
            # Two cards may call their configurations alike.
            place = prefix + ("" if here == root else here.relative_to(root).as_posix() + "/")
            found = [one._replace(dataset=place + one.dataset) if one.dataset else one for one in found]
        for path, split, config in found:
            if not os.access(path, os.R_OK):
                raise InputError(f"{path.as_posix()}: no permission to read; change its mode or leave it out")
            below = path.relative_to(root)
            split = split or split_of((*_words_of(root), *below.parts))
            files.append(DataFile(path, prefix + below.as_posix(), split, dataset or config))
    if not files:
        raise InputError(f"{name}: no data files in this folder ({', '.join(ENDINGS)}, also .gz or .zst)")
    return files


def _words_of(path: Path) -> tuple[str, ...]:
    """The parts of a path that may name a split. Folders above the run's own say nothing about the data."""
    if path.is_absolute():
        here = Path.cwd()
        return path.relative_to(here).parts if path.is_relative_to(here) else (path.name,) if path.is_file() else ()
    return tuple(part for part in path.parts if part != "..")
