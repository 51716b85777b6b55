"""What the commands of the extra `[train]` share: loading it on demand, its bars, and writing its report."""

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from datalint.cli.progress import bars
from datalint.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from datalint.report import Output

# Looked for before anything is loaded, so that a broken installation is told in one line and not by a traceback.
_NEEDED = ("torch", "transformers", "peft", "sklearn", "scipy", "model2vec", "safetensors")
_FORMATS = ("text", "json", "html")


def load_trainer(module: str) -> Any:
    """Import `datalint_trainer.<module>`. Raises MissingExtraError where the extra is not installed."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"this needs {', '.join(missing)}: pip install 'datalint-ft[train]'")
    return importlib.import_module(f"datalint_trainer.{module}")


def impact_outputs(outputs: Sequence[str]) -> "list[Output]":
    """Where an impact report goes. Raises UsageError or OutputError before anything is trained."""
    from datalint.report import parse_output

    found = [parse_output(output, _FORMATS) for output in outputs]
    if any(output.format == "html" for output in found) and importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("html needs matplotlib: pip install 'datalint-ft[train]'")
    return found


def write_impact(report: Any, outputs: "Sequence[Output]") -> None:
    """Write an impact report as text, json or html, each to standard output or to a file."""
    from datalint.report import write_bytes
    from datalint.report.escape import inert_json

    for output in outputs:
        data = _text(report, to_file=output.path is not None) if output.format == "text" else None
        if output.format == "json":
            # Labels are content: escaped, they steer neither a terminal nor a runner.
            lines = json.dumps(report.to_dict(), indent=2, allow_nan=False).splitlines()
            data = "".join(inert_json(line.encode()).decode() + "\n" for line in lines)
        elif output.format == "html":
            data = load_trainer("report_html").render(report)
        assert data is not None
        if output.path is None:
            click.echo(data, nl=False)
        else:
            write_bytes(data.encode(), output)


def _text(report: Any, *, to_file: bool) -> str:
    from rich.console import Console

    # Off a terminal rich would wrap at 80 columns, which tears the table.
    width = None if sys.stdout.isatty() and not to_file else 140
    console = Console(width=width, no_color=to_file or None)
    with console.capture() as captured:
        load_trainer("report_text").show(report, console)
    return captured.get()


def cache_folder(given: str | None, *, off: bool) -> Path | None:
    """The folder for what is fitted: the one that was given, else one in the user's cache. Raises UsageError."""
    if off and given:
        raise UsageError("--no-cache keeps nothing, so there is nothing for --resume")
    if off:
        return None
    from platformdirs import user_cache_path

    return Path(given) if given else user_cache_path("datalint") / "impact"


@contextmanager
def training_bars(*, show: bool | None) -> Iterator[Callable[[int], Callable[[], None]]]:
    """A function that takes a number of steps and returns what is called after each."""
    with bars(show=show) as begin:
        yield lambda total: partial(begin("training", total), 1) if begin else lambda: None
