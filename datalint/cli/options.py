"""Options that several commands share, and the settings that they make."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

from datalint.errors import UsageError

if TYPE_CHECKING:
    from datalint.config import Settings

F = TypeVar("F", bound=Callable[..., Any])

_RULES = (
    click.option("--select", multiple=True, metavar="CODES", help="Rules to run: codes, prefixes, names, ALL."),
    click.option("--extend-select", multiple=True, metavar="CODES", help="Rules to run besides."),
    click.option("--ignore", multiple=True, metavar="CODES", help="Rules to leave out; wins over --select."),
    click.option("--preview/--no-preview", default=None, help="Run rules that are still in preview."),
    click.option("--severity", multiple=True, metavar="CODE=LEVEL", help="Set a rule's severity."),
)
_SPLITS = (
    click.option("--train", multiple=True, type=click.Path(), metavar="FILE", help="A file of the training split."),
    click.option("--eval", multiple=True, type=click.Path(), metavar="FILE", help="A file of the evaluation split."),
    click.option(
        "--reference",
        multiple=True,
        type=click.Path(),
        metavar="FILE",
        help="Benchmark items to hold against.",
    ),
)
_TARGET = (
    click.option("--format", default=None, metavar="NAME", help="The rows' format (default: detected)."),
    click.option(
        "--tokenizer",
        default=None,
        metavar="DIR|NAME",
        help="The model's tokenizer: a folder, or owner/name on the Hugging Face hub.",
    ),
    click.option("--chat-template", default=None, type=click.Path(), metavar="FILE", help="The model's chat template."),
    click.option(
        "--max-length",
        default=None,
        type=click.IntRange(min=1),
        metavar="N",
        help="Tokens that the trainer keeps.",
    ),
    click.option(
        "--loss", default=None, type=click.Choice(["assistant", "completion", "all"]), help="What is trained."
    ),
    click.option(
        "--profile",
        default=None,
        metavar="NAME",
        help="The trainer or provider: its cut, loss, limits and strictness (openai, trl, axolotl, ...).",
    ),
)
_CONFIG = (
    click.option("--config", multiple=True, metavar="FILE|KEY=VALUE", help="A configuration file, or one value of it."),
    click.option("--isolated", is_flag=True, help="Read no configuration file."),
)
_MEMORY = (
    click.option(
        "--memory-limit",
        default=None,
        metavar="SIZE",
        help="Memory to make do with, e.g. 4GB (default: half of it); more goes to TMPDIR.",
    ),
)
_PROGRESS = (
    click.option("--progress/--no-progress", default=None, help="A progress bar on stderr (default: on a terminal)."),
)


def _stack(options: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def rule_options(function: F) -> F:
    """--select, --extend-select, --ignore, --preview, --severity."""
    return _stack(_RULES)(function)


def data_options(function: F) -> F:
    """--train, --eval, --reference, and what `target_options` adds."""
    return _stack(_SPLITS + _TARGET)(function)


def target_options(function: F) -> F:
    """--format, and what the data is for: model and trainer."""
    return _stack(_TARGET)(function)


def config_options(function: F) -> F:
    """--config, --isolated."""
    return _stack(_CONFIG)(function)


def memory_option(function: F) -> F:
    """--memory-limit."""
    return _stack(_MEMORY)(function)


def progress_option(function: F) -> F:
    """--progress/--no-progress."""
    return _stack(_PROGRESS)(function)


def pairs(values: tuple[str, ...], *, flag: str) -> dict[str, str]:
    """`CODE=LEVEL` items as a table."""
    table = {}
    for value in values:
        key, equals, right = value.partition("=")
        if not equals or not key or not right:
            raise UsageError(f"{flag}: {value!r} is not of the form CODE=VALUE")
        table[key.strip()] = right.strip()
    return table


def settings_of(flags: Mapping[str, Any]) -> "Settings":
    """Settings from a command's keyword arguments (those above; others are left out)."""
    from datalint.config import Config, load
    from datalint.selectors import split

    files = [value for value in flags.get("config", ()) if "=" not in value]
    if len(files) > 1:
        raise UsageError("--config: more than one file")
    given: dict[str, Any] = {}
    for key, value in flags.items():
        name = key.replace("_", "-")
        if name not in Config.__struct_encode_fields__ or value is None or value == ():
            continue
        if key in ("select", "extend_select", "ignore"):
            given[name] = split(value)
        elif key == "severity":
            given[name] = pairs(value, flag="--severity")
        elif key == "gate":
            given[name] = _gates(value)
        else:
            given[name] = list(value) if isinstance(value, tuple) else value
    return load(
        file=Path(files[0]) if files else None,
        isolated=bool(flags.get("isolated")),
        inline=[value for value in flags.get("config", ()) if "=" in value],
        flags=given,
    )


def _gates(values: tuple[str, ...]) -> dict[str, str]:
    table = {}
    for value in values:
        code, sign, limit = value.partition(">")
        if not sign or not code.strip():
            raise UsageError(f"--gate: {value!r} is not of the form 'CODE > 1%'")
        table[code.strip()] = f"> {limit.strip()}"
    return table
