"""Disks that are full, slow to say so, or may not be written: one line, exit code 2, nothing changed."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faults.common import Bench, Done, Trial, contents, lines, needs
from benchmarks.faults.ending import Job, clean_job, rows

NOBODY = 65534


def judged(job: Job, folder: Path, done: Done, names: set[str], *, may: tuple[int, ...] = (0, 2)) -> Trial:
    """A run on a disk that fails leaves all as it was; nothing but that, and its own output where it ended well."""
    now = job.of(folder)
    old, new = job.states
    problems = [done.problem(*may)]
    mixed = job.args[0] == "check" and all(now.get(name) in (old[name], new[name]) for name in old)
    if now not in (old, new) and not mixed:
        problems.append(f"torn: {sorted(now)}")
    if done.code == 0 and now != new:
        problems.append("ended well without its output")
    if done.code == 2 and "written" not in done.err:
        problems.append(f"told as {done.err.strip()!r}")
    left = sorted(path.name for path in folder.iterdir() if path.name not in names)
    if left:
        problems.append(f"left behind: {left}")
    kind = "old" if now == old else "new" if now == new else "some files new"
    return Trial(kind, "; ".join(filter(None, problems)))


def every_write(bench: Bench, *, make: Callable[[Bench, Path], Job]) -> Iterator[Trial]:
    """The n-th write, and each one after it or it alone, fails with ENOSPC, for each n (quick: some)."""
    needs(bench.launcher.injects, "Linux and a C compiler")
    with bench.folder() as folder:
        job = make(bench, folder)
        names = {path.name for path in folder.iterdir()}
        count = _writes(bench, job, folder)
        job.reset(folder)
        step = 1 if bench.full else max(1, count // 12)
        for n in range(1, count + 1, step):
            for fail_at in (n, -n) if bench.full or n % 2 else (n,):
                done = bench.run(*job.args, cwd=folder, fail_at=fail_at)
                yield judged(job, folder, done, names)
                job.reset(folder)


def every_write_of_a_report(bench: Bench) -> Iterator[Trial]:
    """The same for a report that goes to a file: the old one or the new one, whole."""
    needs(bench.launcher.injects, "Linux and a C compiler")
    with bench.folder() as folder:
        (folder / "train.jsonl").write_bytes(lines(rows(300)))
        for name, n in (
            (name, n) for name in ("json", "jsonl", "text", "concise") for n in range(1, bench.size(4, 30))
        ):
            (folder / "report").write_text("old")
            before = contents(folder)
            args = ("check", "train.jsonl", "--isolated", "--output-format", f"{name}:report")
            done = bench.run(*args, cwd=folder, fail_at=n if bench.full or n % 2 else -n)
            now, problem = contents(folder), done.problem(0, 1, 2)
            if not problem and (now != before if done.code == 2 else now.keys() != before.keys()):
                problem = f"left {sorted(now)}"
            if not problem and done.code != 2 and now["report"] == b"old":
                problem = "ended well without its report"
            if not problem and done.code == 2 and "report cannot be written" not in done.err:
                problem = f"told as {done.err.strip()!r}"
            yield Trial("old" if now == before else "new", problem and f"{name}, {n}: {problem}")


def _writes(bench: Bench, job: Job, folder: Path) -> int:
    """How many calls of a run write."""
    with bench.folder() as elsewhere:
        told = elsewhere / "calls"
        done = bench.run(*job.args, cwd=folder, fail_at=0, env={"FAULTS_CALLS": str(told)})
        assert done.code == 0, done.err
        return int(told.read_text())


def file_size_limit(bench: Bench, *, make: Callable[[Bench, Path], Job]) -> Iterator[Trial]:
    """No file may grow beyond a limit (RLIMIT_FSIZE; Python ignores SIGXFSZ)."""
    with bench.folder() as folder:
        job = make(bench, folder)
        names = {path.name for path in folder.iterdir()}
        largest = max(map(len, job.states[1].values()))
        steps = bench.size(4, 60)
        for limit in {1 + largest * i // steps for i in range(steps)}:
            done = bench.run(*job.args, cwd=folder, limits={"FSIZE": limit})
            yield judged(job, folder, done, names)
            job.reset(folder)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[bool]:
    """A file system of its own on a folder; False where that is not permitted."""
    made = os.geteuid() == 0
    if made:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        made = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield made
    finally:
        if made:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def small_disk(bench: Bench, *, make: Callable[[Bench, Path], Job]) -> Iterator[Trial]:
    """A disk (tmpfs) with a few KiB left, in steps of a page, until there is enough."""
    with bench.folder() as outside, mounted(outside, "size=4m") as made:
        needs(made, "root, to mount a small disk")
        folder = outside / "work"
        folder.mkdir()
        job = make(bench, folder)
        names = {path.name for path in folder.iterdir()}
        stat = os.statvfs(outside)
        free = stat.f_bavail * stat.f_frsize
        need = 4 * sum(map(len, job.states[1].values())) + (64 << 10)
        steps = bench.size(4, 40)
        for i in range(steps):
            ballast = outside / "ballast"
            ballast.write_bytes(bytes(free - (i * need // steps // 4096) * 4096))
            yield judged(job, folder, bench.run(*job.args, cwd=folder), names)
            ballast.unlink()
            job.reset(folder)


def full_temporary_disk(bench: Bench) -> Iterator[Trial]:
    """What waits to meet does not fit into TMPDIR: told as that, not as the output's disk."""
    with bench.folder() as folder, bench.folder() as small, mounted(small, "size=64k") as made:
        needs(made, "root, to mount a small disk")
        (folder / "train.jsonl").write_bytes(lines(rows(8000)))
        limits = ("--memory-limit", "1", "--isolated", "--select", "DUP001,DUP002,CON001")
        for args in (
            ("check", "train.jsonl", *limits),
            ("clean", "train.jsonl", "--out", "out", *limits),
        ):
            done = bench.run(*args, cwd=folder, env={"TMPDIR": str(small)})
            problem = done.problem(2)
            if not problem and str(small) not in done.err and "TMPDIR" not in done.err:
                problem = f"told as {done.err.strip()!r}"
            if sorted(contents(folder)) != ["train.jsonl"] or list(small.iterdir()):
                problem = f"left behind: {sorted(contents(folder))} {list(small.iterdir())}"
            yield Trial(args[0], problem)


def read_only(bench: Bench) -> Iterator[Trial]:
    """A target that may not be written: exit 2 before any work, which shows in that the input is not read."""
    for refuse in (_without_permission, _read_only_disk, _file_in_the_way, _folder_of_others):
        with bench.folder() as outside, refuse(outside) as user:
            if user is None:
                continue
            data = outside / "data"
            data.mkdir()
            (data / "train.jsonl").write_bytes(lines(rows(50)))
            outside.chmod(0o755)
            before = contents(outside)
            # Most file systems note a reading where the last one is older than the last change.
            os.utime(data / "train.jsonl", (0, (data / "train.jsonl").stat().st_mtime))
            target = outside / "target" / "out"
            done = bench.run(
                "clean", "train.jsonl", "--out", str(target), "--overwrite", "--isolated", cwd=data, user=user
            )
            problem = done.problem(2)
            if not problem and (data / "train.jsonl").stat().st_atime > 0:
                problem = "the input was read before the target was refused"
            if not problem and contents(outside) != before:
                problem = "something was written"
            yield Trial(refuse.__name__[1:].replace("_", " "), problem)
    yield from _fixing_what_may_not_be_written(bench)


@contextmanager
def _without_permission(folder: Path) -> Iterator[int | None]:
    (folder / "target").mkdir(mode=0o555)
    yield NOBODY if os.geteuid() == 0 else 0
    (folder / "target").chmod(0o755)


@contextmanager
def _read_only_disk(folder: Path) -> Iterator[int | None]:
    (folder / "target").mkdir()
    with mounted(folder / "target", "ro") as made:
        yield 0 if made else None


@contextmanager
def _file_in_the_way(folder: Path) -> Iterator[int | None]:
    (folder / "target").write_text("a file")
    yield 0


@contextmanager
def _folder_of_others(folder: Path) -> Iterator[int | None]:
    (folder / "target" / "out").mkdir(parents=True)
    (folder / "target" / "out" / "thesis.tex").write_text("years of work")
    yield 0


def _fixing_what_may_not_be_written(bench: Bench) -> Iterator[Trial]:
    """`check --fix` of a file, or in a folder, that may not be written."""
    user = NOBODY if os.geteuid() == 0 else 0
    for kind, file_mode, folder_mode in (("read-only file", 0o444, 0o777), ("read-only folder", 0o666, 0o555)):
        with bench.folder() as folder:
            folder.chmod(0o755)
            data = folder / "data"
            data.mkdir()
            (data / "train.jsonl").write_bytes(lines(rows(50)))
            (data / "train.jsonl").chmod(file_mode)
            data.chmod(folder_mode)
            before = contents(folder)
            args = ("check", "--fix", "train.jsonl", "--isolated", "--select", "TXT002,TXT003")
            done = bench.run(*args, cwd=data, user=user)
            problem = done.problem(2) or ("" if contents(folder) == before else "something was written")
            data.chmod(0o755)
            yield Trial(f"--fix, {kind}", problem)


def killed_for_memory(bench: Bench) -> Iterator[Trial]:
    """Too little address space: the run may die any death, but the output is the old one or the new one."""
    with bench.folder() as folder:
        job = clean_job(bench, folder)
        names = {path.name for path in folder.iterdir()}
        steps = bench.size(3, 40)
        for i in range(steps):
            limit = (400 << 20) + i * (2 << 30) // steps
            done = bench.run(*job.args, cwd=folder, limits={"AS": limit})
            died = done.code in (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGKILL, -signal.SIGTRAP)
            again = bench.run(*job.args, cwd=folder)
            now, rest = job.of(folder), sorted(path.name for path in folder.iterdir() if path.name not in names)
            problem = "" if died else done.problem(0, 2)
            if not problem and (again.code or now != job.states[1] or rest):
                problem = f"the next run: {again.err.strip()!r} {rest}"
            yield Trial("died" if died else f"exit {done.code}", problem)
            job.reset(folder)
