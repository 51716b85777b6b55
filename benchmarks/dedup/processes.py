"""Run a command as a process of its own and say what it took."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

LAUNCHER = Path(__file__).parent / "peers/launch.py"
RUN_LIMIT = 900
"""Seconds."""


class UnavailableError(Exception):
    """A tool that could not be installed or run; the message says why."""


def measured(command: Sequence[str], limit: int = RUN_LIMIT) -> tuple[float, float, str]:
    """CPU seconds and peak MiB of a process with all that it started, and what it printed. Raises UnavailableError."""
    # In between stands a small process: a child's peak begins with that of its parent, and this one holds the rows.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        try:
            code = [sys.executable, "-I", "-S", str(LAUNCHER), str(limit)]
            subprocess.run([*code, *command], stdout=out, stderr=errors, check=True)
        except subprocess.CalledProcessError as error:
            errors.seek(0)
            last = (errors.read().strip().splitlines() or ["no message"])[-1]
            raise UnavailableError(f"failed: {last}") from error
        out.seek(0)
        *printed, usage = out.read().splitlines()
        return *json.loads(usage), "\n".join(printed)
