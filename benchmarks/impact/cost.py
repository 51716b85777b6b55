"""What a verdict costs: CPU seconds of `datalint impact` on 5,000 training and 1,000 evaluation rows.

    python benchmarks/impact/cost.py DATA [--rows 5000] [--eval-rows 1000] [--only labelled|chat]

Labelled rows of banking77, as a first run and repeated; two rules are measured one by one, and the learning curve is
part of it. Chat rows of GPTeacher and dolly. Both have 5 % copies and 2 % empty rows, which `datalint clean` takes.
Start of Python included.
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
from common import Pairs, read_chat, read_labelled

CHAT = ("code", "role", "toolformer", "dolly")


def spent(args: Sequence[str]) -> float:
    """CPU seconds (user and system) of a run of datalint."""
    before = os.times()
    done = subprocess.run([sys.executable, "-m", "datalint", *args], capture_output=True, text=True, check=False)
    after = os.times()
    if done.returncode:
        raise SystemExit(f"datalint {' '.join(args)}: {done.stderr}")
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def measure(name: str, train: Pairs, test: Pairs, columns: tuple[str, str], runs: int) -> None:
    """Spoil, clean and compare; print what each run took."""

    def write(path: Path, pairs: Pairs) -> str:
        path.write_text("".join(json.dumps(dict(zip(columns, pair, strict=True))) + "\n" for pair in pairs))
        return str(path)

    rows = list(train)
    copies, empty = len(rows) // 20, len(rows) // 50
    rows[-copies:] = rows[:copies]
    rows[copies : copies + empty] = [("", said) for _, said in rows[copies : copies + empty]]
    with tempfile.TemporaryDirectory(prefix="datalint-impact-") as at:
        folder = Path(at)
        raw, evaluation = write(folder / "raw.jsonl", rows), write(folder / "eval.jsonl", test)
        cleaning = spent(["clean", raw, "--out", str(folder / "clean"), "--isolated", "--unsafe-fixes", "-q"])
        args = ["impact", raw, str(folder / "clean"), "--eval", evaluation, "--isolated", "--resume", f"{folder}/kept"]
        first, *again = (spent(args) for _ in range(runs))
        repeated = "".join(f", the same again {seconds:.0f}" for seconds in again)
        sizes = f"{len(rows):,} training and {len(test):,} evaluation rows"
        print(f"{name}, {sizes}, CPU s: clean {cleaning:.1f}, impact {first:.0f}{repeated}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--eval-rows", type=int, default=1_000)
    parser.add_argument("--only", choices=["labelled", "chat"])
    options = parser.parse_args()
    draw = np.random.default_rng(0)

    def some(pairs: Pairs) -> Pairs:
        return [pairs[i] for i in draw.permutation(len(pairs))]

    if options.only != "chat":
        train, test = map(some, read_labelled(options.folder, "banking77"))
        measure("labelled", train[: options.rows], test[: options.eval_rows], ("text", "label"), 2)
    if options.only != "labelled":
        rows = some([pair for data in CHAT for pair in read_chat(options.folder, data)])
        test, train = rows[: options.eval_rows], rows[options.eval_rows :]
        measure("chat", train[: options.rows], test, ("prompt", "completion"), 1)


if __name__ == "__main__":
    main()
