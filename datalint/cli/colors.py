"""Whether standard output gets colours."""

import os
import sys


def wanted(when: str) -> bool:
    """NO_COLOR (https://no-color.org) and terminals are honoured unless the user said otherwise."""
    if when != "auto":
        return when == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
