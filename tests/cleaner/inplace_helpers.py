"""Files that are mended in place, and what is in them."""

from pathlib import Path
from typing import Any

from datalint.cleaner.inplace.fix import FixResult, fix
from datalint.source import open_source

GOOD = {"prompt": "Name a sea.", "completion": "The Baltic."}
HIDDEN = {"prompt": "Name\u200b a sea.", "completion": "The Baltic."}
MOJIBAKE = {"prompt": "Name a café.", "completion": "The cafÃ© on the corner."}


def mend(path: Path, *select: str, **options: Any) -> FixResult:
    return fix(path, isolated=True, **({"select": list(select)} if select else {}), **options)


def records(path: Path) -> list[tuple[Any, bytes]]:
    """Every record's value and bytes."""
    blocks = open_source(path, name=path.name).blocks()
    return [(value, block.raw(i)) for block in blocks for i, value in enumerate(block.values)]
