"""Scores that annotators left in preference rows, under whatever names."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from datalint.formats import Shape
from datalint.location import pointer

_SCORES = ("score", "scores", "rating", "ratings", "reward", "rewards", "grade")
# Words that may stand beside a score and leave it the score of the whole answer.
_WHOLE = {
    "overall",
    "avg",
    "average",
    "mean",
    "total",
    "final",
    "judge",
    "rm",
    "model",
    "gpt",
    "gpt4",
    "human",
    "quality",
}
# Numbers about an answer that are no sub-scores.
_OTHER = re.compile(
    r"(?i)len|token|count|num|word|char|id\b|idx|index|rank|logp|prob|loss|ppl|perplexity|time|date|cost|turn|temperature"
    r"|toxic|harm|risk|model|type"
)
_NUMBER = re.compile(r"\s*[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\s*")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_DEPTH = 4  # of values in which sub-scores are looked for


class Scores(NamedTuple):
    """The scores of both sides, where the chosen one stands, and the chosen answer's sub-scores."""

    chosen: float
    rejected: float
    pointer: str
    parts: tuple[float, ...]


def scores_of(value: Mapping[str, Any], shape: Shape, named: tuple[str, str] | None) -> Scores | None:
    """The scores of a preference row; None where it has none, or only one."""
    pair = named or _columns(tuple(value))
    if pair is not None:
        chosen, rejected = number(value.get(pair[0])), number(value.get(pair[1]))
        parts = tuple(part for key in _about_chosen(tuple(value), pair[0]) for part in _parts(value[key], _DEPTH))
        where = pointer(pair[0])
    else:
        sides = [_last(value.get(shape.fields[side])) for side in ("chosen", "rejected")]
        key = next((key for key in ("overall_score", *_SCORES) if all(key in side for side in sides)), None)
        if key is None:
            return None
        chosen, rejected = (number(side[key]) for side in sides)
        parts = tuple(_parts({k: v for k, v in sides[0].items() if k not in (key, "content", "value")}, _DEPTH))
        where = pointer(shape.fields["chosen"])
    return None if chosen is None or rejected is None else Scores(chosen, rejected, where, parts)


def flipped(completions: Sequence[Any]) -> Iterator[tuple[int, str, float, tuple[float, ...]]]:
    """Answers that are scored one by one: place, key of the overall score, that score, sub-scores."""
    for at, item in enumerate(completions):
        overall = number(item.get("overall_score")) if isinstance(item, dict) else None
        if overall is not None:
            rest = {k: v for k, v in item.items() if k != "overall_score" and not isinstance(v, str)}
            yield at, "overall_score", overall, tuple(_parts(rest, _DEPTH))


def number(cell: Any) -> float | None:
    """A finite number, also as text (CSV knows nothing else); None for all else, true and false too."""
    if isinstance(cell, str):
        return float(cell) if len(cell) < 30 and _NUMBER.fullmatch(cell) else None
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        return None
    return float(cell) if abs(cell) < 1e300 and not math.isnan(cell) else None


def _last(side: Any) -> dict[str, Any]:
    message = side[-1] if isinstance(side, list) and side else side
    return message if isinstance(message, dict) else {}


@lru_cache(maxsize=1024)
def _columns(names: tuple[str, ...]) -> tuple[str, str] | None:
    """The pair of columns with the scores of the whole answers; of several the overall one, then as in `_SCORES`."""
    words = {name: tuple(word.lower() for word in _WORDS.findall(name)) for name in names if len(name) < 100}
    found = []
    for name, said in words.items():
        rest = [word for word in said if word != "chosen"]
        other = tuple("rejected" if word == "chosen" else word for word in said)
        score = next((word for word in _SCORES if word in rest), None)
        whole = all(word in _WHOLE or word in _SCORES or word.isdigit() for word in rest) and "chosen" in said
        match = next((n for n, said_there in words.items() if said_there == other), None)
        if whole and match is not None and (score is not None or "overall" in rest):
            found.append(("overall" not in rest, _SCORES.index(score) if score else -1, name, match))
    return min(found)[2:] if found else None


@lru_cache(maxsize=1024)
def _about_chosen(names: tuple[str, ...], overall: str) -> tuple[str, ...]:
    """Columns that say something of the chosen answer, but for the answer and its overall score."""
    return tuple(
        name
        for name in names
        if "chosen" in name.lower() and name.lower() != "chosen" and name != overall and not _OTHER.search(name)
    )


def _parts(cell: Any, depth: int) -> Iterator[float]:
    """Numbers in a value, those under names of other things left out."""
    found = number(cell)
    if found is not None:
        yield found
    elif depth and isinstance(cell, dict):
        for key, item in cell.items():
            if isinstance(key, str) and not _OTHER.search(key):
                yield from _parts(item, depth - 1)
    elif depth and isinstance(cell, list):
        for item in cell[:100]:
            yield from _parts(item, depth - 1)
