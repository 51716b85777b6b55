"""Whether a key is a known one, misspelled."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple


class Near(NamedTuple):
    """A name that a key may be meant for."""

    name: str
    how: Literal["case", "plural", "typo"]


@lru_cache(maxsize=4096)
def near(key: str, names: frozenset[str]) -> tuple[Near, ...]:
    """The names that `key` may be meant for, nearest first; none if it is one of them.

    `case`: equal but for case and white space around; `plural`: one is the other's plural; `typo`: one letter too
    many, missing, another, or two swapped (optimal string alignment distance 1). Keys with digits or underscores that
    the name does not have are names of their own: `answer1`, `_label`.
    """
    if key in names or len(key) > 40:
        return ()
    folded = key.strip().strip("\ufeff").casefold()
    found = [Near(name, "case") for name in names if folded == name]
    found += [Near(name, "plural") for name in names if folded in _plurals(name) or name in _plurals(folded)]
    if folded.isalpha() and not found:
        found = [Near(name, "typo") for name in names if _one_edit(folded, name)]
    return tuple(sorted(found, key=lambda n: (n.how != "case", n.name)))


def _plurals(name: str) -> Iterable[str]:
    return (name + "s", name + "es", name[:-1] + "ies" if name.endswith("y") else name + "s")


def _one_edit(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    head = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[head:], other[head:]
    if len(a) == len(b):
        return a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
    return a[1:] == b if len(a) > len(b) else a == b[1:]
