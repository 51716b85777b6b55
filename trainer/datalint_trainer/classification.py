"""Classification: fit every arm, score the eval rows, compare."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from datalint.errors import InputError
from datalint_trainer.arms import Arm
from datalint_trainer.baselines import baselines
from datalint_trainer.features import embedded_encoder
from datalint_trainer.fit import Fit
from datalint_trainer.head import CHECKPOINTS, fit_heads
from datalint_trainer.outcome import Outcome, of_arm, placebo_seeds, shown_intervals
from datalint_trainer.report import ArmResult, counted
from datalint_trainer.rows import IntArray, Pool, Row, groups
from datalint_trainer.score import SHOWN, FloatArray, Resamples, brier_score, log_score, tempered
from datalint_trainer.verdict import MIN_ROWS_PER_CLASS, compare, shortage

MAX_CLASSES = 1_000
DECIDES = {"noisy": "tempered log-loss", "trusted": "Brier score"}


def measure_classification(
    pool: Pool,
    arms: Sequence[Arm],
    evaluation: Sequence[Row],
    eval_labels: Literal["noisy", "trusted"],
    model: str | None,
    max_length: int | None,
    announce: Callable[[str], None],
    track: Callable[[int], Callable[[], None]],
) -> Outcome:
    """Fit heads over frozen features, or `model` with LoRA, and compare them on the eval rows.

    - eval_labels: "noisy" lets the tempered log-loss decide, "trusted" the Brier score, which has more power
      but is misled by wrong eval labels.
    - max_length: tokens of a text that `model` reads.
    - announce: told the cost of `model` beforehand.
    - track: told the number of steps; returns what is called after each.
    """
    used = [i for i in range(len(pool.rows)) if not pool.leaked[i]]
    names = sorted({pool.rows[i].answer for i in used} | {row.answer for row in evaluation})
    if len(names) > MAX_CLASSES:
        raise InputError(f"{len(names):,} different labels, more than {MAX_CLASSES:,}: is the label column an id?")
    number = {name: i for i, name in enumerate(names)}
    # A leaked row may carry a label of its own; it is never trained on, so any number will do.
    labels = np.array([number.get(row.answer, 0) for row in pool.rows], dtype=np.int64)
    truth = np.array([number[row.answer] for row in evaluation], dtype=np.int64)
    texts, eval_texts = [row.prompt for row in pool.rows], [row.prompt for row in evaluation]

    encoder = embedded_encoder()
    features, eval_features = encoder.encode(texts), encoder.encode(eval_texts)
    if model is None:
        about = {
            "name": encoder.name,
            "digest": encoder.digest,
            "method": "softmax head over frozen features",
        }
        fits = fit_heads(pool, arms, features, labels, eval_features, len(names), track(CHECKPOINTS[-1]))
    else:
        from datalint_trainer.classifier import fit_classifiers

        about, fits = fit_classifiers(model, pool, arms, labels, eval_texts, len(names), max_length, announce, track)

    group = groups(eval_texts)
    results, scores, shown = _score(arms, fits, truth, group, eval_labels)
    placebo = of_arm(scores, arms, "placebo")
    comparison = compare(
        of_arm(scores, arms, "raw"), of_arm(scores, arms, "clean"), placebo, placebo_seeds(arms), group, pool.brought
    )
    intervals = {name: shown_intervals(shown[name], arms, pool.brought) for name in SHOWN}
    rivals = baselines(
        [texts[i] for i in pool.clean],
        features[pool.clean],
        [names[labels[i]] for i in pool.clean],
        eval_texts,
        eval_features,
        [row.answer for row in evaluation],
    )
    needed = _needed_classes(names, (labels[pool.raw], labels[pool.clean]), truth)
    short = shortage(truth, group, needed.tolist(), names)
    return Outcome(
        verdict="not enough data" if short else comparison.word,
        decided_by=DECIDES[eval_labels],
        model=about,
        arms=results,
        clean_minus_raw={"metric": comparison.clean_minus_raw} | {name: raw for name, (raw, _) in intervals.items()},
        clean_minus_placebo={"metric": comparison.clean_minus_placebo}
        | {name: other for name, (_, other) in intervals.items()},
        baselines=rivals,
        notes=tuple(_notes(short, labels[pool.clean], truth, results, rivals)),
    )


def _score(
    arms: Sequence[Arm], fits: Sequence[Fit], truth: IntArray, group: IntArray, eval_labels: str
) -> tuple[tuple[ArmResult, ...], FloatArray, dict[str, FloatArray]]:
    """Results of the arms, the deciding row scores (arms, eval rows), bootstrapped metrics to show."""
    resamples = Resamples.draw(group)
    half = group % 2 == 1
    results, scores, bootstrapped = [], [], []
    for arm, fit in zip(arms, fits, strict=True):
        probability = tempered(fit.logits, truth, half)
        by_row = {"noisy": log_score(probability, truth), "trusted": brier_score(probability, truth)}
        plain_loss = -float(log_score(fit.log_probabilities, truth).mean())
        figures = resamples.metrics(fit.logits.argmax(axis=1), truth, fit.logits.shape[1])
        metrics = {name: float(values[0]) for name, values in figures.items()} | {
            "log_loss": plain_loss,
            "perplexity": float(np.exp(min(plain_loss, 700.0))),
            "tempered_log_loss": -float(by_row["noisy"].mean()),
            "brier": -float(by_row["trusted"].mean()),
        }
        results.append(ArmResult(arm.name, arm.seed, arm.rows, fit.steps, metrics))
        scores.append(by_row[eval_labels])
        bootstrapped.append(figures)
    shown = {name: np.stack([figures[name] for figures in bootstrapped]) for name in SHOWN}
    return tuple(results), np.stack(scores), shown


def _needed_classes(names: Sequence[str], trained: Sequence[IntArray], truth: IntArray) -> IntArray:
    """Classes that the eval rows must hold: their own, and those that the raw or the cleaned file really trains.

    A file that has lost a class looks better on eval rows that do not have it either. What is no class: a label with
    a row or two, and another spelling of a label that the eval rows have.
    """
    known = {_spelling(names[i]) for i in np.unique(truth)}
    counts = [np.bincount(labels, minlength=len(names)) for labels in trained]
    often = np.flatnonzero(np.maximum.reduce(counts) >= MIN_ROWS_PER_CLASS)
    own = [i for i in often.tolist() if _spelling(names[i]) not in known]
    return np.union1d(truth, np.array(own, dtype=np.int64))


def _spelling(label: str) -> str:
    return "".join(c for c in label.casefold() if c.isalnum()) or label


def _notes(
    short: str | None,
    clean: IntArray,
    truth: IntArray,
    results: Sequence[ArmResult],
    rivals: Sequence[dict[str, object]],
) -> list[str]:
    notes = [short] if short else []
    unseen = int(np.isin(truth, clean, invert=True).sum())
    if unseen:
        notes.append(f"{counted(unseen, 'eval row')} with a label that the cleaned file does not have")
    reached = float(np.mean([arm.metrics["accuracy"] for arm in results if arm.name == "clean"]))
    best = max(rivals, key=lambda rival: float(str(rival["accuracy"])))
    if float(str(best["accuracy"])) > reached:
        notes.append(f"{best['name']} does as well without any fine-tuning: this task may not need it")
    return notes
