"""Fitted arms on disk, so that a killed run goes on where it was.

An entry is named by a digest of everything that decides it: rows, labels, arms, settings, versions. Whatever differs
in any of these is another entry; nothing is ever stale. Entries are plain arrays and hold no text of any row.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from datalint import __version__
from datalint.disk import replacing
from datalint.errors import OutputError

Arrays = Mapping[str, npt.NDArray[Any]]

MAX_BYTES = 1 << 30  # of all entries; the ones that were used longest ago go first
_DECIDING = ("torch", "numpy", "scipy", "scikit-learn", "transformers", "peft", "model2vec", "tokenizers")


@dataclass
class Store:
    """Entries of a folder, or none where `folder` is None. `found` counts what was there already."""

    folder: Path | None = None
    found: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Make the folder. Raises OutputError if that is not possible."""
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise self._unwritable(error) from error

    def load(self, key: str, names: Collection[str]) -> dict[str, npt.NDArray[Any]] | None:
        """The arrays of an entry, None if it is not there or not whole: then it is made again."""
        if self.folder is None:
            return None
        path = self.folder / f"{key}.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                if set(file.files) != set(names):
                    return None
                arrays = {name: file[name] for name in names}
            os.utime(path)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError):
            return None
        self.found += 1
        return arrays

    def save(self, key: str, arrays: Arrays) -> None:
        """Write an entry; it is there as a whole or not at all. Raises OutputError."""
        if self.folder is None:
            return
        try:
            with replacing(self.folder / f"{key}.npz") as file:
                np.savez(file, allow_pickle=False, **arrays)
            self._make_room()
        except OSError as error:
            raise self._unwritable(error) from error

    def _make_room(self) -> None:
        assert self.folder is not None
        entries = [(path.stat(), path) for path in self.folder.glob("*.npz")]
        held = sum(stat.st_size for stat, _ in entries)
        for stat, path in sorted(entries, key=lambda entry: entry[0].st_mtime):
            if held <= MAX_BYTES:
                return
            path.unlink(missing_ok=True)
            held -= stat.st_size

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(f"{self.folder}: cannot be written ({error.strerror}); give another --resume DIR, or none")


def key_of(settings: Mapping[str, Any], *arrays: npt.NDArray[Any]) -> str:
    """Digest of what decides an entry: settings as JSON, arrays byte for byte, and the versions that compute."""
    versions = {"datalint": __version__} | {name: version(name) for name in _DECIDING}
    digest = hashlib.sha256(json.dumps([dict(settings), versions], sort_keys=True).encode())
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}\n".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
