"""`datalint index`."""

from typing import Any

import rich_click as click

from datalint.cli.options import config_options, memory_option, progress_option, settings_of
from datalint.cli.say import say


@click.group()
def command() -> None:
    """Keep what rows say, so that later data can be held against it (`datalint check --against WHERE`)."""


@command.command()
@click.argument("paths", nargs=-1, type=click.Path())
@click.option(
    "--index",
    "where",
    required=True,
    metavar="WHERE",
    help="A folder, made if it is not there, or redis://HOST:PORT/DB?name=NAME.",
)
@click.option("--format", default=None, metavar="NAME", help="The rows' format (default: detected).")
@memory_option
@progress_option
@config_options
def add(paths: tuple[str, ...], where: str, **flags: Any) -> int:
    """Add files, folders, or what the configuration names. A row that is there already is kept once."""
    from datalint.cli.progress import bar
    from datalint.indexing import add_to_index

    settings = settings_of(flags)
    with bar("adding", paths, settings, show=flags["progress"]) as progress:
        done = add_to_index(paths or None, settings, where, progress=progress)
    say(
        f"added {done.added:,} rows, {done.known:,} known already"
        + (f", {done.empty:,} without text" if done.empty else "")
        + f"; {done.total:,} rows in the index"
    )
    return 0


@command.command()
@click.option("--index", "where", required=True, metavar="WHERE", help="As for `add`.")
def info(where: str) -> int:
    """How much an index holds."""
    from datalint.index import open_index

    held = open_index(where).info()
    parts = "" if held.parts is None else f", parts: {held.parts:,}"
    size = "" if held.size is None else f", {held.size / 1e6:,.2f} MB"
    say(f"{held.where}: {held.rows:,} rows, files: {held.files:,}{parts}{size}, format {held.format}")
    return 0
