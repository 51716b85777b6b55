"""Folders that say themselves which files in them are data: what `clean` wrote, `save_to_disk`, and dataset cards."""

import glob
import json
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from datalint.errors import InputError
from datalint.source.names import SPLITS, data_names, is_data_name, split_of

LARGEST = 64 << 20  # bytes of a manifest; cards are bounded more tightly, since YAML is slow
_CARD = 1 << 20
_ANY = re.compile(r"(?:\*\*/)+")
_MOST_ANY = 3


class Listed(NamedTuple):
    """A data file; `split` is None where its name has to tell, `dataset` empty where there is only one."""

    path: Path
    split: str | None
    dataset: str = ""


def listed(folder: Path, names: Collection[str]) -> list[Listed] | None:
    """The data files that a folder names, which has files of these names; None if it names none.

    Raises InputError for a file that is missing or outside of the folder, and for a card that cannot be read.
    """
    readers = (("manifest.json", _cleaned), ("state.json", _saved), ("dataset_dict.json", _saved_splits))
    for name, reader in readers:
        if name in names and (found := reader(folder, name)) is not None:
            return found
    return _by_card(folder, "README.md") if "README.md" in names else None


def inside(folder: Path, target: str, teller: str, *, links: bool = True) -> Path:
    """A file or folder that another file names: content, so that it may name nothing outside of its folder.

    With `links` by a symbolic link it may: the Hugging Face cache is made of them. Raises InputError.
    """
    path, parts = folder / target, PurePosixPath(target).parts
    told = f"{(folder / teller).as_posix()}: names {target[:80]!r}"
    try:
        away = not links and not path.resolve().is_relative_to(folder.resolve())
        there = path.exists()
    except (
        OSError,
        ValueError,
        RuntimeError,
    ):  # a name with a null byte, one longer than names can be, a loop of links
        away = there = False
    if away or ".." in parts or parts[:1] == ("/",):
        raise InputError(f"{told}, outside of its folder; do not trust this folder")
    if not there:
        raise InputError(f"{told}, which is missing; put it there, or name the files")
    return path


def _json(path: Path) -> dict[str, Any]:
    """A JSON object; empty for anything else, which is somebody else's file."""
    try:
        found = json.loads(path.read_bytes()) if path.stat().st_size <= LARGEST else None
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _cleaned(folder: Path, name: str) -> list[Listed] | None:
    """What the manifest of a `datalint clean` lists."""
    manifest = _json(folder / name)
    if not str(manifest.get("schema", "")).startswith("datalint-clean/"):
        return None
    files = []
    for entry in _objects(manifest.get("files")):
        if isinstance(output := entry.get("output"), str):
            split = entry.get("split")
            files.append(Listed(inside(folder, output, name, links=False), split if split in SPLITS else None))
    return files


def _saved(folder: Path, name: str) -> list[Listed] | None:
    """The shards of a `datasets.Dataset` (datasets/arrow_dataset.py, save_to_disk)."""
    state = _json(folder / name)
    if "_data_files" not in state:
        return None
    split = state.get("_split")
    known = split_of((split,)) if isinstance(split, str) else None
    shards = [entry.get("filename") for entry in _objects(state["_data_files"])]
    return [Listed(inside(folder, shard, name), known) for shard in shards if isinstance(shard, str)]


def _saved_splits(folder: Path, name: str) -> list[Listed] | None:
    """The shards of a `datasets.DatasetDict`: a folder a split, which its name tells."""
    splits = _json(folder / name).get("splits")
    if not isinstance(splits, list):
        return None
    files = []
    for split in splits:
        if isinstance(split, str):
            below = inside(folder, split, name)
            files += [one._replace(split=split_of((split,))) for one in _saved(below, "state.json") or ()]
    return files


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item


def _by_card(folder: Path, name: str) -> list[Listed] | None:
    """The files of each configuration of a dataset card (huggingface.co/docs/hub/datasets-manual-configuration).

    Several configurations are several datasets; a file of more than one belongs to the first of them.
    """
    configs = [config for config in _configs(folder, name) if "data_files" in config or "data_dir" in config]
    if not configs:
        return None
    taken = dict[Path, Listed]()
    for number, config in enumerate(configs):
        dataset = str(config.get("config_name", number)) if len(configs) > 1 else ""
        base, files = folder, config.get("data_files")
        if config.get("data_dir"):
            base = inside(folder, str(config["data_dir"]), name)
        if files is None:
            found = [Listed(path, None, dataset) for path in _below(base)]
        else:
            found = [Listed(path, split, dataset) for split, path in _matched(folder, base, files, name)]
        for one in found:
            taken.setdefault(one.path.resolve(), one)
    return list(taken.values())


def _configs(folder: Path, name: str) -> list[dict[str, Any]]:
    """The `configs` of a card's YAML; none if it has no such thing."""
    path = folder / name
    try:
        with path.open("rb") as file:
            head = file.read(_CARD)
    except OSError:
        return []
    opening, _, rest = head.replace(b"\r\n", b"\n").partition(b"\n")
    if opening.removeprefix(b"\xef\xbb\xbf").rstrip() != b"---":
        return []
    front, closed, _ = rest.partition(b"\n---")
    if b"configs:" not in front:
        return []
    import yaml

    try:
        if not closed:
            raise ValueError("it has no end")
        # The base loader knows text, lists and tables alone: nothing is made, and nothing grows.
        found = yaml.load(front.decode("utf-8"), yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f"{path.as_posix()}" + (f":{mark.line + 2}" if mark else "")
        what = getattr(fault, "problem", None) or str(fault).partition("\n")[0][:80]
        raise InputError(f"{where}: the card's YAML cannot be read ({what}); mend it, or name the files") from None
    return list(_objects(found.get("configs"))) if isinstance(found, dict) else []


def _matched(folder: Path, base: Path, files: Any, name: str) -> Iterator[tuple[str, Path]]:
    """Split and path of each file that `data_files` means: patterns, a list of them, or such by split."""
    for split, pattern in _patterns(files):
        told = f"{(folder / name).as_posix()}: names {pattern[:80]!r}"
        if "://" in pattern:
            raise InputError(f"{told}, which is not in its folder; download it, or name the files")
        if not glob.has_magic(pattern):
            path = inside(base, pattern, name)
            hits = _below(path) if path.is_dir() else [path]
        else:
            if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
                raise InputError(f"{told}, outside of its folder; do not trust this folder")
            # Each stands for any number of folders: with a few dozen of them the ways to match have no end.
            pattern = _ANY.sub("**/", pattern)
            if pattern.count("**") > _MOST_ANY:
                raise InputError(f"{told}, which has too many '**'; put it right, or name the files")
            globbed = sorted(glob.glob(pattern, root_dir=base, recursive=True))  # noqa: PTH207  hidden ones stay out
            hits = [base / hit for hit in globbed if is_data_name(PurePosixPath(hit).name) and (base / hit).is_file()]
        if not hits:
            raise InputError(f"{told}, which matches no data file; put it right, or name the files")
        yield from ((split_of((split,)), hit) for hit in hits)


def _patterns(files: Any) -> Iterator[tuple[str, str]]:
    """Split and pattern; patterns without a split are train."""
    if isinstance(files, dict):
        for split, some in files.items():
            yield from ((str(split), pattern) for pattern in _texts(some))
    elif isinstance(files, list):
        for item in files:
            if isinstance(item, dict):
                yield from ((str(item.get("split", "train")), pattern) for pattern in _texts(item.get("path")))
            else:
                yield from (("train", pattern) for pattern in _texts(item))
    else:
        yield from (("train", pattern) for pattern in _texts(files))


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str) and item]


def _below(folder: Path) -> list[Path]:
    """The data files of a folder and of those in it."""
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(here) / name for name in data_names(names)]
    return found
