"""What a verdict costs: CPU seconds of `datalint impact` on labelled rows, as a first run and repeated.

    python benchmarks/impact/cost.py DATA [--rows 5000] [--eval-rows 1000]

Banking77 with 5 % copies and 2 % empty texts, cleaned by `datalint clean`, so that two rules are measured one by one;
the learning curve is part of it. Start of Python included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from common import Pairs, read_labelled


def spent(args: Sequence[str]) -> float:
    """CPU seconds (user and system) of a run of datalint."""
    before = os.times()
    done = subprocess.run([sys.executable, "-m", "datalint", *args], capture_output=True, text=True, check=False)
    after = os.times()
    if done.returncode:
        raise SystemExit(f"datalint {' '.join(args)}: {done.stderr}")
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def write(path: Path, pairs: Pairs) -> str:
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in pairs))
    return str(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--eval-rows", type=int, default=1_000)
    options = parser.parse_args()
    train, test = read_labelled(options.folder, "banking77")
    draw = np.random.default_rng(0)
    rows = [train[i] for i in draw.permutation(len(train))[: options.rows]]
    copies, empty = options.rows // 20, options.rows // 50
    rows[-copies:] = rows[:copies]
    rows[copies : copies + empty] = [("", label) for _, label in rows[copies : copies + empty]]
    held_out = [test[i] for i in draw.permutation(len(test))[: options.eval_rows]]
    with tempfile.TemporaryDirectory(prefix="datalint-impact-") as name:
        folder = Path(name)
        raw, evaluation = write(folder / "raw.jsonl", rows), write(folder / "eval.jsonl", held_out)
        cleaning = spent(["clean", raw, "--out", str(folder / "clean"), "--isolated", "--unsafe-fixes", "-q"])
        args = ["impact", raw, str(folder / "clean"), "--eval", evaluation, "--isolated", "--resume", f"{folder}/kept"]
        print(f"{len(rows):,} training and {len(held_out):,} evaluation rows, CPU seconds:", flush=True)
        print(f"clean {cleaning:.1f}, impact {spent(args):.1f}, the same again {spent(args):.1f}")


if __name__ == "__main__":
    main()
