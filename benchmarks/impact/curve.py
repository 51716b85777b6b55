"""Is `datalint impact` right about more data? Its forecast from N rows, held against models of 2 N rows.

python benchmarks/impact/curve.py DATA [--trials 5]
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from common import read_labelled

from datalint_trainer.arms import make_arms, share_arms
from datalint_trainer.features import embedded_encoder
from datalint_trainer.head import fit_heads
from datalint_trainer.judge import Judge
from datalint_trainer.learning import learning_curve
from datalint_trainer.rows import groups, labelled, pool
from datalint_trainer.score import Resamples

ROWS = {"banking77": 2_000, "clinc": 3_000, "hate": 2_000, "sms": 1_000}
EVAL_ROWS = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=5)
    options = parser.parse_args()
    encoder = embedded_encoder()
    for data, size in ROWS.items():
        train, test = read_labelled(options.folder, data)
        told, misses, gains = 0, [], []
        for seed in range(options.trials):
            draw = np.random.default_rng(seed)
            rows = [labelled(*train[i]) for i in draw.permutation(len(train))[: 2 * size]]
            evaluation = [labelled(*test[i]) for i in draw.permutation(len(test))[:EVAL_ROWS]]
            names = sorted({row.answer for row in (*rows, *evaluation)})
            truth = np.array([names.index(row.answer) for row in evaluation])
            # What stands for the clean file here is the first half of the rows; "raw" is all of them.
            both = pool(rows, rows[:size], evaluation)
            arms, parts = make_arms(both, range(3), 0), share_arms(both, range(3), 9)
            labels = np.array([names.index(row.answer) for row in both.rows])
            features = [encoder.encode([row.prompt for row in some]) for some in (both.rows, evaluation)]
            fits = fit_heads(both, [*arms, *parts], features[0], labels, features[1], len(names))
            group = groups([row.prompt for row in evaluation])
            accuracy = Judge(truth, group, Resamples.draw(group), "noisy").accuracy(fits)
            found = learning_curve(parts, accuracy[6:], accuracy[3:6], size)
            gains.append(100 * float(accuracy[:3, 0].mean() - accuracy[3:6, 0].mean()))
            told += found.more_data_helps
            if found.forecast is not None:
                misses.append(abs(100 * found.forecast - gains[-1]))
        missed = f"; forecast missed by {np.mean(misses):.1f} points, at most {max(misses):.1f}" if misses else ""
        sys.stdout.write(
            f'{data}, {size:,} rows: "more data would help" in {told} of {options.trials}, doubling added '
            f"{np.mean(gains):.1f} points ({min(gains):.1f} to {max(gains):.1f}){missed}\n"
        )


if __name__ == "__main__":
    main()
