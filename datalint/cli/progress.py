"""A progress bar on stderr, on a terminal only."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def bar(label: str, total: int, *, show: bool | None) -> Iterator[Callable[[int], None] | None]:
    """A function that takes how much more is done; None where nobody would see a bar."""
    if not (sys.stderr.isatty() if show is None else show):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=max(total, 1))
        yield lambda done: progress.advance(task, done)


def size_of(paths: Sequence[str | Path]) -> int:
    """Bytes below some paths, for the bar's total."""
    found = 0
    for path in map(Path, paths):
        if path.is_file():
            found += path.stat().st_size
        elif path.is_dir():
            found += sum(item.stat().st_size for item in path.rglob("*") if item.is_file())
    return found
