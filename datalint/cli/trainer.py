"""What the commands of the extra `[train]` share: loading it on demand, and writing its report."""

import importlib
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from datalint.errors import MissingExtraError, OutputError, UsageError

# Looked for before anything is loaded, so that a broken installation is told in one line and not by a traceback.
_NEEDED = ("torch", "transformers", "peft", "sklearn", "scipy", "model2vec", "safetensors")


def load_trainer(module: str) -> Any:
    """Import `datalint_trainer.<module>`. Raises MissingExtraError where the extra is not installed."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"this needs {', '.join(missing)}: pip install 'datalint-ft[train]'")
    return importlib.import_module(f"datalint_trainer.{module}")


def write_impact(report: Any, outputs: Sequence[str]) -> None:
    """Write an impact report as text or json, each to standard output or to a file (FORMAT:PATH)."""
    from rich.console import Console

    for output in outputs:
        kind, _, path = output.partition(":")
        if kind not in ("text", "json"):
            raise UsageError(f"--output-format {output!r}: impact writes text and json")
        if kind == "json":
            text = json.dumps(report.to_dict(), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        else:
            # Off a terminal rich would wrap at 80 columns, which tears the table.
            console = Console(width=None if sys.stdout.isatty() and not path else 120, no_color=bool(path) or None)
            with console.capture() as captured:
                report.print(console)
            text = captured.get()
        if not path:
            click.echo(text, nl=False)
            continue
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); give another path") from error
