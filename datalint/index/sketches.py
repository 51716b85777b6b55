"""Exchange with datasketch (https://ekzhu.com/datasketch): its sketches from ours, and our hash of a word for theirs.

datasketch is imported here alone, and only when somebody asks: it loads scipy.
"""

import importlib.util
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from datalint.dedup.lsh import PERMUTATIONS
from datalint.dedup.ragged import U32
from datalint.errors import MissingExtraError

if TYPE_CHECKING:
    from datasketch import MinHash

SCHEME: Final = "affine32"
"""datasketch's name for the permutations of our signatures; with seed 1, which is its default."""

_BASE: Final = 0x9E3779B97F4A7C15
_MIX: Final = 0xD6E8FEB86659FD93


def word_hash(word: str | bytes) -> int:
    """Our 32-bit hash of a normalised word, the `hashfunc` with which datasketch makes the signatures that we make.

    The upper half of a Karp-Rabin sum modulo 2^64; the lowest bit is set for words that hold a decimal digit.
    """
    text, data = (word, word.encode()) if isinstance(word, str) else (word.decode(), word)
    total = sum(byte * pow(_BASE, place, 1 << 64) for place, byte in enumerate(data))
    number = any(character.isdecimal() for character in text)
    return (total * _MIX >> 32) & 0xFFFFFFFE | number


def minhash_of(signature: U32) -> "MinHash":
    """A signature, shape (126,), as a datasketch sketch. Raises MissingExtraError without the extra `[index]`."""
    return _sketcher()(signature)


@lru_cache(maxsize=1)
def _sketcher() -> "Callable[[U32], MinHash]":
    require("datasketch")
    from datasketch import MinHash

    shared = MinHash(num_perm=PERMUTATIONS, hashfunc=word_hash, scheme=SCHEME)

    def sketch(signature: Any) -> MinHash:
        return MinHash(
            hashvalues=signature, scheme=SCHEME, hashfunc=word_hash, permutations=shared.permutations, seed=shared.seed
        )

    return sketch


def require(*modules: str) -> None:
    """Raises MissingExtraError unless all modules can be imported."""
    missing: Sequence[str] = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"this needs {' and '.join(missing)}: pip install 'datalint-ft[index]'")
