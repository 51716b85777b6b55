"""What the file system is asked for where something has to be there, whole, after a crash."""

import os
from pathlib import Path


def synced(path: Path) -> None:
    """Have a file's bytes, or the names in a folder, survive a power cut. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def usual_mode(allowed: int) -> int:
    """The mode of something new that is not a temporary file's: 0o666 or 0o777 less the user's mask."""
    mask = os.umask(0)
    os.umask(mask)
    return allowed & ~mask
