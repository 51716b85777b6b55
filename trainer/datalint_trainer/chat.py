"""Chat: fine-tune a causal model on every arm, and ask how well it knows held-out answers, and whether it reads.

Bits per byte of held-out answers sees repetition, boilerplate and truncation; prompt sensitivity (bits per byte of
an answer after another row's prompt, minus after its own) sees answers that belong to other prompts. Neither sees
whether an answer is true.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import cross_entropy

from datalint.errors import InputError, UsageError
from datalint_trainer.arms import Arm
from datalint_trainer.base_model import conclusion, rival
from datalint_trainer.chat_measures import MEASURES, Losses, Measured, judge, measure, shown
from datalint_trainer.chat_tokens import Reader, Tokens, check_vocabulary, padded, swapped
from datalint_trainer.embedded_chat import EmbeddedChat
from datalint_trainer.finetune import Announce, Recipe, Track, fine_tune
from datalint_trainer.fit import Curve
from datalint_trainer.lora import adapted, lora_recipe, quiet, resolve
from datalint_trainer.objective import Goal
from datalint_trainer.outcome import Outcome, of_arm
from datalint_trainer.report import METRICS, ArmResult, counted
from datalint_trainer.rows import IntArray, Pool, Row, groups
from datalint_trainer.split import MAX_ROWS
from datalint_trainer.store import Store, key_of
from datalint_trainer.verdict import MIN_EVAL_ROWS

MAX_LENGTH = 1024
MICRO = 4  # rows at once: the logits of one row of a large vocabulary take 600 MB
NO_SIDE = "no measurable difference"
DECIDED_BY = "bits per byte and prompt sensitivity, after Holm"


@dataclass(frozen=True)
class Learner:
    """A model that can be fine-tuned: the embedded one or a transformers model.

    - about: for the report. model: loads it. recipe: for a raw file of so many rows.
    - window: tokens that it sees at once. users: not the package's own, but the one that was asked for.
    """

    about: Mapping[str, str]
    model: Callable[[], Any]
    losses: Losses
    recipe: Callable[[int], Recipe]
    window: int
    users: bool


@dataclass(frozen=True)
class Prepared:
    """The rows that fit the model, by file, and their tokens by content key."""

    learner: Learner
    rows: Mapping[str, tuple[Row, ...]]
    tokens: Mapping[str, Tokens]
    notes: tuple[str, ...]


def prepare_chat(
    model: str | None,
    rows: Mapping[str, Sequence[Row]],
    tokenizer: str | Path | None = None,
    chat_template: str | Path | None = None,
    max_length: int | None = None,
    columns: Mapping[str, str] | None = None,
) -> Prepared:
    """Lay out all rows for `model`, default the embedded one.

    Rows that cannot be rendered or do not fit are left out everywhere, and told; the embedded model cuts long rows
    instead.

    Raises InputError for a model that cannot be loaded or a file without any row that fits, TokenizerError for a
    tokenizer or template that is not there, UsageError for one without a model.
    """
    if model is None and (tokenizer or chat_template):
        raise UsageError("--tokenizer and --chat-template are for --model; the embedded chat model has its own")
    learner, read_of, notes = (
        _embedded(max_length) if model is None else _adapted(model, tokenizer, chat_template, max_length, columns)
    )
    kept: dict[str, tuple[Row, ...]] = {}
    tokens: dict[str, Tokens] = {}
    for name, of_file in rows.items():
        read, reasons = read_of(of_file)
        if name == "eval":
            # An empty answer has no bytes to be predicted; in a training file it is a fault like any other.
            reasons["with an empty answer"] += sum(bool(found and not found.answer_bytes) for found in read)
            read = [found if found and found.answer_bytes else None for found in read]
        kept[name] = tuple(row for row, found in zip(of_file, read, strict=True) if found)
        tokens.update({row.key: found for row, found in zip(of_file, read, strict=True) if found})
        notes += [
            f"{counted(count, 'row')} of the {name} file left out: {why}" for why, count in reasons.items() if count
        ]
        if not kept[name]:
            raise InputError(f"no row of the {name} file can be trained on: {', '.join(reasons)}")
    if (given := len(kept["eval"])) > MAX_ROWS["chat"]:
        kept["eval"] = _drawn(kept["eval"], MAX_ROWS["chat"])
        notes.append(
            f"{len(kept['eval']):,} of {given:,} eval rows drawn at random: every model is scored on all of them"
        )
    recipe = learner.recipe(len(kept["raw"]))
    if (seen := recipe.steps * recipe.batch) < len(kept["raw"]):
        notes.append(f"each model is trained on at most {seen:,} random rows of its file")
    return Prepared(learner, kept, tokens, tuple(notes))


def _drawn(rows: Sequence[Row], number: int) -> tuple[Row, ...]:
    """Random rows, in order; chosen by content, so that the order of the file does not matter."""
    digests = [hashlib.sha256(row.key.encode()).digest() for row in rows]
    chosen = sorted(range(len(rows)), key=lambda i: digests[i])[:number]
    return tuple(rows[i] for i in sorted(chosen))


_Read = Callable[[Sequence[Row]], tuple[list[Tokens | None], Counter[str]]]


def _embedded(max_length: int | None) -> tuple[Learner, _Read, list[str]]:
    base = EmbeddedChat.load(window=max_length)

    def losses(model: Any, rows: Sequence[Tokens]) -> torch.Tensor:
        ids, trained = padded(rows)
        device = next(model.parameters()).device
        return torch.as_tensor(model.losses(ids.to(device), trained.to(device)))

    window = base.tokenizer.window
    note = f"a small model of the package's own, {window} tokens of a row; --model PATH_OR_HUB_ID asks another"
    return Learner(base.about, base.model, losses, lambda _rows: base.recipe(), window, users=False), base.read, [note]


def _adapted(
    model: str,
    tokenizer: str | Path | None,
    chat_template: str | Path | None,
    max_length: int | None,
    columns: Mapping[str, str] | None,
) -> tuple[Learner, _Read, list[str]]:
    from transformers import AutoConfig, AutoModelForCausalLM

    folder, about = resolve(model)
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    limit = min(max_length or MAX_LENGTH, getattr(config, "max_position_embeddings", None) or MAX_LENGTH)
    reader = Reader.load(folder, tokenizer, chat_template, columns)
    check_vocabulary(reader, config.vocab_size)

    def load() -> Any:
        with quiet():
            return adapted(folder, AutoModelForCausalLM, "CAUSAL_LM")

    def losses(network: Any, rows: Sequence[Tokens]) -> torch.Tensor:
        device = next(network.parameters()).device
        ids, trained = (values.to(device) for values in padded(rows))
        lengths = torch.tensor([len(row.ids) for row in rows], device=device)
        attention = (torch.arange(ids.shape[1], device=device) < lengths[:, None]).long()
        logits = network(input_ids=ids, attention_mask=attention).logits[:, :-1].float()
        found = cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(len(rows), -1)
        return found * trained[:, 1:]

    note = f"chat template and tokenizer from {reader.template.path}; at most {limit:,} tokens a row"
    learner = Learner(about, load, losses, lambda rows: lora_recipe(rows, MICRO), limit, users=True)
    return learner, lambda rows: reader.read(rows, limit), [note]


@dataclass(frozen=True)
class ChatFit:
    """One fine-tuned arm: the step at which it stopped, its losses on the way, its figures on the eval rows."""

    steps: int
    curve: Curve
    measured: Measured


def fit_chat(
    pool: Pool, arms: Sequence[Arm], prepared: Prepared, announce: Announce, track: Track, store: Store
) -> tuple[Measured, tuple[ChatFit, ...]]:
    """Fine-tune the arms that `store` does not have. Returns the model before fine-tuning, then all arms in order."""
    train = [prepared.tokens[row.key] for row in pool.rows]
    own = [prepared.tokens[row.key] for row in prepared.rows["eval"]]
    learner = prepared.learner
    foreign = swapped(own, groups([row.prompt for row in prepared.rows["eval"]]), learner.window)
    network, recipe = learner.model(), learner.recipe(len(pool.raw))

    def loss_of(model: Any, positions: IntArray) -> tuple[torch.Tensor, int]:
        rows = [train[i] for i in positions]
        return learner.losses(model, rows).sum(), sum(int(row.trained.sum()) for row in rows)

    def measured() -> Measured:
        return measure(network, learner.losses, own, foreign, 2 * recipe.micro)

    base = measured()
    settings = {"kind": "chat", "window": learner.window, **learner.about, **recipe.settings}
    data = key_of(settings, pool.slot, *(side for row in (*train, *own) for side in (row.ids, row.trained)))
    keys = [key_of({"data": data, "seed": arm.seed}, arm.train, arm.held) for arm in arms]
    by_key = dict(zip(keys, arms, strict=True))  # arms that train on the same rows are one
    fits = {key: _unpacked(stored) for key in by_key if (stored := store.load(key, _STORED))}
    left = [key for key in by_key if key not in fits]
    lengths = np.array([len(row.ids) for row in train], dtype=np.int64)
    fitted = fine_tune(network, pool, [by_key[key] for key in left], loss_of, recipe, lengths, announce, track)
    for key, trained in zip(left, fitted, strict=True):
        fits[key] = ChatFit(trained.step, trained.curve, measured())
        store.save(key, _packed(fits[key]))
    return base, tuple(fits[key] for key in keys)


_STORED = ("steps", "curve", "scores", *METRICS["chat"])


def _packed(fit: ChatFit) -> dict[str, npt.NDArray[Any]]:
    figures = {name: np.array(value) for name, value in fit.measured.metrics.items()}
    curve = np.array([fit.curve.steps, fit.curve.train, fit.curve.validation])
    return {"steps": np.array(fit.steps), "curve": curve, "scores": fit.measured.scores, **figures}


def _unpacked(arrays: Mapping[str, npt.NDArray[Any]]) -> ChatFit:
    steps, train, validation = arrays["curve"].tolist()
    metrics = {name: float(arrays[name]) for name in METRICS["chat"]}
    curve = Curve(tuple(map(int, steps)), tuple(train), tuple(validation))
    return ChatFit(int(arrays["steps"]), curve, Measured(arrays["scores"], metrics))


def measure_chat(
    pool: Pool,
    arms: Sequence[Arm],
    prepared: Prepared,
    announce: Announce = lambda _line: None,
    track: Track = lambda _total: lambda: None,
    store: Store | None = None,
    goal: Goal | None = None,
) -> Outcome:
    """Fine-tune every arm that `store` does not have, and compare both measures on the eval rows."""
    base, fits = fit_chat(pool, arms, prepared, announce, track, store or Store())
    group = groups([row.prompt for row in prepared.rows["eval"]])
    scores = np.stack([fit.measured.scores for fit in fits])
    found = judge(scores, arms, group, pool.brought)
    results = tuple(
        ArmResult(arm.name, arm.seed, arm.rows, fit.steps, fit.measured.metrics, fit.curve)
        for arm, fit in zip(arms, fits, strict=True)
    )
    before = rival(base, of_arm(scores[:, 0], arms, "clean"), group)
    distinct = int(group.max()) + 1
    short = distinct < MIN_EVAL_ROWS
    return Outcome(
        verdict="not enough data" if short else found.word,
        decided_by=DECIDED_BY if found.word == NO_SIDE or short else f"{MEASURES[found.deciding]}, after Holm",
        model=prepared.learner.about,
        arms=results,
        clean_minus_raw=shown([pair.clean_minus_raw for pair in found.comparisons], found.deciding),
        clean_minus_placebo=shown([pair.clean_minus_placebo for pair in found.comparisons], found.deciding),
        baselines=(before,),
        notes=(
            *prepared.notes,
            "sees repetition, boilerplate, swapped and truncated answers; not whether an answer is true",
        ),
        shortage=(f"{distinct} distinct eval rows; a verdict needs {MIN_EVAL_ROWS}",) if short else (),
        advice=(conclusion(before, goal.judge(results) if goal else None, fine_tuned=prepared.learner.users),),
    )
