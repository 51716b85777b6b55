"""CON001."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from datalint.chunk import Chunk
from datalint.fingerprint import digest
from datalint.rule import Fix, Rule, none, option
from datalint.turns import is_closed

# Preference and KTO rows give one prompt several answers on purpose; labels are CON002's.
_FORMATS = ("chat", "sharegpt", "alpaca", "prompt-completion")
_KEPT = 2000  # characters of an open answer that are enough to see that two have nothing in common
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class ConflictingAnswers(Rule):
    """The same prompt has answers that cannot both be right.

    ## What it does
    Groups the rows of a split whose system turn, history and prompt are equal after normalisation, and compares
    their last answers. Closed answers (five words or fewer, a number, yes or no, JSON) that differ are an error.
    Open answers that share less than a tenth of their words are only mentioned. Each row names one it conflicts with.

    ## Why is this bad?
    The loss pulls both ways; the model learns to guess.

    ## Example
    "Is the store open on Sunday?" answered "Yes" in one row and "No" in another.

    ## Fix safety
    Unsafe, for closed answers only: all rows of the conflict are dropped, for nobody knows which one is right.

    ## Options
    - `closed-words`: most words of a closed answer.
    - `open-jaccard`: open answers that share less than this are mentioned.

    ## References
    deepchecks' conflicting labels and datasets-lint, narrowed to answers that have one right form.
    """

    code, name = "CON001", "conflicting-answers"
    severity = "warning"
    message = "the same prompt is answered differently elsewhere ({kind} answers)"
    fix = Fix("drop", "unsafe")
    fix_title = "drops all rows of the conflict"
    key = ("context_key",)
    bad = [
        [
            {"prompt": "Open on Sunday?", "completion": "Yes"},
            {"prompt": "open on  sunday?", "completion": "No"},
        ],
        [{"instruction": "17 * 3 =", "output": "51"}, {"instruction": "17 * 3 =", "output": "54"}],
    ]
    good = [
        [
            {"prompt": "Open on Sunday?", "completion": "Yes"},
            {"prompt": "Open on Sunday?", "completion": "yes."},
        ],
        [
            {"prompt": "Open on Sunday?", "completion": "Yes"},
            {"prompt": "Open on Monday?", "completion": "No"},
        ],
        [
            {"prompt": "Is it?", "chosen": "Yes", "rejected": "No"},
            {"prompt": "Is it?", "chosen": "No", "rejected": "Yes"},
        ],
        [
            {
                "prompt": "Write about the river.",
                "completion": "The river hums its tune and carries home the sleeping moon.",
            },
            {
                "prompt": "Write about the river.",
                "completion": "The river sleeps, and the moon hums a tune on its way home.",
            },
        ],
    ]

    closed_words: int = option(5, "Most words of a closed answer.")
    open_jaccard: float = option(0.1, "Open answers that share less than this part of their words are mentioned.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        some = [c for c in chunk.compared if c.format in _FORMATS and c.ends and (c.answer or "").strip()]
        if not some:
            return none()
        answers = [(c.answer or "").rstrip(".!") for c in some]
        closed = [is_closed(a, self.closed_words) or _is_json(a) for a in answers]
        return pl.DataFrame(
            {
                "row": pl.Series([c.row for c in some], dtype=pl.UInt32),
                "context_key": digest(c.context(c.ends[-1]) for c in some),
                "answer_key": digest(answers),
                "closed": closed,
                "answer": [a[:_KEPT] for a in answers],
            }
        )

    def reduce(self, frame: pl.DataFrame) -> pl.DataFrame:
        # Only rows that share a prompt and differ in the answer come as far as this loop.
        odd = frame.filter(pl.col("answer_key").n_unique().over("context_key") > 1).sort("file", "row")
        groups = odd.partition_by("context_key", maintain_order=True)
        found = [line for group in groups for line in self._conflicts(group.to_dicts())]
        return pl.DataFrame(found) if found else none()

    def _conflicts(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = []
        firsts = list({row["answer_key"]: row for row in reversed(rows)}.values())[:50]
        for row in rows:
            others = [o for o in firsts if o["answer_key"] != row["answer_key"] and o["closed"] == row["closed"]]
            other = next((o for o in others if row["closed"] or self._apart(row, o)), None)
            if other is not None:
                found.append(
                    {
                        "file": row["file"],
                        "row": row["row"],
                        "related_file": other["file"],
                        "related_row": other["row"],
                        "kind": "closed" if row["closed"] else "open",
                        "severity": "error" if row["closed"] else "info",
                        "fix_kind": "drop" if row["closed"] else None,
                        "fix_safety": "unsafe" if row["closed"] else None,
                    }
                )
        return found

    def _apart(self, row: dict[str, Any], other: dict[str, Any]) -> bool:
        a, b = set(_WORD.findall(row["answer"])), set(_WORD.findall(other["answer"]))
        return len(a & b) < self.open_jaccard * len(a | b)


def _is_json(text: str) -> bool:
    if text[:1] not in "{[":
        return False
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True
