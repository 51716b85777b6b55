"""Runs that are ended from outside: the output is the old one or the new one, whole, and the next run tidies up."""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.faults.common import SEED, Bench, Done, Running, Trial, contents, lines

Contents = dict[str, bytes]

CLEAN = ("clean", "train.jsonl", "--out", "out", "--overwrite", "--isolated")
FIX = ("check", "--fix", "train.jsonl", "more.csv", "--isolated", "--fail-on", "never")


def rows(count: int) -> list[dict[str, str]]:
    """Rows of which some are copies and some hold characters that a fix takes away."""
    odd = ["", "\u200b", "\x07"]
    return [{"prompt": f"question {i % (count - 9)}{odd[i % 3]} {'x' * 80}", "completion": "yes"} for i in range(count)]


def table(count: int) -> bytes:
    """The same as CSV."""
    return b"prompt,completion\n" + b"".join(f"question {i}\u200b,answer {i}\n".encode() for i in range(count))


@dataclass(frozen=True)
class Job:
    """A command that is to be ended: what it may leave, and how to set it up."""

    args: tuple[str, ...]
    states: tuple[Contents, Contents]  # the files that count: before, and once it is done
    of: Callable[[Path], Contents]
    reset: Callable[[Path], None]


def clean_job(bench: Bench, folder: Path, *, to: str = "parquet") -> Job:
    """`clean --overwrite` over an older output."""
    (folder / "train.jsonl").write_bytes(lines(rows(300)))
    select = ("--select", "FMT001,DUP001,TXT002,TXT003", "--to", to)
    states = []
    for chosen in (("--select", "FMT001"), select):
        done = bench.run(*CLEAN, *chosen, cwd=folder)
        assert done.code == 0, done.err
        states.append(contents(folder / "out"))
    assert states[0] != states[1]
    old = states[0]

    def reset(folder: Path) -> None:
        if contents(folder / "out") != old:
            done = bench.run(*CLEAN, "--select", "FMT001", cwd=folder)
            assert done.code == 0, done.err

    return Job((*CLEAN, *select), (old, states[1]), lambda folder: contents(folder / "out"), reset)


def fix_job(bench: Bench, folder: Path) -> Job:
    """`check --fix` of two files."""
    old = {"train.jsonl": lines(rows(300)), "more.csv": table(100)}

    def reset(folder: Path) -> None:
        for name, data in old.items():
            if (folder / name).read_bytes() != data:
                (folder / name).write_bytes(data)

    def state(folder: Path) -> Contents:
        return {name: (folder / name).read_bytes() for name in old}

    for name, data in old.items():
        (folder / name).write_bytes(data)
    args = (*FIX, "--select", "TXT002,TXT003")
    done = bench.run(*args, cwd=folder)
    new = state(folder)
    assert done.code == 0, done.err
    assert all(new[name] != old[name] for name in old), done.err
    reset(folder)
    return Job(args, (old, new), state, reset)


def restore_job(bench: Bench, folder: Path) -> Job:
    """`restore` into a folder that is empty."""
    job = clean_job(bench, folder)
    back = folder / "back"
    assert bench.run(*job.args, cwd=folder).code == 0
    args = ("restore", "out", "--out", "back")
    done = bench.run(*args, cwd=folder)
    assert done.code == 0, done.err
    new = contents(back)

    def reset(folder: Path) -> None:
        shutil.rmtree(folder / "back")
        (folder / "back").mkdir()

    reset(folder)
    return Job(args, ({}, new), lambda folder: contents(folder / "back"), reset)


def ended(
    bench: Bench, *, make: Callable[[Bench, Path], Job], number: int, quick: int, full: int, each: bool = False
) -> Iterator[Trial]:
    """Send a signal at random moments: half of them anywhere in the run, half while the output is written.

    `each`: every file is the old one or the new one by itself (they are replaced one after the other).
    """
    draw = random.Random(f"{SEED} {number}")
    with bench.folder() as folder:
        job = make(bench, folder)
        inputs = (folder / "train.jsonl").read_bytes()
        lengths = sorted(_timed(bench, job, folder) for _ in range(3))
        names = {path.name for path in folder.iterdir()}
        for trial in range(bench.size(quick, full)):
            job.reset(folder)
            run = bench.launcher.start(*job.args, cwd=folder)
            if trial % 2:
                _until_written(folder, names, run, draw.uniform(0.0, 0.04))
            else:
                time.sleep(lengths[1] * draw.uniform(0.0, 1.05))
            run.kill(number)
            done = run.wait()
            yield _judged(bench, job, folder, done, number, names, each=each, inputs=inputs)


def ended_from_start(bench: Bench, *, number: int, quick: int, full: int) -> Iterator[Trial]:
    """The same for whole processes, as a user starts them."""
    draw = random.Random(f"{SEED} {number} start")
    with bench.folder() as folder:
        job = clean_job(bench, folder)
        inputs = (folder / "train.jsonl").read_bytes()
        names = {path.name for path in folder.iterdir()}
        command = [sys.executable, "-m", "datalint", *job.args]
        began = time.monotonic()
        subprocess.run(command, cwd=folder, capture_output=True, check=True)
        length = time.monotonic() - began
        for _ in range(bench.size(quick, full)):
            job.reset(folder)
            with subprocess.Popen(
                command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ) as run:
                # Before this Python itself is starting, which tells an interrupt by a traceback.
                time.sleep(0.05 + length * draw.uniform(0.0, 1.0))
                run.send_signal(number)
                out, err = run.communicate()
            done = Done(run.returncode, out, err, 0.0, 0, 0.0)
            yield _judged(bench, job, folder, done, number, names, inputs=inputs)


def _timed(bench: Bench, job: Job, folder: Path) -> float:
    job.reset(folder)
    done = bench.run(*job.args, cwd=folder)
    assert done.code == 0, done.err
    return done.seconds


def _until_written(folder: Path, names: set[str], run: Running, more: float) -> None:
    """Wait until something new lies in the folder, which has content, and a little more."""
    until = time.monotonic() + 60.0
    while time.monotonic() < until and not _begun(folder, names):
        if _ended(run.pid):
            return
        time.sleep(0.0005)
    time.sleep(more)


def _begun(folder: Path, names: set[str]) -> bool:
    for path in folder.iterdir():
        try:
            if path.name not in names and not path.name.endswith(".lock"):
                return path.is_file() or any(path.iterdir())
        except FileNotFoundError:
            continue
    return False


def _ended(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _judged(
    bench: Bench,
    job: Job,
    folder: Path,
    done: Done,
    number: int,
    names: set[str],
    *,
    inputs: bytes,
    each: bool = False,
) -> Trial:
    now = job.of(folder)
    old, new = job.states
    kind = "old" if now == old else "new" if now == new else "torn"
    if each and all(now.get(name) in (old[name], new[name]) for name in old):
        kind = kind.replace("torn", "some files new")
    left = sorted(path.name for path in folder.iterdir() if path.name not in names)
    problems = [done.problem(0, -number, *(() if number == signal.SIGKILL else (128 + number,)))]
    if kind == "torn":
        problems.append(f"neither the old output nor the new one: {sorted(now)}")
    if job.args[0] != "check" and (folder / "train.jsonl").read_bytes() != inputs:
        problems.append("the input was changed")
    if done.code == 0 and kind != "new":
        problems.append("ended well without its output")
    if number != signal.SIGKILL and left:
        problems.append(f"left behind: {left}")
    if left:
        if job.args[0] == "restore":  # it replaces nothing, not even what it has just written
            job.reset(folder)
        again = bench.run(*job.args, cwd=folder)
        problems.append(again.problem(0) and f"the next run: {again.problem(0)}")
        rest = sorted(path.name for path in folder.iterdir() if path.name not in names)
        if rest or job.of(folder) != new:
            problems.append(f"the next run left {rest or 'another output'}")
    return Trial(kind, "; ".join(filter(None, problems)))


def two_at_once(bench: Bench, *, make: Callable[[Bench, Path], Job]) -> Iterator[Trial]:
    """Two runs to one target: both are done one after the other, or the second is told in one line."""
    with bench.folder() as folder:
        job = make(bench, folder)
        draw = random.Random(f"{SEED} two")
        for _ in range(bench.size(6, 100)):
            job.reset(folder)
            first = bench.launcher.start(*job.args, cwd=folder)
            time.sleep(draw.choice([0.0, 0.0, 0.01, 0.05]))
            second = bench.launcher.start(*job.args, cwd=folder)
            both = [first.wait(), second.wait()]
            codes = sorted(run.code for run in both)
            problems = [run.problem(0, 2) for run in both]
            losers = [run for run in both if run.code == 2]
            if codes == [2, 2]:
                problems.append("both lost")
            if not all(any(word in run.err for word in ("another run", "other runs", "changed")) for run in losers):
                problems.append(f"the loser is told {losers[0].err!r}")
            if job.of(folder) != job.states[1]:
                problems.append("not the output of one run")
            yield Trial("one told" if losers else "in turn", "; ".join(filter(None, problems)))


def second_signal(bench: Bench) -> Iterator[Trial]:
    """A second Ctrl-C, as a parent that passes it on sends it, does not disturb the clean-up."""
    draw = random.Random(f"{SEED} second")
    with bench.folder() as folder:
        job = clean_job(bench, folder)
        inputs = (folder / "train.jsonl").read_bytes()
        names = {path.name for path in folder.iterdir()}
        for _ in range(bench.size(4, 100)):
            job.reset(folder)
            run = bench.launcher.start(*job.args, cwd=folder)
            _until_written(folder, names, run, draw.uniform(0.0, 0.02))
            for _ in range(3):
                run.kill(signal.SIGINT)
                time.sleep(draw.uniform(0.0, 0.004))
            yield _judged(bench, job, folder, run.wait(), signal.SIGINT, names, inputs=inputs)


clean_killed = partial(ended, make=clean_job, number=signal.SIGKILL, quick=10, full=200)
clean_terminated = partial(ended, make=clean_job, number=signal.SIGTERM, quick=8, full=200)
clean_interrupted = partial(ended, make=clean_job, number=signal.SIGINT, quick=8, full=200)
clean_terminated_at_start = partial(ended_from_start, number=signal.SIGTERM, quick=1, full=40)
clean_interrupted_at_start = partial(ended_from_start, number=signal.SIGINT, quick=1, full=40)
restore_killed = partial(ended, make=restore_job, number=signal.SIGKILL, quick=3, full=200)
restore_interrupted = partial(ended, make=restore_job, number=signal.SIGINT, quick=2, full=200)
fix_killed = partial(ended, make=fix_job, number=signal.SIGKILL, quick=10, full=200, each=True)
fix_terminated = partial(ended, make=fix_job, number=signal.SIGTERM, quick=6, full=200, each=True)
fix_interrupted = partial(ended, make=fix_job, number=signal.SIGINT, quick=6, full=200, each=True)
