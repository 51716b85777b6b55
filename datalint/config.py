"""Settings of a run, and where each value came from.

One configuration per run: the nearest `datalint.toml`, `.datalint.toml` or `pyproject.toml` with a `[tool.datalint]`
table, from the working directory upwards. The command line wins over it. msgspec checks names and types.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from datalint.errors import ConfigError, UsageError, nearest
from datalint.formats import ALIASES, FORMATS
from datalint.profiles import unknown_profile

FILES = ("datalint.toml", ".datalint.toml", "pyproject.toml")
_LARGEST = 1 << 20
_DEEP = re.compile(r"""(?<![\w"'-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){32}""")
FailOn = Literal["error", "warning", "never"]
Loss = Literal["assistant", "completion", "all"]
Level = Literal["error", "warning", "info"]


class Dataset(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """One `[datasets.NAME]` table: cross-file rules see one dataset at a time."""

    train: list[str] = []
    eval: list[str] = []
    reference: list[str] = []
    format: str | None = None
    columns: dict[str, str] = {}
    tokenizer: str | None = None
    chat_template: str | None = None
    max_length: int | None = None
    loss: Loss | None = None
    profile: str | None = None
    against: str | None = None


class Impact(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """The `[impact]` table: what `datalint impact` takes where the command line says nothing."""

    objective: str | None = None
    eval: str | None = None
    eval_labels: Literal["noisy", "trusted"] | None = None
    seeds: Annotated[int, msgspec.Meta(ge=1)] | None = None
    placebos: Annotated[int, msgspec.Meta(ge=2)] | None = None


class Config(Dataset, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """A configuration file: the settings of a dataset for the whole run, and what only a run has.

    Paths are relative to the folder that it lies in.
    """

    select: list[str] | None = None
    extend_select: list[str] = []
    ignore: list[str] = []
    preview: bool = False
    fail_on: FailOn = "error"
    max_examples: int = 3
    memory_limit: str | None = None
    datasets: dict[str, Dataset] = {}
    per_file_ignores: dict[str, list[str]] = {}
    severity: dict[str, Level] = {}
    gate: dict[str, str] = {}
    impact: Impact = Impact()
    rules: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True)
class Settings:
    """The configuration of a run: values, their origins (`default`, a file's name, a flag), and the run root."""

    config: Config = field(default_factory=Config)
    origins: Mapping[str, str] = field(default_factory=dict)
    root: Path = field(default_factory=Path)
    file: Path | None = None

    def origin(self, key: str) -> str:
        """Where a top-level value came from."""
        return self.origins.get(key, "default")

    def path(self, key: str, value: str) -> Path:
        """A path value: relative to the configuration's folder if the file gave it, else to where the user stands."""
        return Path(value) if self.origin(key).startswith("--") else self.root / value


def load(
    *,
    start: Path | None = None,
    file: Path | None = None,
    isolated: bool = False,
    inline: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings from the nearest file (or `file`), then `KEY=VALUE` items, then command-line flags that were given.

    Raises ConfigError for a file that does not parse, an unknown key (naming the nearest known one) or a value of
    the wrong type; UsageError for a file that is not there.
    """
    start = (start or Path.cwd()).resolve()
    found = file if file is not None else None if isolated else _nearest_file(start)
    if file is not None and not file.is_file():
        raise UsageError(f"--config: {file} does not exist")
    table, root = ({}, start) if found is None else (_read(found), found.resolve().parent)
    name = "" if found is None else found.name
    origins = dict.fromkeys(table, name)
    for item in inline:
        for key, value in _inline(item).items():
            table[key] = {**table[key], **value} if isinstance(table.get(key), dict) else value
            origins[key] = "--config"
    for key, value in (flags or {}).items():
        if value is not None and value != () and value != {}:
            table[key] = {**table.get(key, {}), **value} if isinstance(value, dict) else value
            origins[key] = f"--{key}"
    if origins.get("select") == "--select":
        # Somebody who asks for a rule on the command line wants it, whatever the file leaves out or adds.
        for key in ("ignore", "extend-select"):
            if origins.get(key) == name and name:
                del table[key], origins[key]
    config = _convert(table, origin=str(found) if found else "--config")
    _check_names(config, origin=str(found) if found else "--config")
    return Settings(config, origins, root, found)


def _nearest_file(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        for name in FILES:
            path = folder / name
            if path.is_file() and (name != "pyproject.toml" or "datalint" in _toml(path).get("tool", {})):
                return path
    return None


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
        return _parsed(text.decode("utf-8").replace("\r\n", "\n"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def _parsed(text: str) -> dict[str, Any]:
    """TOML that somebody may have laid beside a dataset. Raises ValueError, or RecursionError for deep brackets."""
    if len(text) > _LARGEST:
        raise ValueError(f"more than {_LARGEST >> 10} KiB")
    if _DEEP.search(text):  # tomllib takes quadratic time for it
        raise ValueError("a key of more than 32 parts")
    return tomllib.loads(text)


def _read(path: Path) -> dict[str, Any]:
    table = _toml(path)
    return dict(table.get("tool", {}).get("datalint", {})) if path.name == "pyproject.toml" else table


def _inline(item: str) -> dict[str, Any]:
    try:
        if table := _parsed(item):  # a comment alone sets nothing
            return table
        raise UsageError(f"--config: {item!r} is neither a file nor KEY=VALUE")
    except (ValueError, RecursionError):
        key, _, value = item.partition("=")
        try:  # KEY=word without quotes, as people type it
            return _parsed(f"{key}={msgspec.json.encode(value.strip()).decode()}")
        except (ValueError, RecursionError) as error:
            raise UsageError(f"--config: {item!r} is neither a file nor KEY=VALUE") from error


def _convert(table: Mapping[str, Any], *, origin: str) -> Config:
    try:
        return msgspec.convert(table, type=Config)
    except msgspec.ValidationError as error:
        text = str(error)
        unknown = re.search(r"unknown field `([^`]*)`(?: - at `\$\.?([^`]*)`)?", text)
        if unknown:
            inside = unknown[2] or ""
            tables = {"datasets": Dataset, "impact": Impact}
            known = tables.get(re.split(r"\W", inside)[0], Config).__struct_encode_fields__
            where = f" in [{inside.replace('[...]', '.*')}]" if inside else ""
            raise ConfigError(f"{origin}: unknown key {unknown[1]!r}{where}{nearest(unknown[1], known)}") from error
        raise ConfigError(f"{origin}: {text.replace('`$.', '`')}") from error


def _check_names(config: Config, *, origin: str) -> None:
    tables = [("", config), *((f" in [datasets.{name}]", table) for name, table in config.datasets.items())]
    for where, table in tables:
        if table.format is not None and table.format not in FORMATS:
            known = f"{nearest(table.format, FORMATS)}; one of {', '.join(FORMATS)}"
            raise ConfigError(f"{origin}: unknown format {table.format!r}{where}{known}")
        fault = None if table.profile is None else unknown_profile(table.profile, where)
        if fault:
            raise ConfigError(f"{origin}: {fault}")
        for ours in table.columns:
            if ours not in ALIASES:
                known = f"{nearest(ours, ALIASES)}; one of {', '.join(ALIASES)}"
                raise ConfigError(f"{origin}: unknown field {ours!r} in columns{where}{known}")


def schema() -> dict[str, Any]:
    """The JSON schema of a configuration file, for editors."""
    return msgspec.json.schema(Config)


def flatten(settings: Settings) -> list[tuple[str, Any, str]]:
    """Every option: name, value, where it came from."""
    values = msgspec.to_builtins(settings.config)
    return [(key, values[key], settings.origin(key)) for key in Config.__struct_encode_fields__]
