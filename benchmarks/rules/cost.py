"""What checking costs: CPU seconds of reading, of the views, of each rule, and of the whole process.

    python benchmarks/rules/cost.py --data DIR [--files chat alpaca textlabel] [--whole 50000] [--profile CODE ...]

Views are built before the rules are timed, so that a rule's line holds its own work only; what several rules share
(`texts_with`: one search for all their literals) has a line of its own. "Base" is reading and canonicalising: blocks,
shapes, turns, texts. The whole process checks 50,000 chat rows: five copies of messy/chat, in which every word of four
copies is another one of about the same frequency, so that copies are no duplicates of each other.
"""

import argparse
import cProfile
import gc
import os
import pstats
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from common import table, unpacked

from datalint.chunk import Chunk
from datalint.config import load
from datalint.engine.mapping import as_findings
from datalint.engine.meet import Gathered
from datalint.engine.plan import Plan
from datalint.engine.reading import Lines, ReadFile
from datalint.rule import Rule
from datalint.run import prepare
from datalint.source import Block, open_source
from datalint.source.gather import gather
from datalint.spool import Scratch, half_of_memory

BASE = ("blocks", "shapes", "turn_lists", "turns", "texts")
SHARED = ("_hits", "rows", "faults", "dialogues", "held", "keys", "packed")
"""Views that rules share beyond the base; `_hits` is the search for the literals of all rules."""
COPIES = 5


class Clock:
    """CPU seconds of this process by name, all threads."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.seconds[name] += time.process_time() - began


def views_of(path: Path) -> list[str]:
    """The views that the rules of a run over the file ask for, in the order of building. Loads what rules import."""
    plan = default_plan(path)
    block = next(gather(open_source(path, name=path.name).blocks()))
    chunk = _chunk(plan, block)
    for rule in plan.ready[0]:
        rule.map(chunk)
    return [view for view in (*BASE[1:], *SHARED) if view in vars(chunk)]


def _chunk(plan: Plan, block: Block) -> Chunk:
    job = plan.jobs[0]
    literals = frozenset(literal.lower() for rule in plan.ready[0] for literal in rule.literals)
    return Chunk(job.file, block, job.columns, job.format, job.target, job.large, literals)


def costs(path: Path, watched: Sequence[str] = ()) -> tuple[Clock, Clock, dict[str, int]]:
    """CPU seconds over one file by view and rule; of rules that look further, what meeting took; findings by rule.

    `watched` rules are profiled, not timed.
    """
    mapped, met, found = Clock(), Clock(), Counter[str]()
    profiles = {code: cProfile.Profile() for code in watched}
    views, plan = views_of(path), default_plan(path)
    (job,), rules, count = plan.jobs, plan.ready[0], 0
    gc.disable()  # as a run does
    with Scratch(half_of_memory()) as scratch:
        gathered = Gathered(rules, scratch)
        blocks = gather(open_source(job.file.path, name=job.file.name).blocks())
        while (block := _next(blocks, mapped)) is not None:
            chunk = _chunk(plan, block)
            count += len(chunk)
            for view in views:
                with mapped.of(view):
                    getattr(chunk, view)
            for rule in rules:
                frame = _mapped(rule, chunk, mapped, profiles.get(rule.code))
                if not frame.height:
                    continue
                row = pl.col("row").cast(pl.Int64) + block.first_row
                placed = frame.with_columns(file=pl.lit(0, pl.UInt32), row=row)
                if rule.gathers:
                    gathered.add(rule, job.file, placed)
                else:
                    found[rule.code] += as_findings(placed, rule).height
        read = ReadFile(job.file, "", "", count, 0, Counter(), {}, 0, "", Lines(), [])
        for rule in rules:
            if rule.gathers:
                with met.of(rule.code):
                    found[rule.code] += gathered.meet(rule, [read]).height
    gc.enable()
    for code, profile in profiles.items():
        sys.stdout.write(f"{code}\n")
        pstats.Stats(profile).sort_stats("tottime").print_stats(12)
    return mapped, met, found


def _next(blocks: Iterator[Block], clock: Clock) -> Block | None:
    with clock.of("blocks"):
        return next(blocks, None)


def _mapped(rule: Rule, chunk: Chunk, clock: Clock, profile: cProfile.Profile | None) -> pl.DataFrame:
    if profile is not None:
        return profile.runcall(rule.map, chunk)
    with clock.of(rule.code):
        return rule.map(chunk)


def default_plan(path: Path) -> Plan:
    """A run of the default rules over one file."""
    return prepare([path], load(isolated=True)).plan


def shown(mapped: Clock, met: Clock, found: dict[str, int]) -> str:
    """Views in their order, then rules, the most expensive first, as shares of the base."""
    both = mapped.seconds + met.seconds
    base = sum(both[name] for name in BASE)
    views = [name for name in (*BASE, *SHARED) if name in mapped.seconds]
    rules = sorted(both.keys() - set(views), key=lambda name: -both[name])
    names = {"_hits": "texts_with (all literals)"}
    lines: list[list[object]] = [
        ["view", names.get(name, name), *_cells(name, mapped, met, base), ""] for name in views
    ]
    lines += [["rule", name, *_cells(name, mapped, met, base), found.get(name, 0)] for name in rules]
    total = sum(both.values())
    alone = sum(both[name] for name in rules)
    end = (
        f"base {base:.2f} s, shared views {total - base - alone:.2f} s, rules {alone:.2f} s, "
        f"all {total:.2f} s: {total / base:.1f} times the base (goal: 3)"
    )
    return table(["", "what", "map, CPU s", "meet, CPU s", "of the base", "findings"], lines) + "\n" + end


def _cells(name: str, mapped: Clock, met: Clock, base: float) -> list[str]:
    meeting = f"{met.seconds[name]:.3f}" if name in met.seconds else ""
    share = 100 * (mapped.seconds[name] + met.seconds[name]) / base
    return [f"{mapped.seconds[name]:.3f}", meeting, f"{share:.0f} %"]


def distinct(data: Path, rows: int) -> bytes:
    """`rows` lines of messy/chat; in the second copy and on every word is another of about the same frequency."""
    lines = unpacked(data / "messy/chat.jsonl.gz").split(b"\n")[:-1]
    word = re.compile(rb"(?<= )[A-Za-z]{2,}(?=[ .,?!])")
    ranked = [text for text, _ in Counter(word.findall(b"\n".join(lines))).most_common()]
    ranked = ranked[: len(ranked) // COPIES * COPIES]
    made: list[bytes] = []
    for copy in range(-(-rows // len(lines))):
        other = {text: ranked[at - at % COPIES + (at % COPIES + copy) % COPIES] for at, text in enumerate(ranked)}
        made += (word.sub(lambda match, other=other: other.get(match[0], match[0]), line) for line in lines)
    return b"\n".join(made[:rows]) + b"\n"


def whole(path: Path) -> float:
    """CPU seconds of `datalint check`, as a user runs it."""
    before = os.times()
    command = [sys.executable, "-m", "datalint", "check", str(path), "--isolated", "--no-progress", "--exit-zero"]
    done = subprocess.run([*command, "--statistics"], capture_output=True, text=True, check=True)
    after = os.times()
    sys.stdout.write(done.stdout)
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--files", nargs="*", default=["chat", "alpaca", "textlabel"], help="of messy/")
    parser.add_argument("--whole", type=int, default=50_000, help="chat rows of the whole process; 0: leave it out")
    parser.add_argument("--profile", nargs="+", default=[], metavar="CODE", help="profile the maps of these rules")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="datalint-") as folder:
        for name in options.files:
            path = Path(folder) / f"{name}.jsonl"
            path.write_bytes(unpacked(options.data / f"messy/{name}.jsonl.gz"))
            sys.stdout.write(f"\nmessy/{name}\n\n{shown(*costs(path, options.profile))}\n")
        if options.whole:
            path = Path(folder) / "many.jsonl"
            path.write_bytes(distinct(options.data, options.whole))
            seconds = whole(path)
            size = path.stat().st_size / 1e6
            sys.stdout.write(f"\n{options.whole:,} chat rows, {size:.0f} MB: {seconds:.2f} CPU s in all\n")


if __name__ == "__main__":
    main()
