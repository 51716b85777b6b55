"""What a search finds."""

from typing import Any

from datalint.source import discover


def found(*paths: str, **splits: Any) -> list[tuple[str, str]]:
    """Name and split of the files that are read, in order."""
    return [(file.name, file.split) for file in discover(paths, **splits)]
