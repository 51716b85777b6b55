"""Where a person is reached: e-mail addresses, telephone numbers, public IPv4 addresses.

Sources: RFC 5321 and 5322 (addresses), RFC 2606 and 6761 (names of examples), ITU-T E.164 (country codes, at most 15
digits), the North American Numbering Plan (555-01xx is fiction, toll-free codes are companies'), Ofcom's numbers for
drama, IANA's registry of special IPv4 addresses.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator

from datalint.pii.known import KNOWN_ADDRESSES, NO_HOST, NO_TLD, NOBODY
from datalint.pii.numbers import Span, begins

# ---- e-mail ----

_LOCAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.!#$%&*+/=?^_{|}~-"
_DOMAIN = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{2,252}")
_TLD = re.compile(r"[A-Za-z]{2,24}")
_ESCAPED = re.compile(r"\\(?:[bfnrt]|u[0-9A-Fa-f]{4})")
_SECOND = frozenset(("co", "com", "org", "net", "ac", "edu", "gov"))
_YOURS = re.compile(r"(?i)your|example")


def emails(text: str) -> Iterator[Span]:
    """Addresses of somebody: placeholders, addresses of examples and automata, logins in URLs are none."""
    at = text.find("@")
    while at >= 0:
        domain = _host(text, at + 1)
        if domain:
            start = _start(text, at)
            local = text[start:at]
            if local and not _is_example(local, domain) and not _is_login(text, start):
                yield start, at + 1 + len(domain)
        at = text.find("@", at + 1)


def _host(text: str, start: int) -> str:
    """The domain from there on; empty if there is none."""
    match = _DOMAIN.match(text, start)
    if match is None:
        return ""
    name = match[0].split("..")[0].rstrip(".-")
    labels = name.split(".")
    # A decorator or a product of matrices is called or assigned to; a path or a version goes on.
    goes_on = text[start + len(name) : start + len(name) + 1] in ("(", "@", "_", "[", "=", "/")
    right = len(labels) > 1 and all(label.strip("-") == label != "" for label in labels)
    return name if right and not goes_on and _TLD.fullmatch(labels[-1]) else ""


def _start(text: str, at: int) -> int:
    """Where the part before `@` begins; `at` itself if there is none."""
    head = text[max(at - 65, 0) : at]
    local = head[len(head.rstrip(_LOCAL)) :]
    if not local or len(local) > 64 or local[-1] == ".":
        return at
    start = at - len(local)
    # What a quotation or a Markdown list put there, or an escape of JSON inside of a text.
    escaped = _ESCAPED.match(text, start - 1) if text[start - 1 : start] == "\\" else None
    start = escaped.end() if escaped else start
    while start < at and not text[start].isalnum():
        start += 1
    return start if escaped is None or escaped.end() <= at else at


def _is_example(local: str, domain: str) -> bool:
    labels = domain.lower().split(".")
    name = labels[-3] if len(labels) > 2 and labels[-2] in _SECOND and len(labels[-1]) == 2 else labels[-2]
    if labels[-1] in NO_TLD or name in NO_HOST or "example" in labels:
        return True
    # Google gives out names of six characters and more, dots and what follows a plus not counted.
    if name in ("gmail", "googlemail") and len(local.split("+", maxsplit=1)[0].replace(".", "")) < 6:
        return True
    return local.lower() in NOBODY or bool(_YOURS.search(local) or _YOURS.match(name))


def _is_login(text: str, start: int) -> bool:
    """`ftp://name:password@host`: a credential, and no address to write to."""
    word = re.split(r"[\s'\"<>()]", text[max(start - 80, 0) : start])[-1]
    return "://" in word


# ---- telephone ----

_COUNTRY = (
    r"(?:7|2(?:[07]|[1-689]\d)|3(?:[0-469]|[578]\d)|4(?:[013-9]|2\d)|5(?:[1-8]|[09]\d)|6(?:[0-6]|[789]\d)"
    r"|8(?:[1246]|[58]\d)|9(?:[0-58]|[679]\d))"
)
_AFTER = r"(?![\w/]|[-.,]\d| ?[*=^])"
_EXTENSION = r"(?: ?(?:x|ext\.? ?)\d{1,6})?"
# Seven digits or more, with at most two separators between: only there numbers are looked for.
_DIGITS = re.compile(r"\d(?:[-. ()]{0,2}\d){6,}", re.A)
_ABROAD = re.compile(
    rf"(?:\+|00(?=[1-9]\d{{0,2}}[-. ]))(?:1[-. (]{{0,2}}[2-9](?:[-. ()]{{0,2}}\d){{9}}"
    rf"|{_COUNTRY}(?:[-. ()]{{0,2}}\d){{6,11}})(?!\d){_EXTENSION}",
    re.A,
)
_AMERICAN = re.compile(
    r"(?:1[-. ])?(?:\([2-9]\d\d\)[-. ]?[2-9]\d\d[-. ]|(?:[2-9]\d\d)([-.])\d{3}\1)\d{4}(?!\d)"
    rf"{_EXTENSION}{_AFTER}",
    re.A,
)
_AREA = re.compile(rf"\(0\d{{1,4}}\)[ -]?\d{{3,4}}(?:[ -]\d{{3,4}}){{1,2}}{_AFTER}", re.A)
_CHINESE = re.compile(rf"1[3-9]\d([- ])\d{{4}}\1\d{{4}}{_AFTER}", re.A)
# Forms that other numbers have too.
_LOCAL_FORM = re.compile(
    r"(?:\(\d{2,5}\)[ -]?\d{3,8}(?:[- ]\d{3,4})?|\d{2,5}([-. ])\d{2,8}(?:\1\d{2,4}){0,4}|\d{3}-\d{3} \d{4}"
    rf"|(?P<bare>0\d{{8,11}}|[2-9]\d{{9}}|1[3-9]\d{{9}}))(?!\d){_EXTENSION}{_AFTER}",
    re.A,
)
_SAID = re.compile(
    r"(?i:phone|\btel\b|telefon|tel[ée]fono|t[ée]l[ée]phone|mobile|\bcell|\bfax|whats ?app|\bcall|\bdial\b|\bring\b"
    r"|\btext|\bsms\b|\bcontact|hotline|\breach|\bdesk\b|\boffice\b|messages? (?:to|at|on)|answering (?:at|on)"
    r"|registered|电话|電話|手机|手機|联系方式|致电|传真|携帯|전화)\.?[^0-9.!?]{0,24}\Z"
)
_KIND = re.compile(r" ?[-(,]? ?(?i:office|mobile|fax|cell|home|work|tel|desk)\b")
_DATE = re.compile(r"(?:19|20)\d\d([-. ])\d\d?\1\d\d?|\d\d?([-. ])\d\d?\2(?:19|20)\d\d|(?:19|20)\d\d[- ](?:19|20)\d\d")
_QUAD = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_FREE = re.compile(r"\+?1?8(?:00|33|44|55|66|77|88)\d{7}|0(?:800|808)\d{3,8}|\+?1?[2-9]00\d{7}")
_FICTION = re.compile(
    r"(?:1?\d{3})?55501\d\d|1?555\d{7}|(?:0044|44|0)?0?(?:7700900\d{3}|2079460\d{3}|1632960\d{3}|1[1-6]\d4960\d{3})"
    r"|.*(?:1234567|7654321|2345678|(\d)\1{5}|0000\Z).*|1?5555555|2147483647|2147483648|4294967295|4294967296"
)


def phones(text: str) -> Iterator[Span]:
    """Telephone numbers in international or American form; other forms only beside a word that says so.

    Numbers of fiction, of dummies and toll-free ones are nobody's.
    """
    for zone in _DIGITS.finditer(text):
        # So few digits in a row, and no plus before them: a number of no form.
        if zone.end() - zone.start() < 9 and zone[0].isdigit() and text[zone.start() - 1 : zone.start()] != "+":
            continue
        for pattern, holds in _FORMS:
            for match in pattern.finditer(text, max(zone.start() - 2, 0), zone.end() + 16):
                # What begins behind the zone may be cut by its end.
                if match.start() < zone.end() and holds(text, match) and not _is_nobodys(match[0]):
                    yield match.span()


def _is_edged(text: str, match: re.Match[str]) -> bool:
    return begins(text, match.start(), ".+-")


def _is_abroad(text: str, match: re.Match[str]) -> bool:
    before = text[max(match.start() - 8, 0) : match.start()].rstrip(" ")[-1:]
    is_sum = match[0][1:].isdigit() and before in tuple("0123456789)=*^")
    return not is_sum and begins(text, match.start(), "+*.^)-")


def _is_said(text: str, match: re.Match[str]) -> bool:
    """A word before or behind says that it is a telephone number."""
    digits = _digits(match[0].split("x")[0])
    if not (_is_edged(text, match) and 7 <= len(digits) <= 13):
        return False
    said = _SAID.search(text, max(match.start() - 48, 0), match.start())
    return bool(said or (not match["bare"] and _KIND.match(text, match.end())))


_FORMS: tuple[tuple[re.Pattern[str], Callable[[str, re.Match[str]], bool]], ...] = (
    (_ABROAD, _is_abroad),
    (_AMERICAN, _is_edged),
    (_AREA, _is_edged),
    (_CHINESE, _is_edged),
    (_LOCAL_FORM, _is_said),
)


def _is_nobodys(value: str) -> bool:
    """A date, an IPv4 address, a toll-free number, fiction or a dummy."""
    value = re.split("[xe]", value)[0]
    digits = _digits(value)
    other = _DATE.fullmatch(value) or _QUAD.fullmatch(value) or value.count("(") != value.count(")")
    return bool(other or _FREE.fullmatch(digits) or _FICTION.fullmatch(digits))


def _digits(value: str) -> str:
    return re.sub("[^0-9]", "", value)


# ---- IPv4 ----

_IP = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w-]|\.\d|\.[A-Za-z])", re.A)
_VERSION = re.compile(r"(?i:\bv|version|release|section|chapter|clause|==|~=|>=|<=|[\w-]/|[\^~])[\s:'\"]{0,3}\Z")


def addresses(text: str) -> Iterator[Span]:
    """Public IPv4 addresses; networks, version numbers and public resolvers are none."""
    for match in _IP.finditer(text):
        value = match[0]
        parts = value.split(".")
        numbers = [int(part) for part in parts]
        if max(numbers) > 255 or any(len(part) > 1 and part[0] == "0" for part in parts) or value in KNOWN_ADDRESSES:
            continue
        # Versions and headings have small numbers: all four below 32 is one address in 4,096.
        if max(numbers) < 32 or numbers[3] == 0 or _VERSION.search(text, max(match.start() - 12, 0), match.start()):
            continue
        if begins(text, match.start(), ".-") and ipaddress.IPv4Address(value).is_global and numbers[0] < 224:
            yield match.span()


# Enough for whether a text can hold one, to an engine without look-around.
RUST = (
    r"[0-9A-Za-z!#$%&*+/=?^_{|}~-]@[0-9A-Za-z]|[0-9](?:[-. ()]{0,2}[0-9]){6}"
    r"|[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"
)
