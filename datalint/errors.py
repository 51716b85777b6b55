"""What a user can get wrong, by name. The command line turns each into one line and exit code 2."""

import difflib
from collections.abc import Iterable


class DatalintError(Exception):
    """Base of every error that is told in one line, without a traceback."""


class UsageError(DatalintError):
    """The command line or an API call asks for something that does not exist or does not fit."""


class ConfigError(DatalintError):
    """A configuration file or a configured value is wrong; names the file and the nearest known key."""


class InputError(DatalintError):
    """A path cannot be opened, or a folder holds no data files."""


class OutputError(DatalintError):
    """The output cannot be written, or is there already."""


class RulePackError(DatalintError):
    """A rule pack cannot be loaded, or no rules are installed at all."""


class TokenizerError(DatalintError):
    """A tokenizer folder or chat template cannot be loaded."""


class MissingExtraError(DatalintError):
    """A command needs an optional extra; the message names it and the command that installs it."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
