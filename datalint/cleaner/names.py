"""Where each input's rows go: names below the output folder that neither escape it nor meet."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from datalint.source import DataFile
from datalint.source.files import ENDINGS

RESERVED = frozenset({"removed.parquet", "changes.parquet", "originals.parquet"})
_PACKED = re.compile(r"\.(?:gz|zst)$", re.IGNORECASE)
_ENDING = re.compile(rf"\.(?:{'|'.join(ENDINGS)})$", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """An input's name below a folder, and its output's."""

    relative: str
    output: str


def places(files: Sequence[DataFile], folder: Path | None = None) -> list[Place]:
    """One place for each file, in order.

    `folder`, if the user gave that alone, is left out of the names. Other names are kept as given; `..` is dropped,
    and of absolute paths what they have in common.
    """
    absolute = [PurePosixPath(file.name).parent for file in files if os.path.isabs(file.name)]  # noqa: PTH117
    common = PurePosixPath(os.path.commonpath(absolute)) if absolute else PurePosixPath()
    taken, outputs = set[str](), {name.casefold() for name in RESERVED}
    found = []
    for file in files:
        relative = _free(_relative(file.name, folder, common), taken)
        found.append(Place(relative.as_posix(), _output(relative, outputs)))
    return found


def _relative(name: str, folder: Path | None, common: PurePosixPath) -> PurePosixPath:
    path = PurePosixPath(name)
    for start in (PurePosixPath(folder.as_posix()) if folder else common, common):
        if path.is_relative_to(start):
            path = path.relative_to(start)
            break
    return PurePosixPath(*(part for part in path.parts if part not in ("..", "/")))


def _free(path: PurePosixPath, taken: set[str]) -> PurePosixPath:
    """The path, or the first numbered one that nobody has. Some file systems do not tell upper from lower case."""
    made, number = path, 1
    while made.as_posix().casefold() in taken:
        number += 1
        made = path.with_name(f"{number}-{path.name}")
    taken.add(made.as_posix().casefold())
    return made


def _output(relative: PurePosixPath, taken: set[str]) -> str:
    whole = relative.name
    packed = _PACKED.sub("", whole)
    stem = _ENDING.sub("", packed) or whole
    for name in dict.fromkeys((stem, packed, whole)):
        made = relative.with_name(f"{name}.parquet")
        if made.as_posix().casefold() not in taken:
            taken.add(made.as_posix().casefold())
            return made.as_posix()
    return _free(relative.with_name(f"{whole}.parquet"), taken).as_posix()
