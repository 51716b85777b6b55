"""Where each input's rows go: names below the output folder that neither escape it nor meet."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from datalint.report.escape import encodable
from datalint.source import DataFile
from datalint.source.names import ENDINGS
from datalint.source.once import STDIN

LEDGERS = ("changes.parquet", "originals.parquet", "removed.parquet")
RESERVED = frozenset({*LEDGERS, "README.md", "manifest.json"})
MAX_NAME = 200  # bytes of one part of a path; file systems take 255, and a shard's number has to fit
_PACKED = re.compile(r"\.(?:gz|zst)$", re.IGNORECASE)
_ENDING = re.compile(rf"\.(?:{'|'.join(ENDINGS)})$", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """An input's name below a folder, and its output's."""

    relative: str
    output: str
    name_bytes: bytes | None = None  # what is written as `relative`, where that is no UTF-8


@dataclass
class Taken:
    """Files and folders that are spoken for. `fold`: some file systems do not tell upper from lower case."""

    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    fold: bool = True

    def folder(self, path: PurePosixPath) -> PurePosixPath:
        """The folder, with a number at each part that is a file."""
        made = PurePosixPath()
        for part in path.parts:
            made = self._numbered(made / part, self.files)
            self.folders.add(self._key(made))
        return made

    def file(self, path: PurePosixPath) -> PurePosixPath:
        """The path, or the first one with a number that no file or folder has."""
        made = self._numbered(self.folder(path.parent) / path.name, self.files | self.folders)
        self.files.add(self._key(made))
        return made

    def free(self, path: PurePosixPath) -> bool:
        """Whether no file or folder has this name."""
        return self._key(path) not in self.files | self.folders

    def _numbered(self, path: PurePosixPath, taken: set[str]) -> PurePosixPath:
        made, number = path, 1
        while self._key(made) in taken:
            number += 1
            made = path.with_name(f"{number}-{path.name}")
        return made

    def _key(self, path: PurePosixPath) -> str:
        return path.as_posix().casefold() if self.fold else path.as_posix()


def places(
    files: Sequence[DataFile], folder: Path | None = None, *, ending: str = "parquet", taken: Taken | None = None
) -> list[Place]:
    """One place for each file, in order; what they take is added to `taken`.

    `folder`, if the user gave that alone, is left out of the names. Other names are kept as given; `..` is dropped,
    and of absolute paths what they have in common. Bytes that are no UTF-8 are told by their digits.
    """
    absolute = [PurePosixPath(file.name).parent for file in files if os.path.isabs(file.name)]  # noqa: PTH117
    common = PurePosixPath(os.path.commonpath(absolute)) if absolute else PurePosixPath()
    inputs, outputs = Taken(fold=False), Taken() if taken is None else taken
    outputs.files |= {name.casefold() for name in RESERVED}
    found = []
    for file in files:
        name = _relative(file.name, folder, common).as_posix()
        relative = inputs.file(PurePosixPath(encodable(name)))
        raw = None if encodable(name) == name else os.fsencode(name)
        found.append(Place(relative.as_posix(), _output(relative, outputs, ending), raw))
    return found


def shard_names(output: str, count: int, taken: Taken) -> list[str]:
    """`train-00000-of-00003.parquet` and so on for `train.parquet`, as Hugging Face names shards."""
    whole = PurePosixPath(output)
    stem, number = whole.stem, 1
    while True:
        names = [whole.with_name(f"{stem}-{i:05d}-of-{count:05d}{whole.suffix}") for i in range(count)]
        if all(map(taken.free, names)):
            return [taken.file(name).as_posix() for name in names]
        number += 1
        stem = f"{number}-{whole.stem}"


def _relative(name: str, folder: Path | None, common: PurePosixPath) -> PurePosixPath:
    path = PurePosixPath("stdin" if name == STDIN else name)
    for start in (PurePosixPath(folder.as_posix()) if folder else common, common):
        if path.is_relative_to(start):
            path = path.relative_to(start)
            break
    return PurePosixPath(*(part for part in path.parts if part not in ("..", "/")))


def _output(relative: PurePosixPath, taken: Taken, ending: str) -> str:
    folder = taken.folder(PurePosixPath(*map(_short, relative.parent.parts)))
    whole = relative.name
    packed = _PACKED.sub("", whole)
    stem = _ENDING.sub("", packed) or whole
    names = [folder / f"{_short(name)}.{ending}" for name in dict.fromkeys((stem, packed, whole))]
    return taken.file(next(filter(taken.free, names), names[-1])).as_posix()


def _short(name: str) -> str:
    """A name that leaves room for an ending and a number: the end of a longer one is told by its digest."""
    raw = name.encode("utf-8")
    if len(raw) <= MAX_NAME:
        return name
    mark = hashlib.sha256(raw).hexdigest()[:12]
    return f"{raw[: MAX_NAME - len(mark) - 1].decode('utf-8', 'ignore')}-{mark}"
