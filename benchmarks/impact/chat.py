"""Does `datalint impact` keep its promise on chat rows? False verdicts where there is nothing to find, and power.

    python benchmarks/impact/chat.py DATA [--nulls 6] [--power 1] [--only null|power] [--threads 1] [--resume DIR]

Only rows that the embedded model has never seen are used. A null trial "cleans" by dropping random rows, so that every
verdict but "no measurable difference" is false. All drops of a cell share the models: each is the cleaning once and a
placebo in the trials of the others, so that nine drops on two seeds and two raw models, 20 fits, are nine trials
instead of two. Trials of a cell are therefore not independent, and the interval of the rate is shown for cells as well
as for trials. A power trial plants faults and removes exactly those, with arms of its own, as a user's run has them.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Pair, rate, read_chat

from datalint.examples import Example, Turn
from datalint_trainer.arms import Arm, make_arms
from datalint_trainer.chat import fit_chat, prepare_chat
from datalint_trainer.chat_measures import judge
from datalint_trainer.rows import groups, pool, training_rows
from datalint_trainer.store import Store

SEEDS, PLACEBOS, DROPS = 2, 6, 9
NONE = "no measurable difference"
REFUSALS = (
    "I'm sorry, but as an AI language model I cannot help with that request.",
    "As an AI language model, I do not have personal opinions. Please let me know if you have other questions!",
    "I'm sorry, I cannot answer this. Is there anything else that I can help you with?",
)


@dataclass(frozen=True)
class Cell:
    """A file as a trial finds it.

    - faults: what is planted in the training rows. share: of the rows.
    - dropped: share of the rows that a null trial's cleaning drops.
    """

    data: str
    faults: str = "nothing"
    share: float = 0.0
    dropped: float = 0.1
    rows: int = 1_500
    eval_rows: int = 400

    @property
    def name(self) -> str:
        planted = f"{self.share:.0%} {self.faults}" if self.share else "as it is"
        return f"{self.data}, {self.rows:,} rows, {planted}"


NULLS = (
    Cell("toolformer", rows=600, eval_rows=250, dropped=0.1),
    Cell("toolformer", "swapped", 0.2, rows=600, eval_rows=250, dropped=0.2),
    Cell("code", rows=600, eval_rows=250, dropped=0.05),
    Cell("code", "duplicates", 0.2, rows=600, eval_rows=250, dropped=0.2),
    Cell("dolly", rows=600, eval_rows=250, dropped=0.3),
    Cell("gsm8k", "boilerplate", 0.1, rows=600, eval_rows=250, dropped=0.1),
)
POWER = tuple(
    Cell("code", faults, share) for share in (0.2, 0.1, 0.05) for faults in ("swapped", "boilerplate", "duplicates")
)


def plant(pairs: Sequence[Pair], faults: str, share: float, draw: np.random.Generator) -> tuple[list[Pair], list[bool]]:
    """Spoil a share of the rows; says which."""
    chosen = draw.permutation(len(pairs))[: round(share * len(pairs))].tolist()
    spoilt = list(pairs)
    for place, i in enumerate(chosen):
        prompt, answer = pairs[i]
        if faults == "swapped":
            spoilt[i] = prompt, pairs[chosen[place - 1]][1]
        elif faults == "boilerplate":
            spoilt[i] = prompt, REFUSALS[place % len(REFUSALS)]
        elif faults == "truncated":
            spoilt[i] = prompt, answer[: len(answer) // 2]
        elif faults == "duplicates":  # of few rows, twenty copies each
            spoilt[i] = pairs[(chosen[0] + 1 + place // 20) % len(pairs)]
    bad = np.isin(np.arange(len(pairs)), chosen).tolist()
    return spoilt, bad


def examples(pairs: Sequence[Pair]) -> list[Example]:
    return [
        Example(
            i,
            {},
            "chat",
            (Turn("user", prompt, False), Turn("assistant", answer, True)),
            "",
            None,
        )
        for i, (prompt, answer) in enumerate(pairs)
    ]


class Trials:
    """The files of one cell, drawn with one seed."""

    def __init__(self, folder: Path, cell: Cell, seed: int, store: Store) -> None:
        draw = np.random.default_rng(seed)
        found = read_chat(folder, cell.data)
        taken = [found[i] for i in draw.permutation(len(found))[: cell.rows + cell.eval_rows].tolist()]
        self.evaluation, training = taken[: cell.eval_rows], taken[cell.eval_rows :]
        self.raw, self.bad = plant(training, cell.faults, cell.share, draw)
        self.cell, self.draw, self.store = cell, draw, store

    def fit(self, clean: Sequence[Pair], arms_of: Any) -> tuple[Any, list[Arm], np.ndarray, np.ndarray]:
        """Pool, arms, row scores (arms, 2, eval rows) and eval groups."""
        files = {"raw": self.raw, "clean": clean, "eval": self.evaluation}
        prepared = prepare_chat(None, {name: training_rows(examples(rows), "chat") for name, rows in files.items()})
        rows = pool(*(prepared.rows[name] for name in files))
        arms = arms_of(rows, prepared)
        _, fits = fit_chat(rows, arms, prepared, lambda _line: None, lambda _total: lambda: None, self.store)
        group = groups([row.prompt for row in prepared.rows["eval"]])
        return rows, arms, np.stack([fit.measured.scores for fit in fits]), group

    def power(self) -> dict[str, Any]:
        """One trial."""
        clean = [pair for pair, bad in zip(self.raw, self.bad, strict=True) if not bad]
        rows, arms, scores, group = self.fit(clean, lambda rows, _: list(make_arms(rows, range(SEEDS), PLACEBOS)))
        return _record(judge(scores, arms, group, rows.brought))

    def nulls(self) -> Iterator[dict[str, Any]]:
        """DROPS trials."""
        cleaned = []
        for _ in range(DROPS):
            gone = set(self.draw.permutation(len(self.raw))[: round(self.cell.dropped * len(self.raw))].tolist())
            cleaned.append([pair for i, pair in enumerate(self.raw) if i not in gone])

        def arms_of(rows: Any, prepared: Any) -> list[Arm]:
            # No drop brings rows in, so that positions mean the same in the pools of all drops.
            arms = [arm for arm in make_arms(rows, range(SEEDS), PLACEBOS) if arm.name == "raw"]
            for pairs in cleaned:
                of_drop = pool(prepared.rows["raw"], training_rows(examples(pairs), "chat"), prepared.rows["eval"])
                arms += [arm for arm in make_arms(of_drop, range(SEEDS), PLACEBOS) if arm.name == "clean"]
            return arms

        rows, arms, scores, group = self.fit(cleaned[0], arms_of)
        place = {(drop, seed): SEEDS * (1 + drop) + seed for drop in range(DROPS) for seed in range(SEEDS)}
        for drop in range(DROPS):
            others = self.draw.permutation([other for other in range(DROPS) if other != drop]).tolist()
            placebos = [place[others[j], j % SEEDS] for j in range(PLACEBOS)]
            chosen = [*range(SEEDS), *(place[drop, seed] for seed in range(SEEDS)), *placebos]
            named = [arms[i] for i in chosen[: 2 * SEEDS]]
            named += [replace(arms[i], name=f"placebo-{j}") for j, i in enumerate(placebos)]
            yield _record(judge(scores[chosen], named, group, rows.brought))


def _record(found: Any) -> dict[str, Any]:
    bits, sensitivity = found.comparisons
    return {
        "verdict": found.word,
        "bits": [bits.clean_minus_raw.estimate, bits.clean_minus_placebo.estimate, _half(bits.clean_minus_placebo)],
        "sensitivity": [
            sensitivity.clean_minus_raw.estimate,
            sensitivity.clean_minus_placebo.estimate,
            _half(sensitivity.clean_minus_placebo),
        ],
    }


def _half(interval: Any) -> float:
    return (interval.high - interval.low) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--nulls", type=int, default=6, help="rounds of null trials over the cells, in parts of a round"
    )
    parser.add_argument("--power", type=int, default=1, help="power trials per cell")
    parser.add_argument("--only", choices=["null", "power"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", type=Path, metavar="DIR", help="keep fitted arms there; a killed run goes on")
    parser.add_argument("--json", type=Path, help="append one JSON record a trial")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    jobs = [("null", NULLS[i % len(NULLS)], i // len(NULLS)) for i in range(options.nulls)]
    jobs += [("power", cell, seed) for seed in range(options.power) for cell in POWER]
    records = []
    for kind, cell, seed in jobs:
        if options.only and kind != options.only:
            continue
        started = time.process_time()
        trials = Trials(options.folder, cell, seed, Store(options.resume))
        found = list(trials.nulls()) if kind == "null" else [trials.power()]
        spent = (time.process_time() - started) / len(found)
        for record in found:
            records.append({"kind": kind, "cell": cell.name, "seed": seed, "cpu_seconds": spent} | record)
        words = Counter(record["verdict"] for record in found)
        sys.stdout.write(f"{kind} {cell.name}, seed {seed}: {dict(words)}, {spent:.0f} CPU s a trial\n")
        sys.stdout.flush()
        if options.json:
            with options.json.open("a") as file:
                file.writelines(json.dumps(record) + "\n" for record in records[-len(found) :])
    table(records)


def table(records: Sequence[dict[str, Any]]) -> None:
    """Rates of false verdicts, then power."""
    nulls = [record for record in records if record["kind"] == "null"]
    if nulls:
        for word in ("helped", "hurt"):
            sys.stdout.write(
                f"null trials called {word}: {rate(sum(r['verdict'] == word for r in nulls), len(nulls))}\n"
            )
        cells = {(r["cell"], r["seed"]) for r in nulls}
        bad = {(r["cell"], r["seed"]) for r in nulls if r["verdict"] != NONE}
        sys.stdout.write(f"files with any false verdict: {rate(len(bad), len(cells))}\n")
    for cell in dict.fromkeys(record["cell"] for record in records if record["kind"] == "power"):
        found = [record for record in records if record["kind"] == "power" and record["cell"] == cell]
        words = Counter(record["verdict"] for record in found)
        bits, sensitivity = (np.mean([record[name] for record in found], axis=0) for name in ("bits", "sensitivity"))
        sys.stdout.write(
            f"{cell:40} helped {words['helped']} of {len(found)}, hurt {words['hurt']};"
            f" bits {bits[0]:+.4f} {bits[1]:+.4f} +- {bits[2]:.4f},"
            f" sensitivity {sensitivity[0]:+.4f} {sensitivity[1]:+.4f} +- {sensitivity[2]:.4f}\n"
        )
    sys.stdout.write(f"{sum(record['cpu_seconds'] for record in records):.0f} CPU s\n")


if __name__ == "__main__":
    main()
