"""Places for an index: a folder, and a real Redis server where there is one."""

import importlib.util
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis_server import serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a server of our own."""
    binary = shutil.which("redis-server")
    if binary is None or any(importlib.util.find_spec(name) is None for name in ("redis", "datasketch")):
        pytest.skip("needs redis-server and the extra [index]")
    with serving(tmp_path_factory.mktemp("redis")) as socket:
        yield socket


@pytest.fixture
def address(server: Path) -> str:
    """A new index on the server."""
    return f"unix://{server}?name={uuid.uuid4().hex}"


@pytest.fixture(params=["folder", "server"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new index, in either place."""
    return str(tmp_path / "new.idx") if request.param == "folder" else str(request.getfixturevalue("address"))
