"""What a tokenizer made of texts, remembered for the next rule that asks."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Ints = np.ndarray[Any, np.dtype[np.int32]]

# What an entry takes beside its arrays: the objects, the key, its place in the dictionary.
_ENTRY = 500


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Tokens of one text: `tokens`, their ids, int32 [n]; `spans`, the [start, end) characters of each, int32 [n, 2].

    `ids` and `offsets` are the same as lists, made when asked for. The arrays are shared: read only.
    """

    tokens: Ints
    spans: Ints

    @property
    def ids(self) -> list[int]:
        """Token ids."""
        ids: list[int] = self.tokens.tolist()
        return ids

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """The [start, end) characters that each token stands for."""
        return list(map(tuple, self.spans.tolist()))


@dataclass
class Memory:
    """Encodings by the digest of their text, up to `limit` bytes; those that were asked for least lately go first.

    An entry is (ids, spans), spans None where nobody wanted them.
    """

    limit: int
    size: int = 0
    _entries: "OrderedDict[bytes, tuple[Ints, Ints | None]]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def get(self, key: bytes, *, spans: bool) -> tuple[Ints, Ints | None] | None:
        """What is known of a text, or None; with `spans` only if they are known."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or (spans and entry[1] is None):
                return None
            self._entries.move_to_end(key)
            return entry

    def put(self, key: bytes, ids: Ints, spans: Ints | None) -> None:
        """Remember a text, unless it alone would take a large part of the room."""
        entry = (ids, spans)
        for array in entry:
            if array is not None:
                array.flags.writeable = False
        if _size(entry) > self.limit // 4:
            return
        with self._lock:
            self._forget(key)
            self._entries[key] = entry
            self.size += _size(entry)
            while self.size > self.limit:
                self._forget(next(iter(self._entries)))

    def _forget(self, key: bytes) -> None:
        old = self._entries.pop(key, None)
        self.size -= 0 if old is None else _size(old)


def _size(entry: tuple[Ints, Ints | None]) -> int:
    ids, spans = entry
    return _ENTRY + ids.nbytes + (0 if spans is None else spans.nbytes)
