"""Personal data that says by its form what it is: where a person is reached, and the numbers that stand for one.

Names of people have no form; for them there is rule PII003. Only what a checksum, a numbering plan or a registry
speaks for counts, and documentation's own addresses and numbers do not: on clean data this finds next to nothing.
"""

import re
from bisect import bisect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import polars as pl

from datalint.pii.contacts import RUST as CONTACT_FORMS
from datalint.pii.contacts import addresses, emails, phones
from datalint.pii.numbers import RUST as NUMBER_FORMS
from datalint.pii.numbers import Span, cards, ibans, is_published, social_security

__all__ = ["CONTACTS", "ID_NUMBERS", "TOKENS", "Personal", "find", "mask", "mask_all", "redact", "suspects"]


class Personal(NamedTuple):
    """A piece of personal data: characters `start` to `end` of a text. `preview` shows its form alone.

    `published`: a number that stands in documentation, so it is nobody's.
    """

    kind: str
    start: int
    end: int
    preview: str
    published: bool


CONTACTS: tuple[str, ...] = ("e-mail address", "phone number", "IP address")
ID_NUMBERS: tuple[str, ...] = ("card number", "IBAN", "US social security number")

# In the order of trust: what has a checksum is not taken for a telephone number.
_FINDERS: tuple[tuple[str, Callable[[str], Iterator[Span]]], ...] = (
    ("e-mail address", emails),
    ("IBAN", ibans),
    ("card number", cards),
    ("US social security number", social_security),
    ("IP address", addresses),
    ("phone number", phones),
)
TOKENS = {
    "e-mail address": "[EMAIL]",
    "phone number": "[PHONE]",
    "IP address": "[IP]",
    "card number": "[CARD]",
    "IBAN": "[IBAN]",
    "US social security number": "[SSN]",
}
_RUST = {CONTACTS: CONTACT_FORMS, ID_NUMBERS: NUMBER_FORMS}
# What each form has somewhere: sets so small that the search for them goes many bytes at a time.
_NEEDED = {CONTACTS: "[0-9]|@", ID_NUMBERS: "[0-9]"}


def suspects(texts: pl.Series, kinds: tuple[str, ...]) -> pl.Series:
    """Indices (uint32) of the texts that may hold CONTACTS or ID_NUMBERS; `find` says whether they do, and where."""
    some = texts.str.contains(_NEEDED[kinds]).fill_null(value=False).arg_true()
    return some.filter(texts.gather(some).str.contains(_RUST[kinds])) if len(some) else some


def find(text: str, kinds: tuple[str, ...] = CONTACTS + ID_NUMBERS, allow: tuple[str, ...] = ()) -> list[Personal]:
    """Personal data in a text, in order, without overlaps.

    `allow` names what may stand there: an e-mail address or a domain with all below it, a number or an address.
    """
    wanted = {kind: list(finder(text)) for kind, finder in _FINDERS if kind in kinds}
    if not any(wanted.values()):
        return []
    taken: list[tuple[int, int, str]] = []
    for kind, finder in _FINDERS:
        # Whatever the caller wants to know of, a card's number is no telephone number.
        spans = wanted[kind] if kind in wanted else finder(text)
        taken = _with(taken, sorted((start, end, kind) for start, end in spans))
    found = [
        Personal(kind, start, end, _stars(kind, text[start:end]), kind in ID_NUMBERS and is_published(text[start:end]))
        for start, end, kind in taken
        if kind in kinds
    ]
    return [one for one in found if not _is_allowed(text[one.start : one.end], allow)] if allow else found


def _with(taken: list[tuple[int, int, str]], more: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """The spans of both, in order; of `more` only those that overlap with none before."""
    free, end = [], 0
    for one in more:
        at = bisect(taken, one)
        before, after = taken[at - 1][1] if at else 0, taken[at][0] if at < len(taken) else one[1]
        if max(before, end) <= one[0] and one[1] <= after:
            free.append(one)
            end = one[1]
    return sorted(taken + free) if free else taken


def redact(text: str, kinds: tuple[str, ...] = CONTACTS + ID_NUMBERS, allow: tuple[str, ...] = ()) -> str:
    """The text with `[EMAIL]`, `[PHONE]` ... in the place of each. Idempotent; JSON stays JSON."""
    done = _replaced(text, _token, kinds, allow)
    if done != text and text.lstrip()[:1] in ("{", "[") and _is_json(text) and not _is_json(done):
        return _replaced(text, _number, kinds, allow)
    return done


def mask(text: str) -> str:
    """The text with asterisks for the letters and digits of each, but an e-mail's last label; as long as it was."""
    return _replaced(text, _stars)


def mask_all(texts: pl.Series) -> pl.Series:
    """`mask` in the strings of each JSON text of a column, or of each text that is none; nulls stay."""
    hits = pl.concat([suspects(texts, CONTACTS), suspects(texts, ID_NUMBERS)]).unique().sort()
    return texts.scatter(hits, [_masked(text) for text in texts.gather(hits)]) if len(hits) else texts


def _masked(text: str) -> str:
    try:
        value = msgspec.json.decode(text)
        done = _leaves(value)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return mask(text)
    return text if done == value else msgspec.json.encode(done).decode()


def _leaves(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _leaves(item) for key, item in value.items()}
    return [_leaves(item) for item in value] if isinstance(value, list) else value


def _replaced(
    text: str,
    by: Callable[[str, str], str],
    kinds: tuple[str, ...] = CONTACTS + ID_NUMBERS,
    allow: tuple[str, ...] = (),
) -> str:
    # Again until nothing is left: what overlapped with something else is seen only when that is gone.
    while found := find(text, kinds, allow):
        pieces, at = [], 0
        for one in found:
            pieces += [text[at : one.start], by(one.kind, text[one.start : one.end])]
            at = one.end
        text = "".join([*pieces, text[at:]])
    return text


def _stars(kind: str, value: str) -> str:
    shown = len(value) - value.rfind(".") if kind == "e-mail address" else 0
    return re.sub("[^ ()+.@-]", "*", value[: len(value) - shown]) + value[len(value) - shown :]


def _token(kind: str, value: str) -> str:  # noqa: ARG001 - as `_number` is called
    return TOKENS[kind]


def _number(kind: str, value: str) -> str:
    """What stood in JSON without quotes stays a number."""
    return "0" if value.isdigit() else TOKENS[kind]


def _is_allowed(value: str, allow: tuple[str, ...]) -> bool:
    plain = value.lower()
    if "@" in plain:
        return any(plain == word or plain.endswith(("@" + word, "." + word)) for word in map(str.lower, allow))
    return re.sub("[^0-9]", "", plain) in {re.sub("[^0-9]", "", word) for word in allow if "@" not in word}


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True
