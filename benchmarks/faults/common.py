"""What all fault classes share: trials, runs of the command in children that may die, folders compared."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
HANGS = 120.0  # seconds without a word after which a run counts as hanging
SEED = 20261121

PASSED, FAILED, UNUSABLE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


@dataclass(frozen=True)
class Trial:
    """One try of a fault. `problem` is empty if the outcome was as designed; `kind` is what was counted."""

    kind: str
    problem: str = ""


@dataclass(frozen=True)
class Done:
    """How a run ended: its exit code (negative: the signal that killed it), what it said, what it used."""

    code: int
    out: str
    err: str
    cpu: float
    peak: int  # bytes
    seconds: float

    def problem(self, *codes: int) -> str:
        """What is wrong with the end of a run that may have these exit codes."""
        noise = [word for word in ("Traceback", "internal error", "Exception ignored") if word in self.err + self.out]
        if noise:
            return f"{noise[0]} ({self.err.strip()[-300:]})"
        if self.code not in codes:
            return f"exit code {self.code} ({self.err.strip()[-300:]})"
        if self.code == UNUSABLE and not self.err.startswith("datalint: "):
            return f"exit code 2 without a word on stderr ({self.err.strip()[-300:]})"
        if self.code == UNUSABLE and len(self.err.splitlines()) != 1:
            return f"more than one line on stderr ({self.err.strip()[-300:]})"
        return ""


@dataclass
class Running:
    """A child that runs."""

    launcher: "Launcher"
    pid: int
    streams: Sequence[int]  # the reading ends of its standard output and error
    began: float = field(default_factory=time.monotonic)

    def kill(self, number: int) -> None:
        """Send it a signal. It may have ended: its id is not free again before it is waited for."""
        os.kill(self.pid, number)

    def wait(self) -> Done:
        """Read what it says to the end. Kills it if it hangs."""
        texts = dict.fromkeys(self.streams, b"")
        left, hangs = set(self.streams), False
        while left:
            ready = select.select(list(left), [], [], HANGS)[0]
            if not ready and not hangs:
                hangs = True
                self.kill(signal.SIGKILL)
            for stream in ready:
                data = os.read(stream, 1 << 16)
                texts[stream] += data
                if not data:
                    left.discard(stream)
        for stream in self.streams:
            os.close(stream)
        end = self.launcher.ask({"wait": self.pid})
        self.launcher.cpu += end["cpu"]
        out, err = (texts[stream].decode("utf-8", "replace") for stream in self.streams)
        err += "Traceback: none, it hung" if hangs else ""
        return Done(end["code"], out, err, end["cpu"], end["peak"], time.monotonic() - self.began)


@dataclass
class Launcher:
    """Starts runs of the command, or of a function, in forks of one process that has datalint loaded."""

    injects: bool  # whether writes can be made to fail one by one
    _process: "subprocess.Popen[bytes]"
    _line: socket.socket
    cpu: float = 0.0  # seconds of all runs

    def start(
        self,
        *args: str,
        cwd: Path,
        call: str = "",
        env: Mapping[str, str] | None = None,
        limits: Mapping[str, int] | None = None,
        fail_at: int | None = None,
        user: int = 0,
        stdin: int | None = None,
        stdout: int | None = None,
        closed: Sequence[int] = (),
    ) -> Running:
        """Start one.

        `limits` are those of resource.setrlimit, `fail_at` is told in nospace.c, `closed` are standard streams that
        are not open; `user` of 0 is nobody else.
        """
        job = {"args": args, "cwd": str(cwd), "call": call, "env": dict(env or {}), "limits": dict(limits or {})}
        job |= {"fail_at": fail_at, "user": user, "closed": list(closed)}
        pipes = [os.pipe(), os.pipe()]
        nothing = os.open(os.devnull, os.O_RDWR)
        handles = [nothing if stdin is None else stdin, pipes[0][1] if stdout is None else stdout, pipes[1][1]]
        socket.send_fds(self._line, [json.dumps({"start": job}).encode()], handles)
        pid = int(json.loads(self._line.recv(1 << 16))["pid"])
        for handle in (nothing, pipes[0][1], pipes[1][1]):
            os.close(handle)
        return Running(self, pid, (pipes[0][0], pipes[1][0]))

    def run(self, *args: str, cwd: Path, **options: Any) -> Done:
        """Start one and wait for it."""
        return self.start(*args, cwd=cwd, **options).wait()

    def ask(self, message: Mapping[str, Any]) -> Any:
        """The answer to a message."""
        self._line.sendall(json.dumps(message).encode())
        return json.loads(self._line.recv(1 << 16))


@contextmanager
def launched(folder: Path) -> Iterator[Launcher]:
    """A launcher; `folder` is for what it needs."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    env = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), *_search_path()])}
    env |= {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    library = _library(folder)
    if library:
        env["LD_PRELOAD"] = str(library)
    command = [sys.executable, "-m", "benchmarks.faults.launcher", str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=[theirs.fileno()], env=env, cwd=ROOT) as process, ours:
        theirs.close()
        yield Launcher(library is not None, process, ours)
        ours.shutdown(socket.SHUT_RDWR)


def _search_path() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def _library(folder: Path) -> Path | None:
    """nospace.c, compiled; None without a compiler or on another system."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    path = folder / "nospace.so"
    source = Path(__file__).with_name("nospace.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", path, source, "-ldl"], check=True)
    return path


class NotPossibleError(Exception):
    """A class of faults cannot be tried here; the message says what it needs."""


def needs(there: object, what: str) -> None:
    """Raise NotPossibleError if something is not there that a class of faults needs."""
    if not there:
        raise NotPossibleError(f"needs {what}")


@dataclass(frozen=True)
class Bench:
    """Where and at what size the trials run."""

    launcher: Launcher
    full: bool = False
    pieces: Sequence[int] = range(1)  # of a class that is run in pieces, each with a seed of its own

    def size(self, quick: int, full: int) -> int:
        """How much of something to do."""
        return full if self.full else quick

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder for one trial or several."""
        with tempfile.TemporaryDirectory(prefix="faults-") as name:
            yield Path(name)

    def run(self, *args: str, cwd: Path, **options: Any) -> Done:
        """Run the command."""
        return self.launcher.run(*args, cwd=cwd, **options)

    def each(self, call: str, *args: Any, cwd: Path, items: int, **options: Any) -> Iterator[Any]:
        """What a function prints for each item, a line of JSON each; a child that dies is replaced behind that item.

        The function is called with the number of the first item and `args`. What is there for an item with which the
        child died is {"died": how}.
        """
        done = 0
        while done < items:
            end = self.launcher.run(*map(str, (done, *args)), cwd=cwd, call=call, **options)
            lines = end.out.splitlines()[: items - done]
            yield from map(json.loads, lines)
            done += len(lines)
            if done < items and (end.code or not lines):
                yield {"died": f"exit code {end.code} {end.err.strip()[-300:]}"}
                done += 1


Trials = Callable[[Bench], Iterator[Trial]]
Passes = Callable[[Trials], None]
"""What a test does with trials: it runs them and fails with what was not as designed."""


@dataclass(frozen=True)
class Fault:
    """A class of faults; `number` is its place in the list of the reliability goals, 0 if it is not there."""

    number: str
    title: str
    trials: Trials


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and every link as what it says."""
    return {
        path.relative_to(folder).as_posix(): os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def lines(rows: Sequence[Any]) -> bytes:
    """JSON Lines."""
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
