"""What a chat model is worth on held-out rows: bits per byte of the answers, and whether it reads the prompts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from datalint_trainer.arms import Arm
from datalint_trainer.chat_tokens import Tokens
from datalint_trainer.outcome import of_arm, placebo_seeds
from datalint_trainer.rows import IntArray
from datalint_trainer.score import FloatArray
from datalint_trainer.verdict import Comparison, Interval, Word, compare, holm

MEASURES = ("bits per byte", "prompt sensitivity")
LARGEST_LOG = 700.0

# Losses of each next token in nats, (rows, longest - 1), zero where it is not trained.
Losses = Callable[[Any, Sequence[Tokens]], torch.Tensor]


@dataclass(frozen=True)
class Measured:
    """One model on the eval rows.

    - scores: (2, eval rows), minus bits per byte and prompt sensitivity: higher is better.
    - metrics: of the whole file.
    """

    scores: FloatArray
    metrics: Mapping[str, float]


def measure(model: Any, losses: Losses, own: Sequence[Tokens], foreign: Sequence[Tokens], micro: int) -> Measured:
    """Score answers after their own and after another row's prompt.

    Bits of each row are divided by the mean bytes of a row: the mean over rows is then that of the whole file.
    """
    bits, answer_bits = _bits(model, losses, own, micro)
    _, foreign_bits = _bits(model, losses, foreign, micro)
    trained_bytes = np.mean([row.trained_bytes for row in own])
    answer_bytes = np.mean([row.answer_bytes for row in own])
    scores = np.stack([-bits / trained_bytes, (foreign_bits - answer_bits) / answer_bytes])
    nats = float(bits.sum() * np.log(2) / sum(int(row.trained.sum()) for row in own))
    metrics = {
        "bits_per_byte": -float(scores[0].mean()),
        "prompt_sensitivity": float(scores[1].mean()),
        "log_loss": nats,
        "perplexity": float(np.exp(min(nats, LARGEST_LOG))),
    }
    return Measured(scores, metrics)


def _bits(model: Any, losses: Losses, rows: Sequence[Tokens], micro: int) -> tuple[FloatArray, FloatArray]:
    """Bits of all trained tokens, and of those of the last answer, each (rows,)."""
    model.eval()
    total, last = np.zeros(len(rows)), np.zeros(len(rows))
    by_length = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    with torch.no_grad():
        for i in range(0, len(by_length), micro):
            part = by_length[i : i + micro]
            bits = losses(model, [rows[k] for k in part]).double().cpu().numpy() / np.log(2)
            total[part] = bits.sum(axis=1)
            # Column t predicts token t + 1.
            last[part] = [bits[row, rows[k].answer - 1 :].sum() for row, k in enumerate(part)]
    return total, last


@dataclass(frozen=True)
class ChatVerdict:
    """What both measures say together.

    - comparisons: of MEASURES, in order, at level .05.
    - deciding: the measure that took the side; the first where none did.
    """

    word: Word
    comparisons: tuple[Comparison, ...]
    deciding: int


def judge(scores: FloatArray, arms: Sequence[Arm], group: IntArray, brought: float) -> ChatVerdict:
    """Compare (arms, 2, eval rows); see verdict.compare for the rest."""
    raw, clean, placebo = (of_arm(scores, arms, name) for name in ("raw", "clean", "placebo"))
    seeds = placebo_seeds(arms)
    at_half, at_full = (
        [compare(raw[:, i], clean[:, i], placebo[:, i], seeds, group, brought, level) for i in range(len(MEASURES))]
        for level in (0.025, 0.05)
    )
    word = holm(list(zip(at_half, at_full, strict=True)))
    sided = [i for i, found in enumerate(at_half) if found.word == word]
    return ChatVerdict(word, tuple(at_full), sided[0] if sided else 0)


def shown(intervals: Sequence[Interval], deciding: int) -> dict[str, Interval]:
    """Both measures in their own direction; "metric" is the deciding one, of which more is better."""
    bits, sensitivity = intervals
    return {
        "metric": intervals[deciding],
        "bits_per_byte": Interval(-bits.estimate, -bits.high, -bits.low),
        "prompt_sensitivity": sensitivity,
    }
