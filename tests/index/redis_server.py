"""A Redis server of our own."""

import subprocess
import time
from pathlib import Path


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
