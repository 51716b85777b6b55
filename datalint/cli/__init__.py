"""The command line. Commands are loaded when they are called, so that `--version` loads none of them."""

import gc
import importlib
from typing import Any

import rich_click as click

from datalint.cli.guard import guarded
from datalint.version import __version__

# Each is a module of this package that holds it as `command`; libraries that take time load in its body.
COMMANDS = ("check", "clean", "restore", "rule", "explain", "config", "impact", "demo", "index")


class Lazy(click.RichGroup):
    """A group whose commands are modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All of them, unloaded."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Any:  # noqa: ARG002
        """One of them, loaded."""
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"datalint.cli.{cmd_name}").command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="datalint")
def group() -> None:
    """Finds faults in LLM fine-tuning datasets, cleans them, and measures what the cleaning was worth."""


def main() -> None:
    """The `datalint` command."""
    # What is imported stays. To walk it again and again, and once more at the end, would cost a third of a short run.
    gc.set_threshold(1 << 18)
    try:
        guarded(group)
    finally:
        gc.freeze()
