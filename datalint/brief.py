"""Parts of texts that messages quote. Of half a credential nobody can tell what it is: masks go before cuts."""

import re

import polars as pl

from datalint import pii, secrets

# Characters on either side of a part: longer than a key, and than personal data with the word before that tells it.
_KEY, _PERSON = 4096, 512
_PEM = "PRIVATE KEY"  # longer still
_MAY_BE_PERSONAL = re.compile("[0-9@]")


def part(text: str, start: int = 0, stop: int | None = None) -> str:
    """text[start:stop]; of credentials and personal data that an edge cuts, nothing is left but what masks leave.

    Whole ones are masked by whoever prints the message. `start` and `stop` count from the front.
    """
    stop = len(text) if stop is None else min(stop, len(text))
    if start <= 0 and stop >= len(text):
        return text
    reach = len(text) if _PEM in text else _KEY
    text, start, stop = _near(text, start, stop, reach)
    text, start, stop = _near(secrets.mask(text), start, stop, _PERSON)
    return (pii.mask(text) if _MAY_BE_PERSONAL.search(text) else text)[start:stop]


def brief(text: str, size: int) -> str:
    """The text; of a longer one its first `size` - 1 characters and an ellipsis."""
    return text if len(text) <= size else part(text, 0, size - 1) + "…"


def line_of(text: str, size: int = 60) -> str:
    """A text on one line of at most `size` characters."""
    near = 4 * size  # a longer text is hardly ever shorter once its white space is
    line = " ".join(part(text, 0, near).split())
    return line if len(text) <= near and len(line) <= size else part(line, 0, size - 1) + "…"


def heads(texts: pl.Series, size: int) -> pl.Series:
    """The first `size` characters of each text."""
    long = (texts.str.len_chars() > size).fill_null(value=False).arg_true()
    return texts.scatter(long, [part(text, 0, size) for text in texts.gather(long)]) if len(long) else texts


def _near(text: str, start: int, stop: int, reach: int) -> tuple[str, int, int]:
    begin = max(start - reach, 0)
    return text[begin : stop + reach], start - begin, stop - begin
