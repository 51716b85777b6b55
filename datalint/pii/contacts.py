"""Where a person is reached: e-mail addresses, telephone numbers, public IPv4 addresses.

Sources: RFC 5321 and 5322 (addresses), RFC 2606 and 6761 (names of examples), ITU-T E.164 (country codes, at most 15
digits), the North American Numbering Plan (555-01xx is fiction, toll-free codes are companies'), Ofcom's numbers for
drama, IANA's registry of special IPv4 addresses.
"""

import ipaddress
import re
from collections.abc import Iterator

from datalint.pii.numbers import EDGE, Span

# ---- e-mail ----

_LOCAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.!#$%&*+/=?^_{|}~-"
_DOMAIN = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{2,252}")
_TLD = re.compile(r"[A-Za-z]{2,24}")
_ESCAPED = re.compile(r"\\(?:[bfnrt]|u[0-9A-Fa-f]{4})")
# Names of examples by RFC, and those that everybody takes for one.
_NO_TLD = frozenset("example test invalid localhost local lan internal png jpg jpeg gif svg webp js css html".split())
_NO_HOST = frozenset(
    "example examples test testing tests sample placeholder domain mydomain yourdomain otherdomain anotherdomain "
    "company mycompany yourcompany website mywebsite yourwebsite yoursite mysite site host hostname server "
    "yourserver organization yourorganization email youremail foo bar baz foobar abc xyz abcd something somewhere "
    "provider yourprovider emailprovider".split()
)
_NO_ONE = frozenset(
    "you 123 1234 12345 user username user1 user2 someone somebody anyone example test test1 tester email e-mail mail myemail name "
    "firstname lastname firstname.lastname first.last recipient sender receiver from to foo bar abc xyz xxx git "
    "noreply no-reply no_reply donotreply do-not-reply mailer-daemon".split()
)
_SECOND = frozenset("co com org net ac edu gov".split())
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
    after = text[start + len(name) : start + len(name) + 1]
    # A decorator or a product of matrices is called or assigned to; a path or a version goes on.
    if len(labels) < 2 or not all(labels) or not _TLD.fullmatch(labels[-1]) or after in tuple("(@_[=/\\") and after != "\\":
        return ""
    return "" if any(label[0] == "-" or label[-1] == "-" for label in labels) else name


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
    if labels[-1] in _NO_TLD or name in _NO_HOST or "example" in labels:
        return True
    return local.lower() in _NO_ONE or bool(_YOURS.search(local) or _YOURS.match(name))


def _is_login(text: str, start: int) -> bool:
    """`ftp://name:password@host`: a credential, and no address to write to."""
    word = re.split(r"[\s'\"<>()]", text[max(start - 80, 0) : start])[-1]
    return "://" in word


# ---- telephone ----

_COUNTRY = (
    r"(?:1|7|2(?:[07]|[1-689]\d)|3(?:[0-469]|[578]\d)|4(?:[013-9]|2\d)|5(?:[1-8]|[09]\d)|6(?:[0-6]|[789]\d)"
    r"|8(?:[1246]|[58]\d)|9(?:[0-58]|[679]\d))"
)
_AFTER = r"(?![\w/]|[-.,]\d| ?[*=^])"
_EXTENSION = r"(?: ?(?:x|ext\.? ?)\d{1,6})?"
_ABROAD = re.compile(
    rf"(?<![\w+*.^)-])(?:\+|00(?=[1-9]\d{{0,2}}[-. ])){_COUNTRY}[-. ]?(?:\(\d{{1,5}}\)[-. ]?)?\d{{1,12}}(?:[-. ]\d{{2,8}}){{0,5}}{_EXTENSION}",
    re.A,
)
_AMERICAN = re.compile(
    rf"{EDGE}(?<![.+-])(?:1[-. ])?(?:\([2-9]\d\d\)[-. ]?[2-9]\d\d[-. ]|([2-9]\d\d)([-.])\d{{3}}\2)\d{{4}}(?!\d){_EXTENSION}{_AFTER}",
    re.A,
)
_AREA = re.compile(rf"{EDGE}\(0\d{{1,4}}\)[ -]?\d{{3,4}}(?:[ -]\d{{3,4}}){{1,2}}{_AFTER}", re.A)
_CHINESE = re.compile(rf"{EDGE}(?<![.+-])1[3-9]\d([- ])\d{{4}}\1\d{{4}}{_AFTER}", re.A)
_WORDS = (
    r"phone|\btel\b|telefon|tel[ée]fono|t[ée]l[ée]phone|mobile|\bcell|\bfax|whats ?app|\bcall|\bdial\b|\bring\b|\btext|\bsms\b"
    r"|\bcontact|hotline|\breach|\bdesk\b|\boffice\b|messages? (?:to|at|on)|answering (?:at|on)|registered"
    r"|电话|電話|手机|手機|联系方式|致电|传真|携帯|전화"
)
_PLAIN = r"0\d{8,11}|[2-9]\d{9}|1[3-9]\d{9}"
_GROUPS = (
    r"\(\d{2,5}\)[ -]?\d{3,8}(?:[- ]\d{3,4})?|\d{2,5}(?P<gap>[-. ])\d{2,8}(?:(?P=gap)\d{2,4}){0,4}|\d{3}-\d{3} \d{4}"
)
_SAID = re.compile(rf"(?i:{_WORDS})\.?[^0-9.!?]{{0,24}}?(?P<number>{_GROUPS}|{_PLAIN})(?!\d){_EXTENSION}{_AFTER}", re.A)
_KIND = re.compile(
    rf"{EDGE}(?<![.+-])(?P<number>{_GROUPS})(?= ?[-(,] ?(?i:office|mobile|fax|cell|home|work|tel|desk)\b| (?i:office|mobile|fax|cell|home|work)\b)",
    re.A,
)
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
    for match in _ABROAD.finditer(text):
        value, digits = match[0], _digits(match[0])
        before = text[max(match.start() - 8, 0) : match.start()].rstrip(" ")[-1:]
        if before.isdigit() or (before and before in ")=*^"):
            continue  # a sum
        american = digits.startswith("1") or digits.startswith("001")
        if 8 <= len(digits.lstrip("0")) <= (11 if american else 13) or "x" in value:
            if american and not re.search(r"1[-. ]?\(?[2-9]", value):
                continue
            yield from _real(text, match.start(), match.end())
    for pattern, group in ((_AMERICAN, 0), (_AREA, 0), (_CHINESE, 0), (_SAID, "number"), (_KIND, "number")):
        for match in pattern.finditer(text):
            start, end = match.span(group)
            if group and not (7 <= len(_digits(text[start:end])) <= 13):
                continue
            yield from _real(text, start, match.end() if pattern is _SAID else end)


def _real(text: str, start: int, end: int) -> Iterator[Span]:
    value = re.split("[xe]", text[start:end])[0]
    digits = _digits(value)
    if _DATE.fullmatch(value) or _QUAD.fullmatch(value) or value.count("(") != value.count(")"):
        return
    if not (_FREE.fullmatch(digits) or _FICTION.fullmatch(digits)):
        yield start, end


def _digits(value: str) -> str:
    return re.sub("[^0-9]", "", value)


# ---- IPv4 ----

_IP = re.compile(r"(?:(?<![0-9A-Za-z_.-])|(?<=\\[bfnrt]))\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w-]|\.\d|\.[A-Za-z])", re.A)
_VERSION = re.compile(r"(?i:\bv|version|release|section|chapter|clause|==|~=|>=|<=|[\w-]/|[\^~])[\s:'\"]{0,3}\Z")
# Resolvers that everybody may ask, and addresses of books and films.
_KNOWN = frozenset(
    "8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9 149.112.112.112 208.67.222.222 208.67.220.220 94.140.14.14 94.140.15.15 "
    "76.76.2.0 4.2.2.1 4.2.2.2 64.6.64.6 114.114.114.114 223.5.5.5 223.6.6.6 119.29.29.29 "
    "123.45.67.89 12.34.56.78 11.22.33.44 98.76.54.32 123.123.123.123".split()
)


def addresses(text: str) -> Iterator[Span]:
    """Public IPv4 addresses; networks, version numbers and public resolvers are none."""
    for match in _IP.finditer(text):
        value = match[0]
        parts = value.split(".")
        numbers = [int(part) for part in parts]
        if max(numbers) > 255 or any(len(part) > 1 and part[0] == "0" for part in parts) or value in _KNOWN:
            continue
        # Versions and headings have small numbers: all four below 32 is one address in 4,096.
        if max(numbers) < 32 or numbers[3] == 0 or _VERSION.search(text, max(match.start() - 12, 0), match.start()):
            continue
        if ipaddress.IPv4Address(value).is_global and numbers[0] < 224:
            yield match.span()


RUST = (
    r"[0-9A-Za-z!#$%&*+/=?^_{|}~-]@[0-9A-Za-z][0-9A-Za-z-]*\.[0-9A-Za-z]"
    r"|\+[1-9][-. ]?\(?[0-9][-. ()0-9]{5}|\b00[1-9][0-9]{0,2}[-. ]\(?[0-9]{1,5}[-. )]"
    r"|[0-9]{3}\)[-. ]?[0-9]{3}[-. ][0-9]{4}|[0-9]{3}([-][0-9]{3}[-]|[.][0-9]{3}[.])[0-9]{4}|\(0[0-9]{1,4}\)[ -]?[0-9]{3}"
    r"|1[3-9][0-9][- ][0-9]{4}[- ][0-9]{4}|[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"
)
# Words that say telephone are in every second text, so they count only with digits near.
RUST_SAID = (
    rf"(?i:{_WORDS})\.?[^0-9.!?]{{0,24}}\(?[0-9]{{2,5}}[-. )]?[-. 0-9)]{{0,12}}[0-9]{{2}}"
    r"|[0-9][-. ][0-9]{2,8} ?[-(,]? ?(?i:office|mobile|fax|cell|home|work|tel|desk)\b"
).replace(r"\b", "")
