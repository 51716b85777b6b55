"""Chat: fine-tune a causal model on every arm, and ask how well it knows held-out answers, and whether it reads.

Bits per byte of held-out answers sees repetition, boilerplate and truncation; prompt sensitivity (bits per byte of
an answer after another row's prompt, minus after its own) sees answers that belong to other prompts. Neither sees
whether an answer is true.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from datalint.errors import InputError
from datalint_trainer.arms import Arm
from datalint_trainer.chat_tokens import Reader, Tokens, check_vocabulary, swapped
from datalint_trainer.lora import Schedule, adapted, fine_tune, quiet, resolve
from datalint_trainer.outcome import Outcome, of_arm, placebo_seeds
from datalint_trainer.report import ArmResult, counted
from datalint_trainer.rows import IntArray, Pool, Row, groups
from datalint_trainer.score import FloatArray
from datalint_trainer.verdict import MIN_EVAL_ROWS, Comparison, Interval, compare, holm

MAX_LENGTH = 1024
MICRO = 4  # rows at once: the logits of one row of a large vocabulary take 600 MB
DECIDED_BY = "bits per byte and prompt sensitivity, after Holm"


@dataclass(frozen=True)
class Prepared:
    """The rows that fit the model, by file, and their tokens by content key."""

    folder: Path
    about: Mapping[str, str]
    rows: Mapping[str, tuple[Row, ...]]
    tokens: Mapping[str, Tokens]
    max_length: int
    notes: tuple[str, ...]


def prepare_chat(
    model: str,
    rows: Mapping[str, Sequence[Row]],
    tokenizer: str | Path | None,
    chat_template: str | Path | None,
    max_length: int | None,
    columns: Mapping[str, str] | None,
) -> Prepared:
    """Render all rows; those that cannot be rendered or do not fit are left out everywhere, and told.

    Raises InputError for a model that cannot be loaded or a file without any row that fits, TokenizerError for a
    tokenizer or template that is not there.
    """
    from transformers import AutoConfig

    folder, about = resolve(model)
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    limit = min(max_length or MAX_LENGTH, getattr(config, "max_position_embeddings", None) or MAX_LENGTH)
    reader = Reader.load(folder, tokenizer, chat_template, columns)
    check_vocabulary(reader, config.vocab_size)
    kept: dict[str, tuple[Row, ...]] = {}
    tokens: dict[str, Tokens] = {}
    notes = [f"chat template and tokenizer from {reader.template.path}; at most {limit:,} tokens a row"]
    for name, of_file in rows.items():
        read, reasons = reader.read(of_file, limit)
        kept[name] = tuple(row for row, found in zip(of_file, read, strict=True) if found)
        tokens.update({row.key: found for row, found in zip(of_file, read, strict=True) if found})
        notes += [f"{counted(count, 'row')} of the {name} file left out: {reason}" for reason, count in reasons.items()]
        if not kept[name]:
            raise InputError(f"no row of the {name} file can be trained on: {', '.join(reasons)}")
    return Prepared(folder, about, kept, tokens, limit, tuple(notes))


def measure_chat(
    pool: Pool,
    arms: Sequence[Arm],
    prepared: Prepared,
    announce: Callable[[str], None],
    track: Callable[[int], Callable[[], None]],
) -> Outcome:
    """Fine-tune every arm and compare both measures on the eval rows."""
    from transformers import AutoModelForCausalLM

    train = [prepared.tokens[row.key] for row in pool.rows]
    own = [prepared.tokens[row.key] for row in prepared.rows["eval"]]
    foreign = swapped(own, prepared.max_length)
    with quiet():
        network = adapted(prepared.folder, AutoModelForCausalLM, "CAUSAL_LM")

    def loss_of(model: Any, positions: IntArray) -> torch.Tensor:
        losses, mask = _token_losses(model, [train[i] for i in positions])
        return (losses * mask).sum() / mask.sum()

    results, measured = [], []
    base = _measure(network, own, foreign)
    schedule = Schedule.of(len(pool.raw))
    for arm, step in fine_tune(network, pool, arms, loss_of, MICRO, schedule, announce, track):
        found = _measure(network, own, foreign)
        measured.append(found.scores)
        results.append(ArmResult(arm.name, arm.seed, arm.rows, step, found.metrics))

    group = groups([row.prompt for row in prepared.rows["eval"]])
    scores = np.stack(measured)  # (arms, 2, eval rows)
    at_half, at_full = (_compared(scores, arms, group, pool.brought, level) for level in (0.025, 0.05))
    word = holm(list(zip(at_half, at_full, strict=True)))
    distinct = int(group.max()) + 1
    short = distinct < MIN_EVAL_ROWS
    notes = (f"{distinct} distinct eval rows; a verdict needs {MIN_EVAL_ROWS}",) if short else ()
    return Outcome(
        verdict="not enough data" if short else word,
        decided_by=DECIDED_BY,
        model=prepared.about,
        arms=tuple(results),
        clean_minus_raw=_shown([pair.clean_minus_raw for pair in at_full]),
        clean_minus_placebo=_shown([pair.clean_minus_placebo for pair in at_full]),
        baselines=({"name": "the model before fine-tuning", **base.metrics},),
        notes=(
            *prepared.notes,
            "sees repetition, boilerplate, swapped and truncated answers; not whether an answer is true",
            "the false-verdict rate of the chat measures is not yet calibrated: treat a close verdict with care",
            *notes,
        ),
    )


@dataclass(frozen=True)
class _Measured:
    scores: FloatArray  # (2, eval rows): minus bits per byte, prompt sensitivity; higher is better
    metrics: Mapping[str, float]


def _measure(model: Any, own: Sequence[Tokens], foreign: Sequence[Tokens]) -> _Measured:
    """Bits of each row, divided by the mean bytes of a row: the mean over rows is then that of the whole file."""
    bits, answer_bits = _bits(model, own)
    _, foreign_bits = _bits(model, foreign)
    trained_bytes = np.mean([row.trained_bytes for row in own])
    answer_bytes = np.mean([row.answer_bytes for row in own])
    scores = np.stack([-bits / trained_bytes, (foreign_bits - answer_bits) / answer_bytes])
    nats = float(bits.sum() * np.log(2) / sum(int(row.trained.sum()) for row in own))
    metrics = {
        "bits_per_byte": -float(scores[0].mean()),
        "prompt_sensitivity": float(scores[1].mean()),
        "log_loss": nats,
        "perplexity": float(np.exp(min(nats, 700.0))),
    }
    return _Measured(scores, metrics)


def _bits(model: Any, rows: Sequence[Tokens]) -> tuple[FloatArray, FloatArray]:
    """Bits of all trained tokens, and of those of the last answer, each (rows,)."""
    model.eval()
    total, last = np.zeros(len(rows)), np.zeros(len(rows))
    by_length = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    with torch.no_grad():
        for i in range(0, len(by_length), 2 * MICRO):
            part = by_length[i : i + 2 * MICRO]
            losses, mask = _token_losses(model, [rows[k] for k in part])
            trained = (losses * mask).double().cpu().numpy() / np.log(2)
            total[part] = trained.sum(axis=1)
            # Column t predicts token t + 1.
            last[part] = [trained[row, rows[k].answer - 1 :].sum() for row, k in enumerate(part)]
    return total, last


def _token_losses(model: Any, rows: Sequence[Tokens]) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss of each next token and whether it is trained, each (rows, longest - 1)."""
    device = next(model.parameters()).device
    longest = max(len(row.ids) for row in rows)
    # Padding goes to the right, where causal attention never looks; its value plays no part.
    ids = torch.from_numpy(np.stack([np.pad(row.ids, (0, longest - len(row.ids))) for row in rows])).to(device)
    mask = torch.from_numpy(np.stack([np.pad(row.trained, (0, longest - len(row.ids))) for row in rows])).to(device)
    attention = torch.from_numpy(np.stack([np.arange(longest) < len(row.ids) for row in rows])).to(device).long()
    logits = model(input_ids=ids, attention_mask=attention).logits[:, :-1].float()
    losses = cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(len(rows), -1)
    return losses, mask[:, 1:].float()


def _compared(
    scores: FloatArray, arms: Sequence[Arm], group: IntArray, brought: float, level: float
) -> list[Comparison]:
    raw, clean, placebo = (of_arm(scores, arms, name) for name in ("raw", "clean", "placebo"))
    seeds = placebo_seeds(arms)
    return [compare(raw[:, i], clean[:, i], placebo[:, i], seeds, group, brought, level) for i in range(2)]


def _shown(intervals: Sequence[Interval]) -> dict[str, Interval]:
    """Both measures in their own direction; "metric" is minus the bits per byte, of which more is better."""
    bits, sensitivity = intervals
    return {
        "metric": bits,
        "bits_per_byte": Interval(-bits.estimate, -bits.high, -bits.low),
        "prompt_sensitivity": sensitivity,
    }
