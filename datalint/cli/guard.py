"""One place that turns what happens into exit codes: 0 passed, 1 gate failed, 2 the rest, 128 + n for signal n.

click and bare Python exit with 1 on a crash and on a closed pipe, which a CI would take for findings.
"""

import io
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

import click

from datalint.cli.say import note
from datalint.cli.streams import steady_streams
from datalint.errors import DatalintError

GATE_FAILED = 1
UNUSABLE = 2
INTERRUPTED = 130

_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
_PATIENCE = 1.0  # seconds in which a further signal does not disturb the clean-up; a later one ends the process


class StoppedError(BaseException):
    """A signal asks the process to end. It unwinds to the guard, so that what is half done is cleaned up."""


def guarded(command: click.Command) -> NoReturn:
    """Run a command and exit."""
    steady_streams()
    stop = _Stop()
    stop.listen()
    try:
        try:
            code = command.main(standalone_mode=False, prog_name="datalint")
            sys.stdout.flush()
        finally:
            stop.finish()
    except (StoppedError, KeyboardInterrupt):
        sys.exit(stop.told())
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except SystemExit:
        raise
    except BaseException as error:
        # A library on the way may have made another error of the signal; a panic of Rust's is no Exception.
        sys.exit(stop.told() if stop.number else _told(error))
    sys.exit(code if isinstance(code, int) else 0)


def _told(error: BaseException) -> int:
    """What went wrong in one line on stderr; a crash too is told so, and never looks like findings."""
    match error:
        case click.Abort():
            return _say("interrupted", INTERRUPTED)
        case click.ClickException():
            return _shown(error)
        case DatalintError():
            return _say(f"error: {error}", UNUSABLE)
        case OSError(filename=str(name), strerror=str(reason)):  # as a name that is too long is told
            return _say(f"error: {name}: {reason}; check the path", UNUSABLE)
        case MemoryError():
            return _say("error: out of memory", UNUSABLE)
    if os.environ.get("DATALINT_DEBUG"):
        raise error
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    hint = "(set DATALINT_DEBUG=1 for the traceback, and please report it)"
    return _say(f"internal error: {what} {hint}", UNUSABLE)


def _shown(error: click.ClickException) -> int:
    """What click says about the command line, which it quotes."""
    from datalint.report.escape import told

    text = io.StringIO()
    error.show(text)
    for line in text.getvalue().split("\n"):
        click.echo(told(line.rstrip()), err=True)
    return UNUSABLE


def _say(text: str, code: int) -> int:
    note(text)
    return code


def _again(number: int) -> None:
    threading.Timer(0.001, os.kill, (os.getpid(), number)).start()


@dataclass
class _Stop:
    """The first signal that asks the process to end is raised in what runs; further ones do not disturb its end."""

    number: int = 0
    since: float | None = None

    def listen(self) -> None:
        """Take the signals, but for those that are ignored (nohup, a job in the background of a script)."""
        for number in _SIGNALS:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, self.take)
        sys.unraisablehook = self.lost

    def take(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.since is None:
            # Rust asks numpy for its interface and panics, which shows, if that raises. It takes no time: ask again.
            if frame is not None and str(frame.f_globals.get("__name__")).startswith("numpy."):
                _again(number)
                return
            self.number, self.since = number, now
            # click knows KeyboardInterrupt, which closes the line of the terminal's ^C.
            raise KeyboardInterrupt if number == signal.SIGINT else StoppedError
        if now - self.since > _PATIENCE:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def lost(self, what: "sys.UnraisableHookArgs") -> None:
        """Where nothing can be raised, as when an object goes away, Python drops what is raised: raise it again."""
        if isinstance(what.exc_value, (StoppedError, KeyboardInterrupt)):
            self.since = None
            _again(self.number)
        else:
            sys.__unraisablehook__(what)

    def finish(self) -> None:
        """What comes now comes too late to change anything."""
        if self.since is None:
            self.since = time.monotonic()

    def told(self) -> int:
        return _say(_SIGNALS[signal.Signals(self.number or signal.SIGINT)], 128 + (self.number or signal.SIGINT))
