"""Shared helpers: the development data where it lies beside the checkout, and the installed command."""

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
def datalint(tmp_path: Path) -> Run:
    """The command as a user runs it, in an empty folder."""

    def run(
        *args: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        import os

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
