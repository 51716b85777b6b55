"""`manifest.json`: what a clean read, wrote and took away. No times are in it: the same input gives the same bytes."""

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from datalint.cleaner.style import CsvStyle, JsonStyle
from datalint.errors import InputError
from datalint.rule import Rule

SCHEMA = "datalint-clean/1"
NAME = "manifest.json"

# How the input is rebuilt: its text record by record, its rows, or from a copy of the whole file.
Rebuild = Literal["text", "rows", "file"]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a file or of the run."""

    rows_in: int = 0
    rows_out: int = 0
    rows_removed: int = 0
    rows_unreadable: int = 0
    rows_changed: int = 0


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One input."""

    input: str  # as the user named it
    relative: str  # its name below a folder, as `restore` writes it
    output: str
    split: str
    format: str
    container: str
    compression: str | None
    encoding: str
    rows_in: int
    rows_out: int
    rows_removed: int
    rows_unreadable: int
    rows_changed: int
    input_sha256: str
    content_sha256: str  # of the decompressed bytes; of Parquet: of the rows
    output_sha256: str
    rebuild: Rebuild
    style: JsonStyle | CsvStyle | None
    gap: str  # what usually stands between two records
    provenance: list[str]  # columns that are not the input's


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    schema: str
    version: str
    config_digest: str
    rules: dict[str, str]
    options: dict[str, Any]
    rounds: int
    postponed: int
    counts: Counts
    files: list[FileEntry]
    outputs: dict[str, str]  # name -> sha256


def total(files: Sequence[FileEntry]) -> Counts:
    """The counts of all files."""
    return Counts(
        rows_in=sum(file.rows_in for file in files),
        rows_out=sum(file.rows_out for file in files),
        rows_removed=sum(file.rows_removed for file in files),
        rows_unreadable=sum(file.rows_unreadable for file in files),
        rows_changed=sum(file.rows_changed for file in files),
    )


def digests(rules: Mapping[str, Rule]) -> dict[str, str]:
    """Code -> sha256 of the rule's own source and options: which rule it was that decided."""
    found = {}
    for code, rule in sorted(rules.items()):
        options = msgspec.json.encode({name: value for name, (value, _) in rule.options().items()}, order="sorted")
        try:
            source = inspect.getsource(type(rule)).encode()
        except (OSError, TypeError):  # a rule from a zipped or compiled pack
            source = type(rule).__qualname__.encode()
        found[code] = hashlib.sha256(source + options).hexdigest()
    return found


def sha256_of(path: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it for people too: indented."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / NAME).write_bytes(text + b"\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a clean's output.

    A manifest is content that somebody may have sent: every path in it has to stay inside of its folder. Raises
    InputError if it is missing, does not parse, or names something outside.
    """
    path = folder / NAME
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise InputError(f"{path}: {what}; give the folder that `datalint clean` wrote") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not the manifest of `datalint clean` ({error})") from None
    if manifest.schema != SCHEMA:
        raise InputError(f"{path}: schema {manifest.schema[:40]!r} is not {SCHEMA!r}; another version wrote it")
    for name in [*(file.output for file in manifest.files), *manifest.outputs]:
        inside(folder, name, path)
    seen = set()
    for file in manifest.files:
        inside(Path("/nowhere"), file.relative, path)
        if file.relative in seen:
            raise InputError(f"{path}: names {file.relative!r} twice")
        seen.add(file.relative)
    return manifest


def inside(folder: Path, name: str, source: Path) -> Path:
    """`folder/name`, resolved. Raises InputError if that is outside of the folder, also by a symbolic link."""
    try:
        home, target = folder.resolve(), (folder / name).resolve()
        if name and not Path(name).is_absolute() and target != home and target.is_relative_to(home):
            return target
    except (OSError, ValueError):  # a name with a null byte, a loop of links
        pass
    raise InputError(f"{source}: names {name[:80]!r}, which is outside of its folder; do not trust this folder")
