"""Rivals that need no fine-tuning: if one of them does as well, fine-tuning is not what the task needs."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from datalint_trainer.report import Objective, signed
from datalint_trainer.rows import IntArray
from datalint_trainer.score import FloatArray, Resamples
from datalint_trainer.store import Store, key_of
from datalint_trainer.verdict import Interval, interval_of

NEIGHBOURS = 5
MAX_ROWS = 5_000  # more change the rivals' figures little and their cost much
# Chosen on banking77: a looser tolerance costs accuracy, a tighter one seconds.
INVERSE_PENALTY, TOLERANCE, ITERATIONS = 10.0, 1e-3, 200
FROZEN = "frozen features and logistic regression"

Features = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Rival:
    """What it predicts, int (eval rows,). `frozen`: it reads frozen features, as the heads of a plain run do."""

    name: str
    predicted: IntArray
    frozen: bool = False


def rivals(
    texts: Sequence[str], labels: IntArray, eval_texts: Sequence[str], features: Mapping[str, Features], store: Store
) -> tuple[Rival, ...]:
    """Fit on the cleaned rows: majority, nearest neighbours, TF-IDF and frozen features with logistic regression.

    - labels: int (rows,). features: encoder's name -> (rows, d) and (eval rows, d); the first is searched for
      neighbours, and each gets a logistic regression.
    """
    chosen = np.random.default_rng(0).permutation(len(texts))[:MAX_ROWS]
    y = labels[chosen]
    words = [texts[i] for i in chosen]
    frozen = {_frozen(name, features): (own[chosen], other) for name, (own, other) in features.items()}
    first = next(iter(frozen.values()))
    fits: dict[str, Any] = {
        "majority": lambda: np.full(len(eval_texts), np.bincount(y).argmax()),
        "nearest neighbours": lambda: KNeighborsClassifier(min(NEIGHBOURS, len(y))).fit(first[0], y).predict(first[1]),
    }
    if len(set(y.tolist())) > 1:
        if any(any(c.isalnum() for c in text) for text in words):
            fits["TF-IDF and logistic regression"] = lambda: _tfidf(words, y, eval_texts)
        for name, (own, other) in frozen.items():
            fits[name] = lambda own=own, other=other: _logistic(own, y, other)
    sides = [side for pair in frozen.values() for side in pair]
    key = key_of({"kind": "rivals", "texts": [words, *eval_texts], "frozen": list(frozen)}, y, *sides)
    found = store.load(key, list(fits))
    if found is None:
        with warnings.catch_warnings():
            # Few rows for many labels: the figures tell, and a terminal is no place for a library's advice.
            warnings.filterwarnings("ignore", "The number of unique classes is greater", UserWarning)
            found = {name: np.asarray(fit(), dtype=np.int64) for name, fit in fits.items()}
        store.save(key, found)
    return tuple(Rival(name, found[name], name in frozen) for name in fits)


def _frozen(name: str, features: Mapping[str, Features]) -> str:
    return FROZEN if len(features) == 1 else f"{FROZEN} ({name})"


def _tfidf(words: Sequence[str], y: IntArray, eval_texts: Sequence[str]) -> Any:
    # Characters, not words, so that text without spaces has features too.
    tfidf = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, max_features=20_000)
    return _logistic(tfidf.fit_transform(words), y, tfidf.transform(eval_texts))


def _logistic(X: Any, y: IntArray, X_eval: Any) -> Any:
    model = LogisticRegression(C=INVERSE_PENALTY, tol=TOLERANCE, max_iter=ITERATIONS)
    return model.fit(X, y).predict(X_eval)


def compared(
    found: Sequence[Rival], truth: IntArray, classes: int, resamples: Resamples, clean: FloatArray
) -> tuple[dict[str, Any], ...]:
    """The rivals' figures, and their accuracy minus that of the models of the cleaned file.

    Both learn from the same rows, so that the luck of which rows are there is no part of the interval.

    - clean: (seeds, 1 + resamples), accuracy of the clean arms.
    """
    of_seeds = float(np.var(clean[:, 0], ddof=1)) / len(clean) if len(clean) > 1 else 0.0
    table = []
    for rival in found:
        figures = resamples.metrics(rival.predicted, truth, classes)
        gain = figures["accuracy"] - clean.mean(axis=0)
        table.append(
            {
                "name": rival.name,
                "accuracy": float(figures["accuracy"][0]),
                "macro_f1": float(figures["macro_f1"][0]),
                "frozen": rival.frozen,
                "difference": asdict(interval_of(float(gain[0]), float(np.var(gain[1:])) + of_seeds)),
            }
        )
    return tuple(table)


def conclusion(table: Sequence[Mapping[str, Any]], objective: Objective | None, *, fine_tuned: bool) -> str:
    """Is fine-tuning needed? One sentence.

    Without `--model` the model of a run is a head over frozen features, so that features of this kind are no rival to
    it, and nothing is known of a larger model.
    """
    others = [rival for rival in table if fine_tuned or not rival["frozen"]]
    if objective and objective.metric in ("accuracy", "macro_f1"):
        enough = [rival for rival in others if objective.reached(rival[objective.metric])]
        if enough:
            return f"You do not need fine-tuning for this: {enough[0]['name']} meets the objective."
    best = max(others, key=lambda rival: float(rival["accuracy"]))
    name, gain = best["name"], Interval(**best["difference"])
    shown = signed("accuracy", gain)
    if gain.estimate >= 0:
        how = "is better than" if gain.side > 0 else "does as well as"
        if fine_tuned:
            return f"You do not need fine-tuning for this: {name} {how} the fine-tuned model ({shown})."
        return (
            f"You may not need fine-tuning for this: {name} {how} the model of this run ({shown}); "
            "--model tries a larger one."
        )
    if gain.side < 0:
        return f"The best rival, {name}, is worse than the model of this run ({shown})."
    return f"Whether the model of this run beats {name} cannot be told from these rows ({shown})."
