"""Standard output and error that can go away: a reader that has read enough, a stream that was never open."""

import io
import os
import sys
from typing import Any, TextIO

from datalint.errors import OutputError


def steady_streams() -> None:
    """Let no state of the standard streams decide how a run ends: its exit code is the verdict, read or not.

    What nobody reads any more is dropped. A full disk behind standard output is an OutputError at the next write.
    """
    # A file opened where a standard stream was closed would get what is meant for that.
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(handle, True)  # noqa: FBT003 - takes no keywords
    os.close(handle)
    sys.stdout = _steady(sys.stdout, 1)
    sys.stderr = _steady(sys.stderr, 2)


def _steady(stream: TextIO | None, handle: int) -> TextIO:
    like: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace"}
    if isinstance(stream, io.TextIOWrapper):
        stream.flush()
        like = {"encoding": stream.encoding, "errors": stream.errors, "line_buffering": stream.line_buffering}
    return io.TextIOWrapper(io.BufferedWriter(_Raw(handle)), **like)


class _Raw(io.FileIO):
    """A standard stream by its number. After its first failure it takes everything and passes on nothing."""

    def __init__(self, handle: int) -> None:
        super().__init__(handle, "wb", closefd=False)

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            # A failing standard error is nowhere told: that would go there.
            if self.fileno() == 1 and not isinstance(error, BrokenPipeError):
                raise OutputError(f"standard output cannot be written ({error.strerror})") from error
            return len(memoryview(data).cast("B"))
