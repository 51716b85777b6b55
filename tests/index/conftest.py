"""Places for an index: a folder, and a real Redis server where there is one."""

import importlib.util
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a server of our own."""
    binary = shutil.which("redis-server")
    if binary is None or any(importlib.util.find_spec(name) is None for name in ("redis", "datasketch")):
        pytest.skip("needs redis-server and the extra [index]")
    with serving(tmp_path_factory.mktemp("redis")) as socket:
        yield socket


class serving:  # noqa: N801 - reads as what it does
    """A server for the time of a `with`; its value is the socket."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.socket = folder / "s"
        self.command = ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--save", "", *options]
        self.folder = folder

    def __enter__(self) -> Path:
        self.process = subprocess.Popen(self.command, cwd=self.folder, stdout=subprocess.DEVNULL)
        for _ in range(500):
            if self.socket.exists():
                return self.socket
            time.sleep(0.02)
        raise RuntimeError("redis-server does not start")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def address(server: Path) -> str:
    """A new index on the server."""
    return f"unix://{server}?name={uuid.uuid4().hex}"


@pytest.fixture(params=["folder", "server"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new index, in either place."""
    return str(tmp_path / "new.idx") if request.param == "folder" else str(request.getfixturevalue("address"))
