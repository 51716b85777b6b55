"""Every class of faults, so many times that luck is no explanation, and how often the outcome was as designed: N of N.

    python -m benchmarks.faults [--quick] [--only 17,19] [--named WORDS] [--pieces 0-9] [--list]

A run that is killed, a disk that is full, a file of which a bit is flipped: the list is in `table.py`, each class with
what counts as designed. Everything is drawn from a fixed seed. --quick is what the tests run. Faults whose data lie
beside the checkout, or that need a compiler or root, say so where they are left out. Exit code 1 if something failed.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.faults.common import Bench, Fault, NotPossibleError, launched
from benchmarks.faults.table import FAULTS

SHOWN = 9  # problems of a class


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="at the size of the tests")
    parser.add_argument("--only", default="", metavar="N,N", help="numbers of classes")
    parser.add_argument("--named", default="", metavar="WORDS", help="classes with these words in their titles")
    parser.add_argument("--pieces", default="0-49", metavar="A-B", help="of the files that hypothesis makes")
    parser.add_argument("--list", action="store_true", help="print the classes and stop")
    given = parser.parse_args()
    wanted = {number for number in given.only.split(",") if number}
    faults = [fault for fault in FAULTS if not wanted or fault.number in wanted]
    faults = [fault for fault in faults if given.named in fault.title]
    first, _, last = given.pieces.partition("-")
    if given.list:
        print("\n".join(f"{fault.number:>3}  {fault.title}" for fault in faults))
        return 0
    with tempfile.TemporaryDirectory(prefix="faults-") as name, launched(Path(name)) as launcher:
        bench = Bench(launcher, not given.quick, range(int(first), int(last or first) + 1))
        return int(False in [told(fault, bench) for fault in faults])


def told(fault: Fault, bench: Bench) -> bool:
    """Run one class and print its line."""
    began, used = time.monotonic(), bench.launcher.cpu
    try:
        trials = list(fault.trials(bench))
    except NotPossibleError as missing:
        print(f"{fault.number:>3}  {fault.title:<58} left out: {missing}", flush=True)
        return True
    good = sum(not trial.problem for trial in trials)
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in Counter(trial.kind for trial in trials).most_common())
    share = f"{good:,} of {len(trials):,}"
    cost = f"{time.monotonic() - began:6.1f} s {bench.launcher.cpu - used:6.1f} cpu s"
    print(f"{fault.number:>3}  {fault.title:<58} {share:>20} {cost}  {kinds}", flush=True)
    for problem, count in Counter(trial.problem for trial in trials if trial.problem).most_common(SHOWN):
        print(f"     {count} x {problem}", flush=True)
    return bool(trials) and good == len(trials)


if __name__ == "__main__":
    sys.exit(main())
