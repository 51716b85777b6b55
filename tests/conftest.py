"""Shared helpers: the development data where it lies beside the checkout, and the installed command."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# No test asserts a time: on a machine that others share, any example may be a slow one.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

SHARED = Path(__file__).resolve().parents[2] / "shared"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shared() -> Path:
    """The folder of development data; the test is skipped where there is none."""
    if not (SHARED / "data").is_dir():
        pytest.skip("no development data beside the checkout")
    return SHARED


@pytest.fixture
def bound_by_modes() -> list[str]:
    """What to put before a command so that modes of files bind it: for root, to whom they are no obstacle, setpriv."""
    if os.geteuid():
        return []
    prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root may do everything, and setpriv, which takes that from him, is not here")
    return prefix


@pytest.fixture
def datalint(tmp_path: Path) -> Run:
    """The command as a user runs it, in an empty folder."""

    def run(
        *args: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "datalint", *map(str, args)],
            cwd=cwd or tmp_path,
            env={**os.environ, "NO_COLOR": "1", **(env or {})},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
