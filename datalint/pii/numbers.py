"""Numbers that stand for a person and prove themselves: payment cards, IBANs, US social security numbers.

Sources: ISO/IEC 7812-1 (issuer identification numbers, Luhn's check digit), ISO 13616 and SWIFT's IBAN registry
(lengths, check digits modulo 97), the Social Security Administration's rules for numbers (areas 000, 666 and 900-999,
group 00 and serial 0000 are never given out).
"""

import re
from collections.abc import Iterator

from datalint.pii.known import IBAN_LENGTHS, PUBLISHED_NUMBERS

Span = tuple[int, int]

_ESCAPED = re.compile(r"\\u[0-9A-Fa-f]{4}")
_WORD = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")


def begins(text: str, start: int, never: str = "") -> bool:
    """Nothing before touches what stands there: no letter, no digit, none of `never`.

    Patterns begin with the characters themselves and are asked for this afterwards: `re` is then ten times as fast.
    """
    before = text[start - 1 : start]
    if before not in _WORD and (not before or before not in never):
        return True
    # JSON inside of a text writes a line break as two characters, of which the second is a letter, others as six.
    return (before in ("b", "f", "n", "r", "t") and text[start - 2 : start - 1] == "\\") or (
        text[max(start - 6, 0) : start - 4] == "\\u" and _ESCAPED.fullmatch(text, start - 6, start) is not None
    )


# ---- payment cards ----

# Bare digits may be any number of an order or a page, so they count only where networks still issue that length;
# beside a word that says card, in groups as printed on it, and with Maestro's and Visa's odd lengths too.
_BRANDS = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:2[3-9]|[3-6]\d|7[01])\d{13}|222[1-9]\d{12}|2720\d{12}|3[47]\d{13}"
    r"|6(?:011|4[4-9]\d|5\d\d|2\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[689]\d)\d{11}"
)
_RARE = re.compile(r"4\d{12}|4\d{18}|(?:5[0678]|6\d)\d{10,17}|(?:1800|2131)\d{11}|6011\d{15}|65\d{17}")
# One group is consumed, the others are looked at: whatever digits stand before, the next group may be a card's first.
_GROUPED = re.compile(r"\d{4}(?=([ -])(?P<rest>\d{4}\1\d{4}\1\d{4}|\d{6}\1\d{4,5})(?!\w|-\d| \d{4} \d{4}))", re.A)
_BARE = re.compile(r"\d{12,}(?![\w%]|\.\d)", re.A)
_CARD = re.compile(
    r"(?i:card|credit|debit|visa|master|maestro|amex|american express|\bcc\b|\bpan\b|信用卡|银行卡|卡号)"
)
_PART = "./=#&?:_+*^-"  # what touches a number that is part of an address, a name or a sum

# ---- IBAN ----

# From the check digits on; the country stands before them.
_IBAN = re.compile(r"\d\d(?:[0-9A-Za-z]{11,29}|(?: [0-9A-Za-z]{4}){2,7}(?: [0-9A-Za-z]{1,4})?)", re.A)

# ---- US social security numbers ----

_SSN = re.compile(r"(?!000|666|9)\d{3}([ -]?)(?!00)\d\d\1(?!0000)\d{4}(?![\w-]|\.\d)", re.A)
_SSN_SAID = re.compile(r"(?i:\bssn|social[ _-]?security)[^0-9\n]{0,30}\Z")

# Enough for whether a text can hold one, to an engine without look-around.
RUST = (
    r"[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{4}|[0-9]{4}[ -][0-9]{6}[ -][0-9]{4}|[0-9]{12}"
    r"|[A-Za-z][0-9]{2} ?[0-9A-Za-z]{4} ?[0-9A-Za-z]{4} ?[0-9A-Za-z]{3}|[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{4}"
)

# Digits in a row or in a pattern: what people type who make a number up.
_REGULAR = re.compile(r"(\d)\1{6}|(\d\d)\2{4}|12345678|87654321|\A(\d)\3+\Z")


def is_published(value: str) -> bool:
    """A number that stands in documentation, so that it is nobody's."""
    plain = re.sub("[^0-9A-Za-z]", "", value).upper()
    return plain in PUBLISHED_NUMBERS or (plain.isdigit() and bool(_REGULAR.search(plain)))


def cards(text: str) -> Iterator[Span]:
    """Card numbers: a network's prefix and length, and Luhn's check digit."""
    for match in _GROUPED.finditer(text):
        start, end = match.start(), match.end("rest")
        if begins(text, start, ".-") and _is_card(re.sub("[ -]", "", text[start:end]), rare=False):
            yield start, end
    for match in _BARE.finditer(text):
        start, end = match.span()
        if end - start > 19 or not begins(text, start):
            continue
        said = bool(_CARD.search(text, max(start - 40, 0), start) or _CARD.search(text, end, end + 12))
        alone = begins(text, start, _PART) and text[end : end + 1] not in ("-", "/")
        if (said or alone) and _is_card(match[0], rare=said):
            yield start, end


def _is_card(digits: str, *, rare: bool) -> bool:
    known = _BRANDS.fullmatch(digits) or (rare and _RARE.fullmatch(digits))
    return bool(known) and _luhn(digits)


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def ibans(text: str) -> Iterator[Span]:
    """IBANs: a country's code and length, and the check digits; without spaces or in groups of four."""
    for match in _IBAN.finditer(text):
        start = match.start() - 2
        length = IBAN_LENGTHS.get(text[max(start, 0) : start + 2].upper())
        if length is None or not begins(text, start):
            continue
        end = start + (length + (length - 1) // 4 if text[start + 4] == " " else length)
        plain = text[start:end].replace(" ", "")
        after = text[end : end + 1]
        if len(plain) == length and not (after.isascii() and after.isalnum()) and _checks(plain):
            yield start, end


def _checks(iban: str) -> bool:
    # Words of that length are no account: every country's numbers have at least six digits behind the check digits.
    known = iban.isascii() and iban.isalnum() and sum(char.isdigit() for char in iban[4:]) >= 6
    return known and int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1


def social_security(text: str) -> Iterator[Span]:
    """US social security numbers: with hyphens anywhere, in other forms only behind the words."""
    for match in _SSN.finditer(text):
        start = match.start()
        said = match[1] != "-" and _SSN_SAID.search(text, max(start - 48, 0), start)
        if begins(text, start, ".+-") and (match[1] == "-" or said):
            yield match.span()
