"""The command line in this process, with all that it prints as bytes; and a folder full of hostile data."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hostile_world import Ran, World, make_world


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Iterator[Callable[..., Ran]]:
    """`datalint ARGS` in a folder: its exit code and what it wrote to both streams, colours included."""
    from datalint.cli import group
    from datalint.cli.guard import guarded

    # Told that standard output is a terminal, click passes on the escapes of content instead of stripping them.
    monkeypatch.setitem(group.context_settings, "color", True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    # The guard leaves a signal alone that is ignored.
    before = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }

    def ran(*args: str | Path, cwd: Path = tmp_path) -> Ran:
        streams = sys.stdout, sys.stderr
        with monkeypatch.context() as patch:
            patch.chdir(cwd)
            patch.setattr(sys, "argv", ["datalint", *map(str, args)])
            capfdbinary.readouterr()
            with pytest.raises(SystemExit) as done:
                guarded(group)
            sys.stdout.flush()
            sys.stderr.flush()
            sys.stdout, sys.stderr = streams
        out, err = capfdbinary.readouterr()
        return Ran(done.value.code, out, err)

    yield ran
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Every hostile text in every place of every container. Nobody writes into it."""
    return make_world(tmp_path_factory.mktemp("world"))
