"""Does `datalint impact` keep its promise? False verdicts where there is nothing to find, and power where there is.

    python benchmarks/impact/labelled.py DATA [--nulls 67] [--power 10] [--rows 2000] [--eval-rows 1000] [--json FILE]

A null trial "cleans" by dropping rows at random, so that every verdict but "no measurable difference" is false. A power
trial plants wrong labels and removes exactly those. Both deciding scores are judged on the same fitted heads. With
--json a run that was killed goes on where it was.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import Pairs, rate, read_labelled

from datalint_trainer.arms import make_arms
from datalint_trainer.features import embedded_encoder
from datalint_trainer.head import fit_heads
from datalint_trainer.outcome import of_arm, placebo_seeds
from datalint_trainer.rows import groups, labelled, pool
from datalint_trainer.score import brier_score, log_score, tempered
from datalint_trainer.verdict import compare

SCORES = {"tempered log-loss": log_score, "Brier score": brier_score}


@dataclass(frozen=True)
class Cell:
    """A data set as a trial finds it: wrong labels in the training rows, in the eval rows, and the share dropped."""

    data: str
    flipped: float = 0.0
    eval_flipped: float = 0.0
    dropped: float = 0.1

    @property
    def name(self) -> str:
        return (
            f"{self.data}, {self.flipped:.0%} wrong labels, {self.eval_flipped:.0%} in eval, {self.dropped:.0%} dropped"
        )


NULLS = (
    Cell("banking77"),
    Cell("banking77", flipped=0.1, dropped=0.2),
    Cell("sms"),
    Cell("hate"),
    Cell("clinc", dropped=0.05),
    Cell("hate", eval_flipped=0.1, dropped=0.3),
)


def flip(pairs: Pairs, share: float, draw: np.random.Generator) -> tuple[Pairs, list[bool]]:
    """Give a share of the rows any other label."""
    labels = sorted({label for _, label in pairs})
    wrong = (draw.random(len(pairs)) < share).tolist()
    others = [[other for other in labels if other != label] for label in labels]
    number = {label: i for i, label in enumerate(labels)}
    return [
        (text, others[number[label]][draw.integers(len(labels) - 1)] if bad else label)
        for (text, label), bad in zip(pairs, wrong, strict=True)
    ], wrong


class Trials:
    """Runs trials on one data set; texts are encoded once."""

    def __init__(self, folder: Path, data: str, rows: int, eval_rows: int) -> None:
        self.train, self.test = read_labelled(folder, data)
        self.rows, self.eval_rows = rows, eval_rows
        texts = sorted({text for text, _ in (*self.train, *self.test)})
        self.place = {text: i for i, text in enumerate(texts)}
        self.features = embedded_encoder().encode(texts)

    def run(self, cell: Cell, seed: int, *, null: bool) -> dict[str, tuple[str, float, float]]:
        """By score: verdict, clean minus raw, clean minus placebo."""
        draw = np.random.default_rng((seed, int(null)))
        train = [self.train[i] for i in draw.permutation(len(self.train))[: self.rows]]
        test = [self.test[i] for i in draw.permutation(len(self.test))[: self.eval_rows]]
        raw, wrong = flip(train, cell.flipped, draw)
        evaluation, _ = flip(test, cell.eval_flipped, draw)
        gone = set(draw.permutation(len(raw))[: int(cell.dropped * len(raw))].tolist())
        clean = [pair for i, pair in enumerate(raw) if (i not in gone if null else not wrong[i])]

        rows = pool(*([labelled(*pair) for pair in pairs] for pairs in (raw, clean, evaluation)))
        arms = make_arms(rows, range(3), 9)
        names = sorted({label for _, label in (*raw, *evaluation)})
        labels = np.array([names.index(row.answer) for row in rows.rows])
        truth = np.array([names.index(label) for _, label in evaluation])
        features = self.features[[self.place[row.prompt] for row in rows.rows]]
        eval_features = self.features[[self.place[text] for text, _ in evaluation]]
        fits = fit_heads(rows, arms, features, labels, eval_features, len(names))

        group = groups([text for text, _ in evaluation])
        probabilities = [tempered(fit.logits, truth, group % 2 == 1) for fit in fits]
        found = {}
        for name, score in SCORES.items():
            values = np.stack([score(probability, truth) for probability in probabilities])
            compared = compare(
                *(of_arm(values, arms, arm) for arm in ("raw", "clean", "placebo")),
                placebo_seeds(arms),
                group,
                rows.brought,
            )
            raw_side, other = compared.clean_minus_raw, compared.clean_minus_placebo
            found[name] = (compared.word, raw_side.estimate, other.estimate)
        return found


def trials(options: argparse.Namespace, done: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Run those that are not done; one record a trial and score."""
    planted = [Cell(data, share) for data in ("banking77", "sms", "hate") for share in (0.05, 0.1, 0.2)]
    jobs = [(True, cell, seed) for seed in range(options.nulls) for cell in NULLS]
    jobs += [(False, cell, seed) for seed in range(options.power) for cell in planted]
    known = {(record["null"], record["cell"], record["seed"]) for record in done}
    left = [(null, cell, seed) for null, cell, seed in jobs if (null, cell.name, seed) not in known]
    by_data: dict[str, Trials] = {}
    for null, cell, seed in left:
        if cell.data not in by_data:
            by_data[cell.data] = Trials(options.folder, cell.data, options.rows, options.eval_rows)
        started = time.process_time()
        found = by_data[cell.data].run(cell, seed, null=null)
        spent = (time.process_time() - started) / len(found)
        for score, (word, raw, placebo) in found.items():
            yield {"null": null, "cell": cell.name, "seed": seed, "score": score, "verdict": word,
                   "clean_minus_raw": raw, "clean_minus_placebo": placebo, "cpu_seconds": spent}  # fmt: skip


def table(records: Sequence[dict[str, Any]]) -> None:
    """Verdicts by cell, and the rates of false ones."""
    for null, title in (
        (True, "null trials: verdicts, all false but the last"),
        (False, "power: planted labels removed"),
    ):
        sys.stdout.write(f"\n{title}\n")
        for score in SCORES:
            chosen = [r for r in records if r["null"] == null and r["score"] == score]
            for cell in (*dict.fromkeys(r["cell"] for r in chosen), "all"):
                words = Counter(r["verdict"] for r in chosen if cell in (r["cell"], "all"))
                counts = ", ".join(f"{w} {words[w]}" for w in ("helped", "hurt", "no measurable difference"))
                # What a power trial drops are the planted labels, not the share in the cell's name.
                shown = cell if null else cell.split(", 0% in eval")[0]
                sys.stdout.write(f"  {score:18} {shown:66} {counts}\n")
            for kind, words in (("helped", ("helped",)), ("helped or hurt", ("helped", "hurt"))):
                if null and chosen:
                    said = sum(r["verdict"] in words for r in chosen)
                    sys.stdout.write(f"  {score:18} called {kind}: {rate(said, len(chosen))}\n")
    sys.stdout.write(f"\n{sum(record['cpu_seconds'] for record in records):.0f} CPU s\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nulls", type=int, default=67, help="null trials per cell")
    parser.add_argument("--power", type=int, default=10, help="power trials per cell")
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--eval-rows", type=int, default=1_000)
    parser.add_argument("--json", type=Path, help="add a JSON record for each trial and score; those in it are done")
    options = parser.parse_args()

    kept = options.json.read_text().splitlines() if options.json and options.json.exists() else []
    records = [json.loads(line) for line in kept]
    waiting: list[dict[str, Any]] = []
    for record in trials(options, list(records)):
        waiting.append(record)
        if len(waiting) == len(SCORES):  # a trial is there as a whole or not at all
            records += waiting
            if options.json:
                with options.json.open("a") as file:
                    file.write("".join(json.dumps(one) + "\n" for one in waiting))
            waiting = []
    table(records)


if __name__ == "__main__":
    main()
