"""Rivals that need no training to speak of: if one of them wins, fine-tuning is not what the task needs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score, f1_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

NEIGHBOURS = 5
MAX_ROWS = 5_000  # more change the rivals' figures little and their cost much


def baselines(
    texts: Sequence[str],
    features: npt.NDArray[np.float32],
    labels: Sequence[str],
    eval_texts: Sequence[str],
    eval_features: npt.NDArray[np.float32],
    truth: Sequence[str],
) -> tuple[dict[str, Any], ...]:
    """Fit on the cleaned rows, score the eval rows: majority, nearest neighbours, TF-IDF with a linear SVM.

    `features` are (rows, d), `eval_features` (eval rows, d).
    """
    chosen = np.random.default_rng(0).permutation(len(texts))[:MAX_ROWS]
    X, y = features[chosen], [labels[i] for i in chosen]
    words, eval_words = [texts[i] for i in chosen], list(eval_texts)
    predictions = {
        "majority": DummyClassifier(strategy="most_frequent").fit(X, y).predict(eval_features),
        "nearest neighbours": KNeighborsClassifier(min(NEIGHBOURS, len(y))).fit(X, y).predict(eval_features),
    }
    if len(set(y)) > 1 and any(any(c.isalnum() for c in text) for text in words):
        # Characters, not words, so that text without spaces has features too.
        tfidf = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, max_features=20_000)
        pipeline = make_pipeline(tfidf, LinearSVC(random_state=0))
        predictions["TF-IDF and linear SVM"] = pipeline.fit(words, y).predict(eval_words)
    present = sorted(set(truth))
    return tuple(
        {
            "name": name,
            "accuracy": float(accuracy_score(truth, predicted)),
            "macro_f1": float(f1_score(truth, predicted, labels=present, average="macro", zero_division=0)),
        }
        for name, predicted in predictions.items()
    )
