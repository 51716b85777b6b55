"""Credentials that say by their form what they are: a table of vendors' patterns, never entropy.

Random-looking text is everywhere in training data (hashes, ids, base64), so only keys with a vendor's own prefix,
alphabet and length count. A search for the literals of the table comes first: it costs next to nothing, and almost
no text of a clean dataset gets past it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

import polars as pl

REDACTED = "[SECRET]"

_WORD = "0-9A-Za-z_"
_URL_SAFE = "0-9A-Za-z_-"
_LINE_END = r"(?:\r?\n|(?:\\+r)?\\+n)"  # as it is, and as JSON inside of a text writes it
_ASSIGNS = r"['\"\\]{0,4}[ \t]{0,8}(?:=>|[:=])[ \t]{0,8}['\"\\]{0,4}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One vendor's credential.

    `pattern` means the same to Python's `re` and to Rust's regex, takes linear time in both and captures nothing. It,
    or what must stand `before` it, begins with one of `literals`. `edge`: the characters that may not touch it on
    either side. `classes`: how many of upper case, lower case and digits a real one has at least; 0 where it is no
    token of random characters, so that nothing can be asked of it.
    """

    name: str
    pattern: str
    literals: tuple[str, ...]
    edge: str = _WORD
    before: str = ""
    classes: int = 2


# A key whose alphabet has the hyphen may not follow one either: each character is then tried as a start only once.
KINDS: tuple[Kind, ...] = (
    Kind("AWS access key id", r"A[KS]IA[0-9A-Z]{16}", ("AKIA", "ASIA"), classes=1),
    Kind(
        "AWS secret access key",
        r"[0-9A-Za-z/+]{40}",
        (
            *("secret_access_key", "SECRET_ACCESS_KEY", "secret-access-key", "secretAccessKey", "SecretAccessKey"),
            *("aws_secret", "AWS_SECRET"),
        ),
        edge=_WORD + "/+=",
        before=rf"(?i:secret[_-]?access[_-]?key|aws_secret(?:_key)?){_ASSIGNS}",
    ),
    Kind("GitHub token", r"gh[opsur]_[0-9A-Za-z]{36,251}", ("gho_", "ghp_", "ghs_", "ghu_", "ghr_")),
    Kind("GitHub token", r"github_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59}", ("github_pat_",)),
    Kind(
        "GitLab token",
        r"gl(?:pat|dt|rt)-[0-9A-Za-z_-]{20,}(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?",
        ("glpat-", "gldt-", "glrt-"),
        edge=_URL_SAFE,
    ),
    Kind("Anthropic API key", r"sk-ant-[0-9A-Za-z_-]{32,}", ("sk-ant-",), edge=_URL_SAFE),
    Kind(
        "OpenAI API key",
        r"sk-(?:proj|svcacct|admin)-[0-9A-Za-z_-]{40,}",
        ("sk-proj-", "sk-svcacct-", "sk-admin-"),
        edge=_URL_SAFE,
    ),
    Kind("OpenRouter API key", r"sk-or-v1-[0-9a-f]{64}", ("sk-or-v1-",), edge=_URL_SAFE),
    # OpenAI's first form (48 characters), and what others made after it, from 32 characters on.
    Kind("OpenAI-style API key", r"sk-[0-9A-Za-z]{32,64}", ("sk-",), edge=_URL_SAFE),
    Kind("Google API key", r"AIza[0-9A-Za-z_-]{35}", ("AIza",), edge=_URL_SAFE),
    Kind(
        "Slack token",
        r"xox[abeoprs]-(?:[0-9]{8,14}-){1,3}[0-9A-Za-z]{16,64}",
        ("xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-"),
        edge=_URL_SAFE,
    ),
    Kind("Slack token", r"xapp-[0-9]-[0-9A-Z]{8,14}-[0-9]{8,14}-[0-9a-z]{32,64}", ("xapp-",), edge=_URL_SAFE),
    Kind(
        "Slack webhook",
        r"hooks\.slack\.com/services/T[0-9A-Z]{6,12}/B[0-9A-Z]{6,12}/[0-9A-Za-z]{20,32}",
        ("hooks.slack.com/services/",),
        edge=_URL_SAFE,
    ),
    Kind("Stripe live key", r"[rs]k_live_[0-9A-Za-z]{16,247}", ("sk_live_", "rk_live_")),
    Kind("Hugging Face token", r"hf_[0-9A-Za-z]{34}", ("hf_",)),
    Kind("npm token", r"npm_[0-9A-Za-z]{36}", ("npm_",)),
    Kind("SendGrid API key", r"SG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}", ("SG.",), edge=_URL_SAFE),
    Kind(
        "JSON Web Token",
        r"eyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{16,}",
        ("eyJ",),
        edge=_URL_SAFE,
        classes=0,
    ),
    Kind(
        "private key",
        r"-----BEGIN [0-9A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        rf"(?:{_LINE_END}[A-Za-z-]{{1,40}}: [ -\[\]-~]{{0,200}}){{0,9}}[0-9A-Za-z+/= \t\r\n\\]{{64,}}"
        r"-----END [0-9A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        ("-----BEGIN ",),
        edge="",
        classes=0,
    ),
)

LITERALS: tuple[str, ...] = tuple(dict.fromkeys(literal for kind in KINDS for literal in kind.literals))

# What the keys of documentation have, and a real one only by an accident of one in thousands.
_PLACEHOLDER = re.compile(
    r"example|sample|placeholder|redacted|dummy|fake|your|secret|changeme|12345678|01234567|abcdefgh|(.)\1{4}",
    re.IGNORECASE,
)
_CLASSES = (re.compile("[A-Z]"), re.compile("[a-z]"), re.compile("[0-9]"))
# The subject "1234567890" of the token that every introduction to JSON Web Tokens shows.
_SHOWN = "eyJzdWIiOiIxMjM0NTY3ODkwI"


class Secret(NamedTuple):
    """A credential: characters `start` to `end` of a text; `preview` shows its vendor's prefix and its length alone."""

    kind: str
    start: int
    end: int
    preview: str


def suspects(texts: pl.Series) -> pl.Series:
    """Indices (uint32) of the texts that hold something of a key's form; `find` says whether it is one, and where."""
    some = texts.str.contains(_ANY_LITERAL).fill_null(value=False).arg_true()
    return some.filter(texts.gather(some).str.contains(_RUST)) if len(some) else some


def find(text: str) -> list[Secret]:
    """The credentials in a text, in order, without overlaps. Placeholders of documentation are none."""
    return [
        Secret(kind.name, start, end, f"{_prefix(kind, text[start:end])}… ({end - start:,} characters)")
        for start, end, kind in _spans(text)
    ]


def redact(text: str) -> str:
    """The text with `[SECRET]` for each credential. Idempotent."""
    return _replaced(text, lambda kind, value: REDACTED)  # noqa: ARG005


def mask(text: str) -> str:
    """The text with asterisks over each credential, all but its vendor's prefix; as long as it was."""
    return _replaced(text, lambda kind, value: _prefix(kind, value).ljust(len(value), "*"))


def mask_all(texts: pl.Series) -> pl.Series:
    """`mask` of each text of a column; nulls stay."""
    hits = suspects(texts)
    return texts.scatter(hits, [mask(text) for text in texts.gather(hits)]) if len(hits) else texts


def _spans(text: str) -> list[tuple[int, int, Kind]]:
    found: list[tuple[int, int, Kind]] = []
    for kind, left, pattern in _SEARCHES:
        for literal in kind.literals:
            at = text.find(literal)
            while at >= 0:
                # The left edge first: what is inside of a long run of key-like characters must not be tried again.
                match = pattern.match(text, at) if left is None or left.match(text, at) else None
                if match and not _is_shown(kind, match[1]):
                    found.append((*match.span(1), kind))
                at = text.find(literal, match.end() if match else at + 1)
    found.sort(key=itemgetter(0))
    return [one for before, one in pairwise([(0, 0, KINDS[0]), *found]) if one[0] >= before[1]]


def _is_shown(kind: Kind, value: str) -> bool:
    """A placeholder, or an example that everybody knows."""
    if not kind.classes:
        return _SHOWN in value
    body = value.removeprefix(_prefix(kind, value))
    return sum(bool(one.search(body)) for one in _CLASSES) < kind.classes or bool(_PLACEHOLDER.search(body))


def _prefix(kind: Kind, value: str) -> str:
    return next((literal for literal in kind.literals if value.startswith(literal)), "")


def _replaced(text: str, by: Callable[[Kind, str], str]) -> str:
    # Again until nothing is left: a key that touches another one is seen only when that is gone.
    while spans := _spans(text):
        pieces, at = [], 0
        for start, end, kind in spans:
            pieces += [text[at:start], by(kind, text[start:end])]
            at = end
        text = "".join([*pieces, text[at:]])
    return text


def _left(edge: str) -> str:
    """What stands before a key: none of `edge`, unless it ends an escape in JSON inside of a text."""
    return rf"(?<![{edge}])|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{{4}})"


def _rust() -> str:
    """All patterns for an engine without look-around: enough for whether there is a match, not for where."""
    parts = []
    for kind in KINDS:
        left = rf"(?:^|[^{kind.edge}]|\\[bfnrt]|\\u[0-9A-Fa-f]{{4}})" if kind.edge and not kind.before else ""
        right = f"(?:$|[^{kind.edge}])" if kind.edge else ""
        parts.append(f"{left}{kind.before}(?:{kind.pattern}){right}")
    return "|".join(parts)


# As an expression: for that few literals Rust's search is three times as fast as `contains_any`.
_ANY_LITERAL = "|".join(map(re.escape, LITERALS))
_RUST = _rust()
_SEARCHES = [
    (
        kind,
        re.compile(_left(kind.edge)) if kind.edge and not kind.before else None,
        re.compile(f"{kind.before}({kind.pattern})" + (f"(?![{kind.edge}])" if kind.edge else "")),
    )
    for kind in KINDS
]
