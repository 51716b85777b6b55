"""What a rewrite changed: a line for each leaf that differs."""

from collections.abc import Iterator
from typing import Any

from datalint.fixes import same
from datalint.location import pointer
from datalint.views.turns import as_text

Change = tuple[str, str | None, str | None]  # JSON pointer, before, after


def changes_between(before: Any, after: Any, where: str = "") -> Iterator[Change]:
    """Every place where the two differ. A list whose length changed is one place: its items have moved.

    Text is told as it is and any other value as JSON; None is nothing there, or null.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            here = where + pointer(key)
            if key in before and key in after:
                yield from changes_between(before[key], after[key], here)
            else:
                yield here, told(before.get(key)), told(after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from changes_between(old, new, where + pointer(index))
    elif not same(before, after):
        yield where, told(before), told(after)


def told(value: Any) -> str | None:
    """A value as a person reads it in a table."""
    return None if value is None else as_text(value)
