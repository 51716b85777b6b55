"""An evaluation set split off the raw rows, by near-copy group, before anything is cleaned."""

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from datalint.errors import InputError
from datalint.examples import Example
from datalint_trainer.report import counted
from datalint_trainer.rows import Task, detect_task, groups, training_rows
from datalint_trainer.verdict import MIN_EVAL_ROWS, MIN_ROWS_PER_CLASS

SHARE = 0.2
MAX_ROWS = {"classification": 5_000, "chat": 500}  # every arm is scored on all of them
MARGIN = 1.2  # a few more than a verdict needs


class Split(NamedTuple):
    """`train` lacks the eval rows and their near copies; `note` says what was done."""

    train: tuple[Example, ...]
    evaluation: tuple[Example, ...]
    note: str


def split_off(examples: Sequence[Example], seed: int = 0) -> Split:
    """Split off about a fifth of the rows, one of each near-copy group; the same rows give the same split.

    Of labelled rows each label gives its share, and five at least if it has ten groups, because a verdict needs
    these. The rows stay as they are: what is wrong with them is wrong in equal measure for all arms.

    Raises InputError if there are too few rows.
    """
    task = detect_task(examples)
    usable = [(i, row) for i, example in enumerate(examples) for row in training_rows([example], task)]
    group = groups([row.prompt for _, row in usable])
    first = np.unique(group, return_index=True)[1] if usable else np.zeros(0, dtype=np.int64)
    if len(first) < 2:
        raise InputError(f"{counted(len(first), 'distinct row')}: too few to split off an evaluation set; give --eval")
    by_label: defaultdict[str, list[int]] = defaultdict(list)
    for at in np.random.default_rng(seed).permutation(first).tolist():
        by_label[usable[at][1].answer if task == "classification" else ""].append(at)
    share = _share(len(first), task)
    chosen = [at for some in by_label.values() for at in some[: _number(len(some), share, task)]]
    taken = set(group[chosen].tolist())
    gone = {i for (i, _), of_row in zip(usable, group.tolist(), strict=True) if of_row in taken}
    evaluation = tuple(examples[usable[at][0]] for at in sorted(chosen))
    copies = len(gone) - len(evaluation)
    note = f"no --eval: {counted(len(evaluation), 'raw row')} split off by near-copy group before the cleaning"
    if copies:
        note += f", their {counted(copies, 'near copy').replace('copys', 'copies')} left out"
    if not evaluation or len(gone) == len(usable):
        raise InputError(f"{counted(len(first), 'distinct row')}: too few to split off an evaluation set; give --eval")
    note += "; they have the raw file's own faults"
    return Split(tuple(e for i, e in enumerate(examples) if i not in gone), evaluation, note)


def _share(number: int, task: Task) -> float:
    """A fifth; more of a small file, up to a half, so that there may be a verdict; less of a large one."""
    wanted = max(SHARE * number, min(MARGIN * MIN_EVAL_ROWS, number / 2))
    return min(wanted, MAX_ROWS[task]) / number


def _number(rows: int, share: float, task: Task) -> int:
    if task == "chat":
        return round(share * rows)
    least = MIN_ROWS_PER_CLASS if rows >= 2 * MIN_ROWS_PER_CLASS else 0
    return max(math.ceil(share * rows) if rows >= MIN_ROWS_PER_CLASS else 0, least)


def write_examples(examples: Sequence[Example], path: Path) -> None:
    """Write rows as JSON Lines, for the cleaning to read."""
    lines = (json.dumps(_plain(example.value), default=str) for example in examples)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _plain(value: Any) -> Any:
    """JSON has no number for what is none."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
