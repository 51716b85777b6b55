"""Progress on stderr, with the time left: a bar on a terminal, a line for each tenth where a log was asked for one."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

if TYPE_CHECKING:
    from datalint.config import Settings

Advance = Callable[[int], None]
LINES = 10  # off a terminal


@contextmanager
def bars(*, show: bool | None) -> Iterator[Callable[[str, int], Advance] | None]:
    """A function that begins a bar of so many steps, and returns what is told how many more are done.

    A new bar takes the place of the one before. None where nobody would see one: not on a terminal, unless `show`.
    """
    if not (sys.stderr.isatty() if show is None else show):
        yield None
        return
    if not sys.stderr.isatty():  # what redraws itself is lost in a log
        yield _lines
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def begin(label: str, total: int) -> Advance:
            for task in progress.task_ids:
                progress.update(task, visible=False)
            task = progress.add_task(label, total=max(total, 1))
            return lambda more: progress.advance(task, more)

        yield begin


@contextmanager
def bar(
    label: str, paths: Sequence[str] | None, settings: "Settings", *, show: bool | None, passes: int = 1
) -> Iterator[Advance | None]:
    """What is told how many more bytes of a run's files are done; None where nobody would see it.

    `passes`: how often the files are read.
    """
    config = settings.config
    with bars(show=show) as begin:
        given = [*(paths or ()), *config.train, *config.eval, *config.reference] or ["."]
        yield begin and begin(label, passes * _size_of(given))


def _lines(label: str, total: int) -> Advance:
    """Ten lines, at the pace so far."""
    began, done, told = time.monotonic(), 0, 0

    def advance(more: int) -> None:
        nonlocal done, told
        done = min(done + more, total)
        if (tenths := done * LINES // max(total, 1)) > told:
            told = tenths
            left = timedelta(seconds=round((time.monotonic() - began) / done * (total - done)))
            click.echo(f"{label} {100 * done // total}%, {left} left", err=True)

    return advance


def _size_of(paths: Sequence[str]) -> int:
    found = 0
    for path in map(Path, paths):
        if path.is_file():
            found += path.stat().st_size
        elif path.is_dir():
            found += sum(item.stat().st_size for item in path.rglob("*") if item.is_file())
    return found
