"""Where the bytes of an input come from. Every reader opens its file here and nowhere else; pyarrow's writers too."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import pyarrow as pa


def open_bytes(path: Path) -> BinaryIO:
    """The bytes of an input, seekable. Raises OSError."""
    return path.open("rb")


def open_arrow(path: Path) -> "pa.NativeFile":
    """The same for pyarrow. Not mapped into memory: a file that is cut short while it is read would end the process."""
    import pyarrow as pa

    return pa.OSFile(os.fsencode(path))  # as bytes: a name need not be UTF-8


def create_arrow(path: Path) -> "pa.NativeFile":
    """A new file that pyarrow writes to. Raises OSError."""
    import pyarrow as pa

    return pa.OSFile(os.fsencode(path), "wb")
