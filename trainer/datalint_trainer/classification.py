"""Classification: fit every arm, score the eval rows, compare."""

from collections.abc import Sequence

import numpy as np

from datalint.errors import InputError
from datalint_trainer.arms import SHARES, Arm, share_arms
from datalint_trainer.attribution import rule_effects
from datalint_trainer.baselines import Features, compared, conclusion, rivals
from datalint_trainer.breakdown import class_changes, confusion
from datalint_trainer.details import Details, LearningCurve
from datalint_trainer.features import embedded_encoder
from datalint_trainer.fit import Fit
from datalint_trainer.fitting import Heads
from datalint_trainer.head import CHECKPOINTS
from datalint_trainer.judge import DECIDES, Judge
from datalint_trainer.learning import learning_curve
from datalint_trainer.outcome import Outcome, of_arm, placebo_seeds, shown_intervals
from datalint_trainer.report import ArmResult, counted, signed
from datalint_trainer.request import Request
from datalint_trainer.rows import IntArray, Pool, Row, groups
from datalint_trainer.score import SHOWN, FloatArray, Resamples, log_score
from datalint_trainer.verdict import MIN_ROWS_PER_CLASS, compare, shortage

MAX_CLASSES = 1_000
MIN_PART = 20  # rows of the smallest part in a learning curve


def measure_classification(pool: Pool, arms: Sequence[Arm], evaluation: Sequence[Row], request: Request) -> Outcome:
    """Fit heads over frozen features, or the model with LoRA, and compare them on the eval rows."""
    names = _class_names(pool, evaluation)
    number = {name: i for i, name in enumerate(names)}
    labels = _numbers(pool, number)
    truth = np.array([number[row.answer] for row in evaluation], dtype=np.int64)
    eval_texts = [row.prompt for row in evaluation]
    group = groups(eval_texts)
    judge = Judge(truth, group, Resamples.draw(group), request.eval_labels)

    parts = _parts(pool, arms) if request.learning_curve else ()
    about, features, fits, of_parts, of_rules = _fitted(pool, arms, parts, labels, number, eval_texts, request)

    results, scores, shown = _score(arms, fits, judge, len(names))
    placebo = of_arm(scores, arms, "placebo")
    comparison = compare(
        of_arm(scores, arms, "raw"), of_arm(scores, arms, "clean"), placebo, placebo_seeds(arms), group, pool.brought
    )
    intervals = {name: shown_intervals(shown[name], arms, pool.brought) for name in SHOWN}
    clean_accuracy = of_arm(shown["accuracy"], arms, "clean")
    of_clean = {name: (own[pool.clean], other) for name, (own, other) in features.items()}
    words = [pool.rows[i].prompt for i in pool.clean]
    found = rivals(words, labels[pool.clean], eval_texts, of_clean, request.store)
    table = compared(found, truth, len(names), judge.resamples, clean_accuracy)

    needed = _needed_classes(names, (labels[pool.raw], labels[pool.clean]), truth)
    short = shortage(truth, group, needed.tolist(), names)
    curve = None
    if parts:
        curve = learning_curve(parts, judge.accuracy(of_parts), clean_accuracy, len(words))
    effects = rule_effects(request.rules, of_rules, judge, verdict_possible=not short) if request.rules else ()
    objective = request.goal.judge(results) if request.goal else None
    return Outcome(
        verdict="not enough data" if short else comparison.word,
        decided_by=DECIDES[request.eval_labels],
        model=about,
        arms=results,
        clean_minus_raw={"metric": comparison.clean_minus_raw} | {name: raw for name, (raw, _) in intervals.items()},
        clean_minus_placebo={"metric": comparison.clean_minus_placebo}
        | {name: other for name, (_, other) in intervals.items()},
        baselines=table,
        notes=tuple(_unseen(labels[pool.clean], truth)),
        shortage=(short,) if short else (),
        details=Details(
            effects,
            curve,
            class_changes(arms, fits, judge, names, pool.brought),
            confusion(arms, fits, truth, names),
        ),
        advice=(
            conclusion(table, objective, fine_tuned=request.model is not None),
            *([] if curve is None or short else [_more_data(curve)]),
        ),
    )


def _class_names(pool: Pool, evaluation: Sequence[Row]) -> list[str]:
    used = np.flatnonzero(~pool.leaked).tolist()
    names = sorted({pool.rows[i].answer for i in used} | {row.answer for row in evaluation})
    if len(names) > MAX_CLASSES:
        raise InputError(f"{len(names):,} different labels, more than {MAX_CLASSES:,}: is the label column an id?")
    return names


def _numbers(pool: Pool, number: dict[str, int]) -> IntArray:
    # A leaked row may carry a label of its own; it is never trained on, so any number will do.
    return np.array([number.get(row.answer, 0) for row in pool.rows], dtype=np.int64)


def _parts(pool: Pool, arms: Sequence[Arm]) -> tuple[Arm, ...]:
    """Parts of the clean rows for a learning curve, as many of each share as there are placebos."""
    if SHARES[0] * len(pool.clean) < MIN_PART:
        return ()
    return share_arms(pool, sorted({arm.seed for arm in arms}), len(placebo_seeds(arms)))


def _fitted(
    pool: Pool,
    arms: Sequence[Arm],
    parts: Sequence[Arm],
    labels: IntArray,
    number: dict[str, int],
    eval_texts: Sequence[str],
    request: Request,
) -> tuple[dict[str, str], dict[str, Features], tuple[Fit, ...], tuple[Fit, ...], list[tuple[Fit, ...]]]:
    """About the model, features of the pool by encoder, fits of the arms, of their parts and of the rules' batches."""
    encoder = embedded_encoder()
    heads = Heads.over(encoder, pool, labels, eval_texts, len(number), request.store)
    features = {encoder.name: (heads.features, heads.eval_features)}
    jobs = [(heads, batch) for batch in (arms, parts) if batch and request.model is None]
    if request.rules:
        # Labels that only a rule's own output has are classes here, and nowhere else.
        own = sorted({row.answer for row in request.rules.pool.rows} - set(number))
        wider = number | {name: len(number) + i for i, name in enumerate(own)}
        rules = request.rules.pool
        over = Heads.over(encoder, rules, _numbers(rules, wider), eval_texts, len(wider), request.store)
        jobs += [(over, batch) for batch in request.rules.batches]
    advance = request.track(CHECKPOINTS[-1] * len(jobs)) if jobs else lambda: None
    done = [fitter.fit(batch, advance) for fitter, batch in jobs]
    if request.model is None:
        about = {"name": encoder.name, "digest": encoder.digest, "method": "softmax head over frozen features"}
        rest = done[1 + bool(parts) :]
        return about, features, done[0], done[1] if parts else (), rest
    from datalint_trainer.classifier import fit_classifiers

    about, frozen, fits = fit_classifiers(pool, [*arms, *parts], labels, eval_texts, len(number), request)
    return about, features | {str(about["name"]): frozen}, fits[: len(arms)], fits[len(arms) :], done


def _score(
    arms: Sequence[Arm], fits: Sequence[Fit], judge: Judge, classes: int
) -> tuple[tuple[ArmResult, ...], FloatArray, dict[str, FloatArray]]:
    """Results of the arms, the deciding row scores (arms, eval rows), bootstrapped metrics to show."""
    results, scores, bootstrapped = [], [], []
    for arm, fit in zip(arms, fits, strict=True):
        by_row = judge.both_scores(fit)
        plain_loss = -float(log_score(fit.log_probabilities, judge.truth).mean())
        figures = judge.resamples.metrics(fit.logits.argmax(axis=1), judge.truth, classes)
        metrics = {name: float(values[0]) for name, values in figures.items()} | {
            "log_loss": plain_loss,
            "perplexity": float(np.exp(min(plain_loss, 700.0))),
            "tempered_log_loss": -float(by_row[0].mean()),
            "brier": -float(by_row[1].mean()),
        }
        results.append(ArmResult(arm.name, arm.seed, arm.rows, fit.steps, metrics, fit.curve))
        scores.append(by_row[judge.eval_labels == "trusted"])
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


def _unseen(clean: IntArray, truth: IntArray) -> list[str]:
    unseen = int(np.isin(truth, clean, invert=True).sum())
    return [f"{counted(unseen, 'eval row')} with a label that the cleaned file does not have"] if unseen else []


def _more_data(curve: LearningCurve) -> str:
    gain = signed("accuracy", curve.last_doubling)
    if not curve.more_data_helps:
        return f"Whether more data like this would help cannot be told: the last doubling added {gain} of accuracy."
    forecast = f"; the next one might add {100 * curve.forecast:.1f}" if curve.forecast is not None else ""
    return f"More data like this would help: the last doubling added {gain} of accuracy{forecast}."
