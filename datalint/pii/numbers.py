"""Numbers that stand for a person and prove themselves: payment cards, IBANs, US social security numbers.

Sources: ISO/IEC 7812-1 (issuer identification numbers, Luhn's check digit), ISO 13616 and SWIFT's IBAN registry
(lengths, check digits modulo 97), the Social Security Administration's rules for numbers (areas 000, 666 and 900-999,
group 00 and serial 0000 are never given out).
"""

import re
from collections.abc import Iterator

Span = tuple[int, int]

# No digit or letter before: a JSON text inside of a string writes a line break as two characters, the second a letter.
EDGE = r"(?:(?<![0-9A-Za-z_])|(?<=\\[bfnrt]))"

# ---- payment cards ----

# Bare digits may be any number of an order or a page, so they count only where networks still issue that length;
# beside a word that says card, in groups as printed on it, and with Maestro's and Visa's odd lengths too.
_BRANDS = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:2[3-9]|[3-6]\d|7[01])\d{13}|222[1-9]\d{12}|2720\d{12}|3[47]\d{13}"
    r"|6(?:011|4[4-9]\d|5\d\d|2\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[689]\d)\d{11}"
)
_RARE = re.compile(r"4\d{12}|4\d{18}|(?:5[0678]|6\d)\d{10,17}|(?:1800|2131)\d{11}|6011\d{15}|65\d{17}")
_GROUPED = re.compile(rf"{EDGE}(?<![.-])\d{{4}}([ -])(?:\d{{4}}\1\d{{4}}\1\d{{4}}|\d{{6}}\1\d{{4,5}})(?!\1?\d|\w)", re.A)
_BARE = re.compile(rf"{EDGE}\d{{12,19}}(?![\w%]|\.\d)", re.A)
_CARD = re.compile(r"(?i:card|credit|debit|visa|master|maestro|amex|american express|\bcc\b|\bpan\b|信用卡|银行卡|卡号)")
_NAME = re.compile(r"[./=#&?:_+*^-]\Z")  # what stands before a number that is part of an address, a name or a sum

# ---- IBAN ----

_LENGTHS = {
    length: frozenset(codes.split())
    for length, codes in (
        (15, "NO"),
        (16, "BE"),
        (18, "DK FK FI FO GL NL SD"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU MN XK"),
        (21, "CH CR HR LI LV"),
        (22, "BG BH DE GB GE IE ME RS VA"),
        (23, "AE GI IL IQ OM SO TL"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "LY PT ST"),
        (26, "IS TR"),
        (27, "BI DJ FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HU LB NI PL SV"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU YE"),
        (31, "MT SC"),
        (32, "LC"),
        (33, "RU"),
    )
}
_LENGTH = {code: length for length, codes in _LENGTHS.items() for code in codes}
_IBAN = re.compile(
    rf"{EDGE}(?i:{'|'.join(sorted(_LENGTH))})\d\d(?:[0-9A-Za-z]{{11,29}}|(?: [0-9A-Za-z]{{4}}){{2,7}}(?: [0-9A-Za-z]{{1,4}})?)",
    re.A,
)

# ---- US social security numbers ----

_AREA = r"(?!000|666|9)\d{3}"
_SSN = re.compile(rf"{EDGE}(?<![.+-]){_AREA}-(?!00)\d\d-(?!0000)\d{{4}}(?![\w-]|\.\d)", re.A)
_SSN_SAID = re.compile(
    rf"(?i:\bssn|social[ _-]?security)[^0-9\n]{{0,30}}({_AREA}([ -]?)(?!00)\d\d\2(?!0000)\d{{4}})(?![\w-]|\.\d)", re.A
)

# Enough for whether a text can hold one, to an engine without look-around.
RUST = (
    r"[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{4}|[0-9]{4}[ -][0-9]{6}[ -][0-9]{4}|[0-9]{12}"
    rf"|(?i:{'|'.join(sorted(_LENGTH))})[0-9]{{2}}[ 0-9A-Za-z]{{11}}"
    r"|[0-9]{3}-[0-9]{2}-[0-9]{4}|(?i:ssn|social[ _-]?security)[^0-9\n]{0,30}[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{4}"
)

# Test cards of payment providers, examples of the IBAN registry, numbers of advertisements and of textbooks.
_PUBLISHED = frozenset(
    """
    4111111111111111 4242424242424242 4012888888881881 4222222222222 4000056655665556 5555555555554444
    5105105105105100 2223003122003222 2223000048400011 5200828282828210 378282246310005 371449635398431
    378734493671000 6011111111111117 6011000990139424 30569309025904 38520000023237 36227206271667
    3530111333300000 3566002020360505 4539578763621486 4532015112830366 4716059245847301 5425233430109903
    DE89370400440532013000 GB82WEST12345698765432 GB29NWBK60161331926819 GB33BUKB20201555555555
    FR1420041010050500013M02606 FR7630006000011234567890189 ES9121000418450200051332 NL91ABNA0417164300
    IT60X0542811101000000123456 BE68539007547034 CH9300762011623852957 AT611904300234573201 IE29AIBK93115212345678
    SE4550000000058398257466 NO9386011117947 DK5000400440116243 PL61109010140000071219812874
    078051120 123456789 219099999 457555462
    """.split()
)
_REGULAR = re.compile(r"(\d)\1{6}|(\d\d)\2{4}|12345678|87654321|\A(\d)\3+\Z")


def is_published(value: str) -> bool:
    """A number that stands in documentation, so that it is nobody's."""
    plain = re.sub("[^0-9A-Za-z]", "", value).upper()
    return plain in _PUBLISHED or (plain.isdigit() and bool(_REGULAR.search(plain)))


def cards(text: str) -> Iterator[Span]:
    """Card numbers: a network's prefix and length, and Luhn's check digit."""
    for match in _GROUPED.finditer(text):
        if _is_card(match[0].replace(match[1], ""), rare=False):
            yield match.span()
    for match in _BARE.finditer(text):
        start, end = match.span()
        said = bool(_CARD.search(text, max(start - 40, 0), start) or _CARD.search(text, end, end + 12))
        if (said or not _is_part(text, start, end)) and _is_card(match[0], rare=said):
            yield start, end


def _is_part(text: str, start: int, end: int) -> bool:
    """Digits of an address, a name or a sum."""
    return bool(_NAME.search(text, max(start - 1, 0), start)) or text[end : end + 1] in tuple("-/")


def _is_card(digits: str, *, rare: bool) -> bool:
    known = _BRANDS.fullmatch(digits) or (rare and _RARE.fullmatch(digits))
    return bool(known) and _luhn(digits)


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def ibans(text: str) -> Iterator[Span]:
    """IBANs: a country's code and length, and the check digits; without spaces or in groups of four."""
    for match in _IBAN.finditer(text):
        length = _LENGTH[match[0][:2].upper()]
        size = length + (length - 1) // 4 if match[0][4] == " " else length
        value = match[0][:size]
        plain = value.replace(" ", "")
        after = text[match.start() + size : match.start() + size + 1]
        if len(plain) == length and not (after.isascii() and after.isalnum()) and _checks(plain):
            yield match.start(), match.start() + size


def _checks(iban: str) -> bool:
    # Words of that length are no account: every country's numbers have at least six digits behind the check digits.
    digits = sum(char.isdigit() for char in iban[4:])
    return digits >= 6 and int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1


def social_security(text: str) -> Iterator[Span]:
    """US social security numbers: with hyphens anywhere, in other forms only behind the words."""
    for match in _SSN.finditer(text):
        yield match.span()
    for match in _SSN_SAID.finditer(text):
        yield match.span(1)
