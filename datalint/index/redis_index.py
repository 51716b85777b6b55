"""An index on a Redis server, for a team: datasketch's MinHashLSH holds the band buckets, hashes beside it the rows.

Keys of an index named N: `datalint:N_bucket_...` and `datalint:N_keys...` are datasketch's (its basename is
`datalint:N`), `datalint:N:rows`, `:lines`, `:files`, `:meta` and `:lock` ours. Everything is bytes of known layout;
nothing that comes from the server is ever unpickled.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import polars as pl

from datalint.dedup.lsh import PERMUTATIONS
from datalint.dedup.ragged import I64, U32, U64, Bool, Ragged
from datalint.errors import InputError, UsageError
from datalint.index.address import PASSWORD, Address
from datalint.index.records import PLACES, Place, Records, scheme, signatures_of
from datalint.index.sketches import minhash_of, require
from datalint.index.store import FORMAT, Asked, Info, Members, News, nearest
from datalint.version import __version__

if TYPE_CHECKING:
    from datasketch import MinHashLSH
    from redis import Redis

BANDS: Final = (21, 6)
"""Bands and values of each, as stored: made for a threshold of .8 (a pair at .75 is proposed with probability .98)."""

_ROWS: Final = 1000  # one exchange with the server
_LEASE: Final = 60.0  # seconds after which a writer that died no longer holds the lock
_MEMBER: Final = np.dtype([("content", ">u8"), ("length", ">u4"), ("spaced", "u1")])
"""The key under which datasketch holds a row: what decides whether it is worth a look, without fetching it."""


class Meta(msgspec.Struct, frozen=True):
    """How an index was made. Only the first is sure to be there in a later format."""

    format: int
    scheme: str = ""
    version: str = "?"


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One row; `words` are little-endian 32-bit hashes."""

    file: str
    row: int
    line: int | None
    words: bytes

    def __post_init__(self) -> None:
        if len(self.words) % 4:
            raise ValueError("half a word")


@dataclass(frozen=True)
class RedisStore:
    """One index on a server. Ids of rows are the hashes of their contents."""

    address: Address

    @property
    def where(self) -> str:
        return self.address.where

    @classmethod
    def open(cls, url: str, *, create: bool = False) -> "RedisStore":
        """The index at an address. Raises UsageError where there is none, InputError where there is no server."""
        require("redis", "datasketch")
        store = cls(Address.of(url))
        with store._told():
            if create:
                fresh = msgspec.json.encode(Meta(FORMAT, scheme(), __version__))
                store._redis.set(store._key("meta"), fresh, nx=True)
            held = store._redis.get(store._key("meta"))
        if held is None:
            raise UsageError(f"{store.where}: no index there; make one with `datalint index add PATHS --index ADDRESS`")
        meta = store._decoded(held, Meta)
        if meta.format > FORMAT:
            raise UsageError(
                f"{store.where}: written by a newer datalint (index format {meta.format}, this one reads {FORMAT}); "
                "update datalint"
            )
        if meta.scheme != scheme():
            raise UsageError(
                f"{store.where}: datalint {meta.version} compared words in another way than {__version__}; build the "
                "index anew under another name"
            )
        return store

    def info(self) -> Info:
        with self._told():
            meta = self._decoded(self._redis.get(self._key("meta")), Meta)
            rows, files = self._redis.hlen(self._key("rows")), self._redis.scard(self._key("files"))
        return Info(self.where, rows, files, None, None, meta.format, meta.version)

    def boilerplate(self) -> U64:
        with self._told():
            lines: set[Any] = self._redis.smembers(self._key("lines"))
        return np.sort(np.frombuffer(b"".join(lines), ">u8").astype(np.uint64))

    def known(self, hashes: U64) -> Bool:
        found: list[bool] = []
        for contents in _batches(hashes):
            with self._told(), self._redis.pipeline(transaction=False) as pipe:
                for content in contents:
                    pipe.hexists(self._key("rows"), content)
                found += pipe.execute()
        return np.asarray(found, bool)

    def ids(self, hashes: U64) -> U64:
        return hashes

    def candidates(self, asked: Asked) -> tuple[I64, U64]:
        bands, values = BANDS
        buckets, rows = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        members, of_bucket = [np.zeros(0, _MEMBER)], [np.zeros(0, np.int64)]
        count = 0
        for band in range(bands):
            table = self._lsh.hashtables[band]
            # datasketch's name of a bucket: the band's values, big-endian.
            names = np.ascontiguousarray(asked.signatures[:, band * values : (band + 1) * values], ">u4")
            wanted, bucket = np.unique(names.view(f"V{4 * values}").ravel(), return_inverse=True)
            buckets.append(bucket + count)
            rows.append(np.arange(len(names)))
            for start in range(0, len(wanted), _ROWS):
                with self._told():
                    held = table.getmany(*(name.tobytes() for name in wanted[start : start + _ROWS]))
                # Keys of another form are somebody's who uses datasketch directly.
                held = [[key for key in bucket if len(key) == _MEMBER.itemsize] for bucket in held]
                members.append(np.frombuffer(b"".join(itertools.chain.from_iterable(held)), _MEMBER))
                of_bucket.append(np.repeat(np.arange(len(held)) + count + start, [len(bucket) for bucket in held]))
            count += len(wanted)
        member, bucket = np.concatenate(members), np.concatenate(of_bucket)
        fit = (member["spaced"] == asked.spaced) & (member["length"] >= asked.shortest)
        member, bucket = member[fit], bucket[fit]
        contents, row = np.unique(member["content"].astype(np.uint64), return_inverse=True)
        # A writer that died may have left a row in buckets that it did not get to store.
        there = self.known(contents)
        whole_rows = there[row]
        stands = Members(
            bucket[whole_rows],
            row[whole_rows],
            member["length"][whole_rows].astype(np.int64),
            contents[row[whole_rows]],
        )
        looked = np.concatenate(rows)
        mine, other = nearest(np.concatenate(buckets), looked, asked.lengths[looked], stands)
        return mine, contents[other]

    def bodies(self, ids: U64) -> Ragged:
        words = [np.frombuffer(row.words, "<u4").astype(np.uint32) for row in self._rows(ids)]
        return Ragged.of(np.concatenate([np.zeros(0, np.uint32), *words]), np.array([len(w) for w in words], np.int64))

    def places(self, ids: U64) -> pl.DataFrame:
        rows = [(row.file, row.row, row.line) for row in self._rows(ids)]
        return pl.DataFrame(rows, schema=PLACES, orient="row")

    def append(self, news: News) -> "tuple[RedisStore, int]":
        added = 0
        with self._told():
            for start in range(0, len(news.boilerplate), _ROWS):
                self._redis.sadd(self._key("lines"), *_names(news.boilerplate[start : start + _ROWS]))
            for records in news.records:
                for start in range(0, len(records), _ROWS):
                    part = records.take(np.arange(start, min(start + _ROWS, len(records))))
                    with self._redis.lock(self._key("lock"), timeout=_LEASE, blocking_timeout=10 * _LEASE):
                        part = part.take(np.flatnonzero(~self.known(part.hashes)))
                        if len(part):
                            self._insert(part, news.files)
                    added += len(part)
            self._redis.set(self._key("meta"), msgspec.json.encode(Meta(FORMAT, scheme(), __version__)))
        return self, added

    def _insert(self, records: Records, files: Sequence[str]) -> None:
        """Buckets first and rows last: a row that is there can be found, however this ends."""
        keys = np.zeros(len(records), _MEMBER)
        keys["content"], keys["length"], keys["spaced"] = records.hashes, records.body.lengths, records.spaced
        names = [key.tobytes() for key in keys]
        # What a writer that died has left of these rows would be stored twice.
        self._lsh.keys.remove(*names)
        with self._lsh.insertion_session() as session:
            for name, signature in zip(names, signatures_of(records.body, records.spaced), strict=True):
                session.insert(name, minhash_of(signature), check_duplication=False)
        words, ends = records.body.values.astype("<u4").tobytes(), (4 * records.body.offsets).tolist()
        held = [files[number] for number in records.file.tolist()]
        rows = [
            Row(file, row, line or None, words[start:end])
            for file, row, line, start, end in zip(
                held, records.row.tolist(), records.line.tolist(), ends[:-1], ends[1:], strict=True
            )
        ]
        encoded = map(msgspec.msgpack.Encoder().encode, rows)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.sadd(self._key("files"), *set(held))
            pipe.hset(self._key("rows"), mapping=dict(zip(_names(records.hashes), encoded, strict=True)))
            pipe.execute()

    def signatures(self) -> Iterator[tuple[Place, U32]]:
        names = self._lsh.keys.keys()
        for start in range(0, len(names), _ROWS):
            part = names[start : start + _ROWS]
            with self._told():
                held = self._lsh.keys.getmany(*part)
                rows = self._redis.hmget(self._key("rows"), [name[:8] for name in part])
            for bands, row in zip(held, rows, strict=True):
                if row is not None:
                    place = self._decoded(row, Row)
                    signature = np.frombuffer(b"".join(bands[: BANDS[0]]), ">u4").astype(np.uint32)
                    yield Place(place.file, place.row, place.line), signature

    def _rows(self, ids: U64) -> Iterator[Row]:
        for contents in _batches(ids):
            with self._told():
                held = self._redis.hmget(self._key("rows"), contents)
            yield from (self._decoded(row, Row) for row in held)

    def _key(self, what: str) -> str:
        return f"datalint:{self.address.name}:{what}"

    def _decoded(self, data: Any, kind: type) -> Any:
        decode = msgspec.json.decode if kind is Meta else msgspec.msgpack.decode
        try:
            return decode(data, type=kind)
        except (msgspec.MsgspecError, TypeError) as error:
            raise InputError(f"{self.where}: holds something that is no index; use another name") from error

    @cached_property
    def _options(self) -> dict[str, Any]:
        """Arguments of redis.Redis. By default it tries so often that a mistyped address looks like a hang."""
        from redis.backoff import ExponentialBackoff
        from redis.retry import Retry

        return {**self.address.options, "retry": Retry(ExponentialBackoff(cap=0.5, base=0.1), 2)}

    @cached_property
    def _redis(self) -> "Redis":
        from redis import Redis

        return Redis(**self._options)

    @cached_property
    def _lsh(self) -> "MinHashLSH":
        from datasketch import MinHashLSH

        storage = {"type": "redis", "basename": f"datalint:{self.address.name}".encode(), "redis": self._options}
        return MinHashLSH(num_perm=PERMUTATIONS, params=BANDS, storage_config=storage, prepickle=False)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong with a server, in one line."""
        from redis.exceptions import AuthenticationError, LockError, RedisError

        try:
            yield
        except AuthenticationError as error:
            raise InputError(f"{self.where}: wants a password, or another one: give it in {PASSWORD}") from error
        except LockError as error:
            raise InputError(f"{self.where}: others are writing to the index all the time; try again later") from error
        except RedisError as error:
            # Of a batch of commands redis-py tells which one, in bytes, before it tells why.
            what = str(error).rpartition(" of pipeline caused error: ")[2] or type(error).__name__
            raise InputError(f"{self.where}: the server does not answer as it should: {what}") from error


def _names(hashes: U64) -> list[bytes]:
    """Eight bytes each."""
    data = hashes.astype(">u8").tobytes()
    return [data[i : i + 8] for i in range(0, len(data), 8)]


def _batches(hashes: U64) -> Iterator[Sequence[bytes]]:
    names = _names(hashes)
    return (names[start : start + _ROWS] for start in range(0, len(names), _ROWS))
