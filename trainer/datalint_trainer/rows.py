"""From examples to what is trained: rows with content keys, what two files share, leaks, near copies."""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from datalint.dedup import near_duplicates, near_matches
from datalint.errors import InputError
from datalint.examples import Example

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

Task: TypeAlias = Literal["classification", "chat"]

CONVERSATIONS = ("chat", "sharegpt", "alpaca", "prompt-completion")
TEMPLATE_ROWS, TEMPLATE_SHARE = 20, 0.1  # more rows that are nearly alike than both are no copies
MAX_ANSWERS, MAX_ANSWER_WORDS, MIN_ROWS_PER_ANSWER = 50, 5, 5

# Punctuation that people add and drop without changing what a sentence asks; operators and digits stay.
_LOOSE = re.compile(r"[\s.,!?;:'\"’“”]+")


@dataclass(frozen=True)
class Row:
    """One training row as the model sees it: what it reads and what it must produce.

    - prompt: the text that is classified, or everything before the last trained answer.
    - answer: the label, or the last trained answer.
    - key: equal keys mean equal training content; metadata and the order of columns play no part.
    - example: the conversation (chat), None for classification.
    """

    prompt: str
    answer: str
    key: str
    example: Example | None = None


@dataclass(frozen=True)
class Pool:
    """Every row that any arm may train on: the raw rows, then those that only the clean file has.

    - rows: n rows.
    - in_raw, in_clean: bool (n,), membership.
    - leaked: bool (n,), True where the prompt matches an eval row; such rows are in no arm.
    - slot: int (n,); a row that the cleaning edited shares the slot of its raw form, so that both come at the
      same moment of the same batch order.
    - group: int (n,), near-copy groups; validation rows are drawn by group.
    """

    rows: tuple[Row, ...]
    in_raw: BoolArray
    in_clean: BoolArray
    leaked: BoolArray
    slot: IntArray
    group: IntArray

    @property
    def raw(self) -> IntArray:
        """Positions that the raw arm trains on."""
        return np.flatnonzero(self.in_raw & ~self.leaked)

    @property
    def clean(self) -> IntArray:
        """Positions that the clean arm trains on."""
        return np.flatnonzero(self.in_clean & ~self.leaked)

    @property
    def changed(self) -> int:
        """Rows that the cleaning removed, edited or, where it mostly adds, brought in."""
        return max(int(np.sum(self.in_raw & ~self.in_clean & ~self.leaked)), self._new)

    @property
    def brought(self) -> float:
        """Rows that only the clean file has, edited ones included, as a share of the changed ones: 0..1."""
        return self._new / max(self.changed, 1)

    @property
    def _new(self) -> int:
        return int(np.sum(self.in_clean & ~self.in_raw & ~self.leaked))


def loose(text: str) -> str:
    """The text as a careless reader sees it: NFKC, case folded, without white space and sentence punctuation.

    Whatever consists of nothing else stays as it is, so that "?" and "!" are not one text.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _LOOSE.sub(" ", folded).strip() or folded


def utf8(text: str) -> str:
    """The text with lone surrogates replaced: they are legal in JSON, but nothing below Python takes them."""
    return text.encode(errors="replace").decode()


def groups(texts: Sequence[str]) -> IntArray:
    """Number the near-copy groups of texts, int (n,), in order of first appearance.

    Copies are texts that are equal to a careless reader, and near duplicates in the sense of DUP002.
    """
    if not texts:
        return np.zeros(0, dtype=np.int64)
    numbers: dict[str, int] = {}
    alike = np.array([numbers.setdefault(loose(text), len(numbers)) for text in texts], dtype=np.int64)
    pairs = near_duplicates(pl.Series(list(map(utf8, texts)), dtype=pl.String)).pairs
    links = alike[pairs["left"].to_numpy()], alike[pairs["right"].to_numpy()]
    edges = coo_array((np.ones(len(links[0])), links), shape=(len(numbers), len(numbers)))
    linked = connected_components(edges, directed=False)[1].astype(np.int64)[alike]
    # Rows of one template chain into one huge group, which would be a validation set or none.
    chained = np.bincount(linked)[linked] > _template_size(len(texts))
    mixed = np.where(chained, len(texts) + alike, linked)
    return np.unique(mixed, return_inverse=True)[1].astype(np.int64)


def leaked(rows: Sequence[Row], evaluation: Sequence[Row]) -> BoolArray:
    """Which rows' prompts match an eval row's, bool (n,): equal to a careless reader, or nearly (SPL001, SPL002)."""
    seen = {loose(row.prompt) for row in evaluation}
    equal = np.array([loose(row.prompt) in seen for row in rows], dtype=bool)
    if not rows or not evaluation:
        return equal
    texts, held_out = (pl.Series([utf8(row.prompt) for row in some], dtype=pl.String) for some in (rows, evaluation))
    near = np.zeros(len(rows), dtype=bool)
    near[near_matches(texts, held_out)["row"].to_numpy()] = True
    # If so many are near, what they share is the wording of the task.
    return equal if near.sum() > _template_size(len(rows)) else equal | near


def _template_size(rows: int) -> float:
    return max(TEMPLATE_ROWS, TEMPLATE_SHARE * rows)


def detect_task(examples: Sequence[Example]) -> Task:
    """Say whether rows are "classification" or "chat".

    Rows with a label are; so are prompt and answer rows whose answers come from a small closed set, because
    there the answer is a label in all but name.

    - raises InputError: most rows are neither, for example preference pairs or bare text.
    """
    if not examples:
        raise InputError("the raw file has no rows to train on")
    kind, count = Counter(example.format for example in examples).most_common(1)[0]
    if kind == "classification":
        return "classification"
    answered = [row for row in (_conversation(example) for example in examples) if row]
    if len(answered) * 2 < len(examples):
        raise InputError(
            f"impact measures classification and chat rows, but {count} of {len(examples)} rows are {kind}; "
            "name the format with --format, or your columns with --columns FIELD=COLUMN"
        )
    answers = Counter(row.answer.strip() for row in answered)
    closed = (
        len(answers) <= MAX_ANSWERS
        and len(answers) * MIN_ROWS_PER_ANSWER <= len(answered)
        and all(len(answer.split()) <= MAX_ANSWER_WORDS for answer in answers)
    )
    return "classification" if closed else "chat"


def training_rows(examples: Sequence[Example], task: Task) -> tuple[Row, ...]:
    """What can be trained on; rows without a label or without a trained answer are left out."""
    to_row = _labelled if task == "classification" else _conversation
    return tuple(row for row in map(to_row, examples) if row)


def labelled(text: str, label: str) -> Row:
    """A classification row."""
    return Row(text, label, json.dumps([text, label]))


def _labelled(example: Example) -> Row | None:
    if example.format == "classification":
        return labelled(example.text, example.label) if example.label and example.label.strip() else None
    row = _conversation(example)
    return labelled(row.prompt, row.answer.strip()) if row and row.answer.strip() else None


def _conversation(example: Example) -> Row | None:
    trained = [i for i, turn in enumerate(example.turns) if turn.trained]
    if example.format not in CONVERSATIONS or not trained:
        return None
    before = "\n".join(turn.content or "" for turn in example.turns[: trained[-1]])
    seen = [[turn.role, turn.content, turn.trained, turn.calls, turn.reasoning] for turn in example.turns]
    return Row(before, example.turns[trained[-1]].content or "", json.dumps(seen), example)


def pool(raw: Sequence[Row], clean: Sequence[Row], evaluation: Sequence[Row]) -> Pool:
    """Match clean rows to raw rows by content, whatever their order, and mark what matches an eval row."""
    unmatched: defaultdict[str, list[int]] = defaultdict(list)
    for position in reversed(range(len(raw))):
        unmatched[raw[position].key].append(position)
    kept = np.zeros(len(raw), dtype=bool)
    new: list[Row] = []
    for row in clean:
        if unmatched[row.key]:
            kept[unmatched[row.key].pop()] = True
        else:
            new.append(row)

    edited: defaultdict[str, list[int]] = defaultdict(list)
    for position in reversed(np.flatnonzero(~kept).tolist()):
        edited[loose(raw[position].prompt)].append(position)
    slots = list(range(len(raw)))
    for offset, row in enumerate(new):
        same_prompt = edited[loose(row.prompt)]
        slots.append(same_prompt.pop() if same_prompt else len(raw) + offset)

    rows = (*raw, *new)
    return Pool(
        rows=rows,
        in_raw=np.arange(len(rows)) < len(raw),
        in_clean=np.concatenate([kept, np.ones(len(new), dtype=bool)]),
        leaked=leaked(rows, evaluation),
        slot=np.array(slots, dtype=np.int64),
        group=groups([row.prompt for row in rows]),
    )
