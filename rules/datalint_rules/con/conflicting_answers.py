"""CON001."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from datalint.chunk import Chunk
from datalint.fingerprint import digest
from datalint.rule import Fix, Rule, none, option
from datalint.views.turns import is_closed

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
        held, some = chunk.held, list[tuple[int, int, bytes]]()
        for place, end in held.last_answers(_FORMATS):
            turn = held.bounds[place] + end
            calls = held.turns.calls[turn]
            answer = held.lines[turn] + (b"\0" + calls.encode() if calls else b"")
            if answer:
                some.append((place, end, answer.rstrip(b".!")))
        return pl.DataFrame(
            {
                "row": pl.Series([held.rows[place] for place, _, _ in some], dtype=pl.UInt32),
                "context_key": pl.Series(digest(held.said(place, end) for place, end, _ in some), dtype=pl.Binary),
                "answer_key": pl.Series(digest(answer for _, _, answer in some), dtype=pl.Binary),
                "closed": pl.Series([self._closes(answer) for _, _, answer in some], dtype=pl.Boolean),
                "answer": pl.Series([_start(answer) for _, _, answer in some], dtype=pl.Binary),
            }
        )

    def _closes(self, answer: bytes) -> bool:
        # A character has up to four bytes, and a word of a closed answer twelve characters.
        short = len(answer) <= 48 * self.closed_words
        return (short and is_closed(answer.decode(), self.closed_words)) or _is_json(answer)

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
        a, b = (set(_WORD.findall(one["answer"].decode(errors="ignore")[:_KEPT])) for one in (row, other))
        return len(a & b) < self.open_jaccard * len(a | b)


def _start(answer: bytes) -> bytes:
    """At least as many characters as are looked at."""
    return answer[:_KEPT] if answer.isascii() else answer[: 4 * _KEPT]


def _is_json(text: bytes) -> bool:
    if text[:1] not in (b"{", b"["):
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
