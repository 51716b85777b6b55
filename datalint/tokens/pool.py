"""Rendering in a worker process that a hostile template can harm, and that is replaced when it does."""

import os
import signal
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from select import select

import msgspec

from datalint.errors import TokenizerError
from datalint.tokens.rendering import Conversation, Rendered, RenderError, Reply, Request, encode_row
from datalint.tokens.template import ChatTemplate

BATCH_ROWS = 256
BATCH_BYTES = 4 << 20
START_SECONDS = 60.0  # a loaded machine may take long to start Python

_TIME = ("time", "the template used up the time limit")
_CRASH = ("crash", "the template ended the rendering process")


class _WorkerEndedError(Exception):
    """The worker is gone, silent, or to be replaced; args are the limit that it ran into and a message."""


@dataclass(slots=True)
class _Worker:
    """One running process, the bytes that it sent but nobody has read, and what ends it."""

    process: subprocess.Popen[bytes]
    stop: "weakref.finalize[..., object]"
    pending: bytearray = field(default_factory=bytearray)

    def send(self, data: bytes) -> None:
        stdin = self.process.stdin
        assert stdin is not None
        try:
            stdin.write(struct.pack(">I", len(data)) + data)
            stdin.flush()
        except BrokenPipeError as error:
            raise _WorkerEndedError(*_CRASH) from error

    def receive(self, seconds: float) -> bytes:
        """The next reply. Raises _WorkerEndedError after `seconds` of silence or at the end of the stream."""
        deadline = time.monotonic() + seconds
        while len(self.pending) < 4 or len(self.pending) < self._end():
            self._read(deadline)
        end = self._end()
        reply = bytes(self.pending[4:end])
        del self.pending[:end]
        return reply

    def _end(self) -> int:
        return 4 + int(struct.unpack_from(">I", self.pending)[0])

    def _read(self, deadline: float) -> None:
        stdout = self.process.stdout
        assert stdout is not None
        if not select([stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise _WorkerEndedError(*_TIME)
        data = os.read(stdout.fileno(), 1 << 16)  # as much as a pipe holds
        if not data:
            raise _WorkerEndedError(*(_TIME if self.process.wait() == -signal.SIGXCPU else _CRASH))
        self.pending += data


def _stop(process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:
        return  # a fork of the owner must not end the owner's worker
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        try:
            stream.close()
        except BrokenPipeError:
            continue  # bytes that the worker never read


@dataclass
class RenderPool:
    """Renders rows in one worker process at a time.

    A row that hits a limit gets a RenderError, and the next row has a new worker. A row at which a worker dies is
    rendered once more, for the system too ends processes where memory is short. After `max_hits` rows that hit
    limits the template as a whole is given up, whatever tokens it is given. The limits are for one row: `cpu_seconds`,
    `wall_seconds`, and `memory`, bytes of address space beyond what the started worker has.
    """

    cpu_seconds: int = 1
    wall_seconds: float = 20.0
    memory: int = 768 << 20
    max_hits: int = 3
    _hits: Counter[str] = field(default_factory=Counter, init=False, repr=False)
    _died_at: bytes | None = field(default=None, init=False, repr=False)  # the row at which the last worker died
    _worker: _Worker | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def render(self, template: ChatTemplate, rows: Sequence[Conversation]) -> list[Rendered | RenderError]:
        """One result a row, in order. Raises TokenizerError without a template, or if no worker starts.

        Identical rows are rendered once.
        """
        template.source(tools=False)
        places: dict[bytes, int] = {}
        place_of = [places.setdefault(_encoded(row), len(places)) for row in rows]
        encoded = list(places)
        results: list[Rendered | RenderError] = []
        with self._lock:
            self._died_at = None
            while len(results) < len(encoded) and self._hits[template.sources] < self.max_hits:
                results += self._render_some(template, encoded[len(results) : len(results) + BATCH_ROWS])
        message = f"the template is given up: {self.max_hits} rows ran into the limits of rendering"
        results += [RenderError("given up", "limit", message)] * (len(encoded) - len(results))
        return [results[place] for place in place_of]

    def close(self) -> None:
        """End the worker; a later render starts a new one."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _render_some(self, template: ChatTemplate, rows: Sequence[bytes]) -> Iterator[Rendered | RenderError]:
        """Results of the first rows: as many as fit a message, or until a limit is hit or the worker dies."""
        encoded: list[bytes] = []
        size = 0
        for row in rows:
            encoded.append(row)
            size += len(row)
            if size > BATCH_BYTES:
                break
        now = template.now.isoformat() if template.now else None
        request = Request(template.digest, dict(template.named), dict(template.special_tokens), now, encoded)
        worker = self._started()
        row = encoded[0]
        try:
            worker.send(msgspec.msgpack.encode(request))
            for row in encoded:  # noqa: B007  needed where the worker ends
                result = _result(worker.receive(self.wall_seconds))
                if isinstance(result, RenderError) and result.kind == "limit":
                    raise _WorkerEndedError(result.error, result.message)
                yield result
        except _WorkerEndedError as ended:
            self.close()
            if ended.args == _CRASH and row != self._died_at:
                self._died_at = row
                return
            self._hits[template.sources] += 1
            limit, message = ended.args
            if self._hits[template.sources] == self.max_hits:
                message += "; the template is given up, no more rows are rendered"
            yield RenderError("limit", limit, message)

    def _started(self) -> _Worker:
        if self._worker is None:
            try:
                self._worker = self._start()
            except _WorkerEndedError:
                self._worker = self._start_again()
        return self._worker

    def _start_again(self) -> _Worker:
        """A second try, as for a row. Raises TokenizerError."""
        try:
            return self._start()
        except _WorkerEndedError as error:
            raise TokenizerError(
                f"{sys.executable}: the process that renders chat templates does not start "
                "(`python -m datalint.tokens.worker 2 1000000000` shows why)"
            ) from error

    def _start(self) -> _Worker:
        limits = [str(self.cpu_seconds), str(self.memory)]
        process = subprocess.Popen(
            # -P: never import what lies in the folder of the data.
            [sys.executable, "-P", "-m", "datalint.tokens.worker", *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        worker = _Worker(process, weakref.finalize(self, _stop, process, os.getpid()))
        try:
            worker.receive(START_SECONDS)
        except _WorkerEndedError:
            worker.stop()
            raise
        return worker


def _encoded(row: Conversation) -> bytes:
    try:
        return encode_row(row)
    except RecursionError:
        # The worker cannot decode these bytes either, and reports the row.
        return b"J" + b"[" * 100_000


def _result(data: bytes) -> Rendered | RenderError:
    reply = msgspec.msgpack.decode(data, type=Reply)
    if reply.error is not None:
        return RenderError(*reply.error)
    return Rendered(reply.text.decode("utf-8", "surrogatepass"), tuple(reply.spans))


@cache
def _pool_of(_process_id: int) -> RenderPool:
    return RenderPool()


def render_rows(template: ChatTemplate, rows: Sequence[Conversation]) -> list[Rendered | RenderError]:
    """Render rows with this process's own worker, started at the first call and kept.

    Raises TokenizerError where there is no template, or no worker starts.
    """
    return _pool_of(os.getpid()).render(template, rows)
