"""A linter and cleaner for LLM fine-tuning datasets.

The Python API is two verbs: `check(...)` returns a Report, `clean(...)` writes a cleaned dataset. `fix(...)` is
`check --fix`: it mends files where they lie.
"""

from typing import TYPE_CHECKING, Any

from datalint.version import __version__

__all__ = ["__version__", "check", "clean", "fix"]

if TYPE_CHECKING:
    from datalint.cleaner import clean, fix
    from datalint.run import check


def __getattr__(name: str) -> Any:
    # The verbs load polars; a version number must not.
    if name == "check":
        from datalint.run import check

        return check
    if name == "clean":
        from datalint.cleaner import clean

        return clean
    if name == "fix":
        from datalint.cleaner import fix

        return fix
    raise AttributeError(f"module 'datalint' has no attribute {name!r}")
