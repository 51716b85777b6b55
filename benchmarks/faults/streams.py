"""Symbolic links, standard streams that end early, and helpers that are killed."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults.common import SEED, Bench, Done, Trial, contents, lines
from benchmarks.faults.ending import CLEAN, rows

BAD = b"{'prompt': 1}\n"


def symbolic_links(bench: Bench) -> Iterator[Trial]:
    """What a link points to is never written through the name of an output, and never emptied."""
    for kind, args, link in _LINKS:
        with bench.folder() as folder:
            precious = folder / "precious"
            precious.mkdir()
            (precious / "thesis.tex").write_text("years of work")
            (folder / "train.jsonl").write_bytes(lines(rows(30)))
            if kind == "inside the old output":
                assert bench.run(*CLEAN, "--select", "FMT001", cwd=folder).code == 0
            target = precious / "thesis.tex" if "file" in kind else precious
            (folder / link).symlink_to(folder / "nowhere" if kind == "dangling" else target)
            before = contents(precious)
            done = bench.run(*args, cwd=folder)
            problem = done.problem(0, 1, 2)
            if not problem and contents(precious) != before:
                problem = "what the link points to was changed"
            if not problem and (folder / "nowhere").exists():
                problem = "the link was followed to a new file"
            yield Trial(f"{kind}: exit {done.code}", problem)
    yield from _linked_inputs(bench)


_REPORT = ("check", "train.jsonl", "--isolated", "--select", "TXT002")
_LINKS = (
    ("output", CLEAN, "out"),
    ("dangling", CLEAN, "out"),
    ("inside the old output", CLEAN, "out/data"),
    ("a temporary folder of ours", CLEAN, ".out.datalint-abcdefgh.new"),
    ("our lock is a link to a file", CLEAN, ".out.datalint.lock"),
    ("a temporary file of ours, --fix", ("check", "--fix", *_REPORT[1:]), ".train.jsonl.datalint-abcdefgh.new"),
    ("report is a link to a file, json", (*_REPORT, "--output-format", "json:report"), "report"),
    ("report is a link to a file, jsonl", (*_REPORT, "--output-format", "jsonl:report"), "report"),
)


def _linked_inputs(bench: Bench) -> Iterator[Trial]:
    """An input that is a link: `clean` leaves link and target, `check --fix` mends the target and leaves the link."""
    for args, changes in ((CLEAN, False), (("check", "--fix", *_REPORT[1:], "--fail-on", "never"), True)):
        with bench.folder() as folder:
            (folder / "data").mkdir()
            real = folder / "data" / "real.jsonl"
            real.write_bytes(lines(rows(30)))
            before = real.read_bytes()
            (folder / "train.jsonl").symlink_to(real)
            done = bench.run(*args, cwd=folder)
            problem = done.problem(0)
            if not problem and not (folder / "train.jsonl").is_symlink():
                problem = "the link became a file"
            if not problem and (real.read_bytes() != before) is not changes:
                problem = "the target was changed" if not changes else "the target was not mended"
            if not problem and sorted(contents(folder / "data")) != ["real.jsonl"]:
                problem = f"left behind: {sorted(contents(folder / 'data'))}"
            yield Trial(f"input, {args[0]}", problem)


def broken_pipe(bench: Bench) -> Iterator[Trial]:
    """A reader that has read enough, or nothing: no word about it, and the exit code is the verdict all the same."""
    with bench.folder() as folder:
        (folder / "bad.jsonl").write_bytes(BAD * 20_000)
        (folder / "good.jsonl").write_bytes(lines(rows(30)))
        for args, code in _TALKING if bench.full else _TALKING[::3]:
            for kind in ("after a line", "at once", "closed"):
                done = _unheard(bench, folder, args, kind)
                problem = done.problem(code) or ("pipe" in done.err.lower() and f"said {done.err.strip()!r}") or ""
                yield Trial(kind, problem and f"{' '.join(args)}: {problem}")
            if Path("/dev/full").exists():
                with Path("/dev/full").open("wb") as full:
                    done = bench.run(*args, cwd=folder, stdout=full.fileno())
                problem = done.problem(2) or ("" if "standard output" in done.err else f"said {done.err.strip()!r}")
                yield Trial("full", problem and f"{' '.join(args)}: {problem}")


_CHECK = ("check", "--isolated", "--select", "FMT001,TXT002")
_TALKING: tuple[tuple[tuple[str, ...], int], ...] = (
    ((*_CHECK, "bad.jsonl", "--output-format", "jsonl"), 1),
    ((*_CHECK, "bad.jsonl", "--output-format", "json", "--exit-zero"), 0),
    ((*_CHECK, "bad.jsonl", "--output-format", "concise"), 1),
    ((*_CHECK, "bad.jsonl", "--max-examples", "10000"), 1),
    ((*_CHECK, "good.jsonl"), 0),
    (("check", "--diff", "--isolated", "--select", "TXT002", "good.jsonl"), 1),
    (("clean", "good.jsonl", "--out", "out", "--overwrite", "--isolated", "--select", "FMT001"), 0),
    (("rule",), 0),
    (("rule", "FMT001"), 0),
    (("--help",), 0),
)


def _unheard(bench: Bench, folder: Path, args: tuple[str, ...], kind: str) -> Done:
    if kind == "closed":
        return bench.run(*args, cwd=folder, closed=(1,))
    reads, writes = os.pipe()
    if kind == "at once":
        os.close(reads)
    run = bench.launcher.start(*args, cwd=folder, stdout=writes)
    os.close(writes)
    if kind == "after a line":
        data = b""
        while b"\n" not in data and (more := os.read(reads, 512)):
            data += more
        os.close(reads)
    return run.wait()


def closed_streams(bench: Bench) -> Iterator[Trial]:
    """Standard streams that were never open: the same exit code and the same output."""
    with bench.folder() as folder:
        (folder / "train.jsonl").write_bytes(lines(rows(30)))
        for closed in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)) if bench.full else ((1,), (0, 1, 2)):
            done = bench.run(*CLEAN, cwd=folder, closed=closed)
            problem = done.problem(0)
            again = contents(folder / "out") if not problem else {}
            bench.run(*CLEAN, cwd=folder)
            if not problem and again != contents(folder / "out"):
                problem = "another output"
            yield Trial(f"closed {closed}", problem)
            done = bench.run("check", "-", "--isolated", cwd=folder, closed=sorted({*closed, 0}))
            yield Trial("check -, without standard input", done.problem(2) if 2 not in closed else "")


def killed_helper(bench: Bench) -> Iterator[Trial]:
    """The process that renders chat templates is killed, as for memory: the same findings as without that."""
    draw = random.Random(f"{SEED} helper")
    template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    talk = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]
    with bench.folder() as folder:
        (folder / "template.jinja").write_text(template)
        (folder / "train.jsonl").write_bytes(
            lines([{"messages": [*talk, {"role": "user", "content": f"{i}"}, talk[1]]} for i in range(20_000)])
        )
        args = ("check", "train.jsonl", "--isolated", "--select", "TPL", "--chat-template", "template.jinja")
        args = (*args, "--output-format", "concise")
        whole = bench.run(*args, cwd=folder)
        yield Trial("undisturbed", whole.problem(0, 1))
        for _ in range(bench.size(2, 25)):
            run = bench.launcher.start(*args, cwd=folder)
            until = time.monotonic() + 60.0
            while not (children := _children(run.pid)) and time.monotonic() < until:
                time.sleep(0.001)
            time.sleep(draw.uniform(0.1, 0.6))
            for child in children:
                if child in _children(run.pid):
                    os.kill(child, signal.SIGKILL)
            done = run.wait()
            problem = done.problem(0, 1)
            if not problem and (done.code, done.out) != (whole.code, whole.out):
                problem = f"told {done.out.strip()[:300]!r}"
            yield Trial("killed", problem)


def _children(pid: int) -> list[int]:
    try:
        told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(child) for child in told.split()]
