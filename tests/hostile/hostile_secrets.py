"""Credentials and personal data, put together at run time so that no scanner takes this file for a leak."""

import base64
import hashlib


def _random(name: str, size: int) -> str:
    """Letters and digits in an order that no word has."""
    raw = b"".join(hashlib.sha512(f"{name}{part}".encode()).digest() for part in range(6))
    return base64.b64encode(raw).decode().replace("+", "a").replace("/", "B")[:size]


SECRETS = {
    "AWS": "AK" + "IA" + "4QZ7MWT2LJRXH6VD",
    "GitHub": "gh" + "p_" + _random("a", 36),
    "GitHub, fine-grained": "github" + "_pat_" + _random("b", 22) + "_" + _random("c", 59),
    "Anthropic": "sk-" + "ant-" + _random("d", 94),
    "JSON Web Token": "ey" + "J" + _random("e", 30) + ".ey" + "J" + _random("f", 50) + "." + _random("g", 43),
    "private key": "-----BEGIN "
    f"RSA PRIVATE KEY-----\n{_random('h', 64)}\n{_random('i', 64)}\n{_random('j', 60)}\n"
    "-----END RSA PRIVATE KEY-----",
}
PERSONAL = {
    "e-mail": "quentin.zabriskie" + "@" + "kornblum-werke.de",
    "card": "4539 5787" + " 6362 1486",
    "IBAN": "DE89 3704" + " 0044 0532 0130 00",
}
# Parts that must never be seen: what follows a vendor's prefix, in pieces so short that a cut does not hide them.
WINDOW = 9


def parts(value: str) -> set[str]:
    """Every piece of WINDOW characters of a secret's own, prefixes and PEM's words left out; also as JSON has them."""
    if "PRIVATE" in value:
        bodies = value.split("\n")[1:-1]
    elif "@" in value:
        bodies = [value.partition("@")[0]]
    else:
        bodies = [value[len(value) - max(len(value) * 4 // 5, 12) :]]
    return {body[at : at + WINDOW] for body in bodies for at in range(len(body) - WINDOW + 1)}


ALL = SECRETS | PERSONAL
FORBIDDEN = {part: name for name, value in ALL.items() for part in parts(value)}


def leaks(data: bytes) -> dict[str, str]:
    """The kinds of secret of which something stands in an output: kind -> what stands around it."""
    text = data.decode("utf-8", "replace")
    found: dict[str, str] = {}
    for part, name in FORBIDDEN.items():
        at = text.find(part)
        if at >= 0:
            found.setdefault(name, text[max(at - 80, 0) : at + 40])
    return found
