"""Speed of the search for near duplicates, against other tools, on the same rows in the same run.

    python benchmarks/dedup/speed.py --data DIR [--envs DIR] [--repeat 3] [--only search|check] [--peers NAME ...]

Each peer is installed, pinned, into a virtual environment of its own under --envs on first use; what cannot be
installed or fails is named with its reason. Every run is a fresh process. CPU seconds are user and system seconds of
that process and of all that it started; the smallest of the repeated runs counts. "search" leaves out start, imports
(of compiled kernels too) and reading; tools that run as one command show none. "times": over datalint's default engine.

Speed says nothing without what it buys: per cent of the copies found (one of the two rows goes) of those with 20
words or more, by the share of words that were edited, and apart from them where an edit added, changed or removed a
number, for whether such a row is a copy is a matter of definition (see quality.py); other rows dropped, and of these
the ones that share less than .7 of their words with any other row: nobody can call those duplicates.

Left out: semhash, which compares meanings by a model that it downloads.
"""

import argparse
import json
import re
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import Truth, planted, planted_chat, table
from environments import PEERS, SCRIPTS, Peer
from processes import UnavailableError, measured

COST = ("tool", "search, CPU s", "times", "process, CPU s", "times", "peak MiB")
COPIES = ("5 %", "10 %", "15 %", "number changed")
OTHERS = ("others dropped", "alike to none")

Line = tuple[str, Callable[[], list[str]], Callable[[], list[int]] | None]
"""Name in the table, what makes the command, and what tells the dropped rows if the command does not."""


@dataclass(frozen=True)
class Run:
    """What a line of the table is made of."""

    process: float  # CPU seconds
    search: float | None  # CPU seconds without start, imports and reading
    peak: float  # MiB
    dropped: list[int]


def best(command: Sequence[str], repeat: int, flagged: Callable[[], list[int]] | None) -> Run:
    """The smallest figures of some runs of a command, which reports itself unless `flagged` tells what it dropped."""
    runs = [measured(command) for _ in range(repeat)]
    said: list[dict[str, Any]] = [] if flagged else [json.loads(printed.splitlines()[-1]) for *_, printed in runs]
    return Run(
        min(process for process, _, _ in runs),
        min((one["search"] for one in said if one["search"] is not None), default=None),
        min(peak for _, peak, _ in runs),
        flagged() if flagged else said[0]["dropped"],
    )


def findings(command: Sequence[str]) -> list[int]:
    """Rows with a finding of DUP001 or DUP002: another run of `datalint check`, not measured."""
    printed = measured([*command, "--output-format", "jsonl"])[2]
    return [json.loads(line)["row"] for line in printed.splitlines()]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


@dataclass(frozen=True)
class Judge:
    """Tells what the dropped rows are worth: n rows as word sets, an inverted index over them, the planted copies."""

    rows: np.ndarray  # row of each posting, postings of one word side by side
    start: np.ndarray  # shape (words + 1,)
    sets: list[np.ndarray]
    lengths: list[int]  # running words of each row
    numbers: list[frozenset[str]]  # words with a digit of each row
    sizes: np.ndarray  # distinct words of each row
    truth: Truth
    known: dict[int, float] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: Iterable[str], truth: Truth) -> "Judge":
        number: dict[str, int] = {}
        sets, lengths, numbers = [], [], []
        for text in texts:
            found = words(text)
            lengths.append(len(found))
            numbers.append(frozenset(word for word in found if re.search(r"\d", word)))
            sets.append(np.array([number.setdefault(word, len(number)) for word in dict.fromkeys(found)], np.int64))
        sizes = np.array([len(one) for one in sets])
        word, row = np.concatenate(sets), np.repeat(np.arange(len(sets)), sizes)
        order = np.argsort(word, kind="stable")
        start = np.searchsorted(word[order], np.arange(len(number) + 1))
        return cls(row[order], start, sets, lengths, numbers, sizes, truth)

    def alike(self, row: int) -> float:
        """The largest Jaccard of word sets between the row and any other one."""
        if row not in self.known:
            own = self.sets[row]
            spans = [np.zeros(0, np.int64), *(self.rows[self.start[word] : self.start[word + 1]] for word in own)]
            shared = np.bincount(np.concatenate(spans), minlength=len(self.sets))
            similarity = shared / np.maximum(self.sizes + len(own) - shared, 1)
            similarity[row] = 0
            self.known[row] = float(similarity.max())
        return self.known[row]

    def cells(self, dropped: list[int]) -> list[str]:
        """Copies found of each class, other rows dropped, those of them that resemble nothing."""
        gone = set(dropped)
        copies = {row for _, one, other in self.truth for row in (one, other)}
        found: dict[str, list[bool]] = {name: [] for name in COPIES}
        for kind, one, other in self.truth:
            if kind != "0 %" and min(self.lengths[one], self.lengths[other]) >= 20:
                same = self.numbers[one] == self.numbers[other]
                found[kind if same else "number changed"].append(one in gone or other in gone)
        others = gone - copies
        shares = [f"{100 * sum(hits) / len(hits):.1f}" for hits in found.values()]
        return [*shares, str(len(others)), str(sum(self.alike(row) < 0.7 for row in others))]


def report(lines: Sequence[Line], judge: Judge, repeat: int) -> None:
    """Run each line and print the table, then the lines that did not run and why."""
    done: dict[str, Run] = {}
    missing: list[str] = []
    for name, command, flagged in lines:
        print(f"running {name}", file=sys.stderr, flush=True)
        try:
            done[name] = best(command(), repeat, flagged)
        except UnavailableError as error:
            missing.append(f"{name}: {error}")
    ours = done[lines[0][0]]
    rows = []
    for name, run in done.items():
        search, times = "-", "-"
        if run.search is not None and ours.search is not None:
            search, times = f"{run.search:.2f}", f"{run.search / ours.search:.1f}"
        process = [f"{run.process:.2f}", f"{run.process / ours.process:.1f}", f"{run.peak:.0f}"]
        rows.append([name, search, times, *process, *judge.cells(run.dropped)])
    table((*COST, *COPIES, *OTHERS), rows)
    for reason in missing:
        print(f"did not run: {reason}")
    print(flush=True)


def write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def of_peers(peers: Sequence[Peer], path: Path, environments: Path) -> list[Line]:
    return [(peer.name, partial(peer.command, environments, path), None) for peer in peers]


def search(options: argparse.Namespace, folder: Path, peers: Sequence[Peer]) -> None:
    texts, truth = planted(options.data, options.rows)
    path = folder / "rows.jsonl"
    write(path, ({"id": row, "text": text} for row, text in enumerate(texts)))
    print(f"Search: {len(texts):,} rows of text, {path.stat().st_size / 1e6:.1f} MB, a third planted copies\n")
    script = [sys.executable, str(SCRIPTS / "datalint_search.py"), str(path)]
    lines: list[Line] = [("datalint", lambda: [*script, "numpy"], None)]
    lines.append(("datalint, compiled kernels", lambda: [*script, "compiled"], None))
    report([*lines, *of_peers(peers, path, options.envs)], Judge.of(texts, truth), options.repeat)


def check(options: argparse.Namespace, folder: Path, peers: Sequence[Peer]) -> None:
    rows, truth = planted_chat(options.data, options.chat_rows)
    texts = ["\n".join(turn["content"] for turn in row["messages"]) for row in rows]
    chat, flat = folder / "chat.jsonl", folder / "flat.jsonl"
    write(chat, rows)
    write(flat, ({"id": row, "text": text} for row, text in enumerate(texts)))
    print(f"Whole process: {len(rows):,} chat rows, {chat.stat().st_size / 1e6:.1f} MB, a third planted copies\n")
    # Without numba the default engine runs; a module that is None counts as not installed.
    start = "import sys; from datalint.cli import main; "
    programs = {
        "datalint check": start + "sys.modules['numba'] = None; sys.exit(main())",
        "datalint check, compiled kernels": start
        + "import importlib.util as u; u.find_spec('numba') or sys.exit('numba is not installed'); sys.exit(main())",
    }
    options_of_check = [str(chat), "--select", "DUP", "--no-progress", "--isolated", "--exit-zero"]
    lines: list[Line] = []
    for name, program in programs.items():
        command = [sys.executable, "-c", program, "check", *options_of_check]
        lines.append((name, partial(list, command), partial(findings, command)))
    for peer in peers:
        # Commands that take a column of text get one that is made ready for them.
        lines += of_peers([peer], flat if peer.flat else chat, options.envs)
    report(lines, Judge.of(texts, truth), options.repeat)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--envs", type=Path, default=Path(tempfile.gettempdir()) / "datalint-bench-envs")
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--chat-rows", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", choices=("search", "check"))
    parser.add_argument("--peers", nargs="*", help="environments to run, all but datatrove by default")
    options = parser.parse_args()
    peers = [
        peer for peer in PEERS if (not peer.optional if options.peers is None else peer.environment in options.peers)
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, part in (("search", search), ("check", check)):
            if options.only in (None, name):
                part(options, Path(folder), peers)


if __name__ == "__main__":
    main()
