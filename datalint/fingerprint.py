"""The name of a row that survives reordering, resharding and a change of container.

A fingerprint is xxh3-128 (https://xxhash.com) over canonical bytes: keys sorted, nulls left out (Arrow adds
them), JSON without white space. The version stands in front, so that a later scheme cannot be mistaken for this one.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
import xxhash

VERSION = "1"


def unusual(value: Any) -> str:
    """Text for a cell of a type that JSON does not know: pyarrow gives pandas' timestamps where pandas is installed."""
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


_ENCODER = msgspec.json.Encoder(order="sorted", decimal_format="string", uuid_format="canonical", enc_hook=unusual)


def without_nulls(value: Any) -> Any:
    """A copy of a JSON value without keys whose value is null, at any depth."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def canonical(value: Any) -> bytes:
    """JSON bytes that are equal for rows that a trainer cannot tell apart."""
    encoded = _ENCODER.encode(value)
    # Most rows hold no null at all; only the others pay for the walk.
    return _ENCODER.encode(without_nulls(value)) if b"null" in encoded else encoded


def fingerprint(value: Any) -> str:
    """33 characters: the version and 128 bits in hexadecimal."""
    return VERSION + xxhash.xxh3_128_hexdigest(canonical(value))


def digest(texts: Iterable[str | bytes | memoryview]) -> list[bytes]:
    """xxh3-128 of each text, 16 bytes each: equal texts meet by this key, on any machine and version."""
    # polars' own hash may change between versions.
    return [xxhash.xxh3_128_digest(text.encode() if isinstance(text, str) else text) for text in texts]
