"""`manifest.json`: what a clean read, wrote and took away. No times are in it: the same input gives the same bytes."""

import hashlib
import inspect
from collections.abc import Iterable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, Literal

import msgspec

from datalint.cleaner.stored.style import CsvStyle, JsonStyle, SameStyle
from datalint.errors import InputError
from datalint.rule import Rule
from datalint.source.storage import open_bytes

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

    def plus(self, other: "Counts | FileEntry") -> "Counts":
        """Those of both."""
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in Counts.__struct_fields__})


class FileEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One data file: an input, or where its rows are in shards, the part of it that a shard stands for.

    Shards of one input stand together; they share `input`, `relative` and all that is told of the whole input.
    """

    input: str  # as the user named it; bytes that are no UTF-8 as \\xNN
    relative: str  # its name below a folder, as `restore` writes it
    name_bytes: bytes | None = None  # what is written as `relative`, where that is no UTF-8
    output: str
    first_row: int = 0  # the input's row with which this file begins
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
    style: JsonStyle | CsvStyle | SameStyle | None
    gap: str  # what usually stands between two records
    provenance: list[str]  # columns that are not the input's

    def follows(self, other: "FileEntry") -> bool:
        """Whether this is the shard behind another one."""
        told = msgspec.structs.replace
        blank = {"output": "", "output_sha256": "", "first_row": 0, **dict.fromkeys(Counts.__struct_fields__, 0)}
        return self.first_row == other.first_row + other.rows_in and told(self, **blank) == told(other, **blank)


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


def total(files: Iterable[FileEntry | Counts]) -> Counts:
    """The counts of all files."""
    return reduce(Counts.plus, files, Counts())


def digests(rules: Mapping[str, Rule]) -> dict[str, str]:
    """Code -> sha256 of the file that the rule is in, its name and its options: which rule it was that decided."""
    sources: dict[str, bytes] = {}
    found = {}
    for code, rule in sorted(rules.items()):
        options = msgspec.json.encode({name: value for name, (value, _) in rule.options().items()}, order="sorted")
        digest = hashlib.sha256(f"{type(rule).__qualname__}\n".encode() + options)
        try:
            name = inspect.getfile(type(rule))
            if name not in sources:
                sources[name] = Path(name).read_bytes()
            digest.update(sources[name])
        except (OSError, TypeError):  # a rule from a zipped or compiled pack
            pass
        found[code] = digest.hexdigest()
    return found


def sha256_of(path: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    with open_bytes(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type] # it has readinto


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it for people too: indented."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / NAME).write_bytes(text + b"\n")


def files_in(folder: Path) -> frozenset[str]:
    """The files that a clean, in any version, wrote to the folder; none if it is no output of one."""
    try:
        told: Any = msgspec.json.decode((folder / NAME).read_bytes())
        if not str(told["schema"]).startswith(SCHEMA.partition("/")[0] + "/"):
            return frozenset()
        return frozenset({NAME, "README.md", *told["outputs"], *(file["output"] for file in told["files"])})
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError):
        return frozenset()  # somebody else's file


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
    seen: dict[str, FileEntry] = {}
    before: FileEntry | None = None
    for file in manifest.files:
        inside(Path("/nowhere"), file.relative, path)
        if file.relative not in seen:
            seen[file.relative] = file
            fits = file.first_row == 0
        else:
            fits = before is not None and file.follows(before)
        if not fits:
            raise InputError(f"{path}: names {file.relative!r} twice, and not as shards; the manifest was changed")
        before = file
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
