"""An index on a real Redis server: shared, locked, and never unpickled."""

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from index_rows import BASE, add, frames, mixed_rows, seen, series
from redis_server import serving

from datalint.dedup import normalise
from datalint.errors import InputError, MissingExtraError, UsageError
from datalint.index import open_index
from datalint.index.address import PASSWORD, Address
from datalint.index.redis_index import BANDS
from datalint.index.sketches import minhash_of


@pytest.fixture
def client(server):
    import redis

    return redis.Redis(unix_socket_path=str(server))


def name_of(address: str) -> str:
    return address.rpartition("=")[2]


def test_another_process_finds_what_was_added(address) -> None:
    add(address, [BASE])
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from index_rows import seen; "
        "print(seen(sys.argv[1], [sys.argv[2]]))"
    )
    asked = BASE.replace("an hour", "one hour")
    done = subprocess.run([sys.executable, "-c", code, address, asked], capture_output=True, text=True, check=True)
    assert "('old.jsonl', 0, 0.931034483, False)" in done.stdout


def test_two_writers_at_once_keep_every_row_once(address, client) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from index_rows import add, mixed_rows\n"
        "for seed in range(4):\n    add(sys.argv[1], mixed_rows(seed) + mixed_rows(100 + int(sys.argv[2])))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, address, str(number)]) for number in range(2)]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    rows = [row for seed in (*range(4), 100, 101) for row in mixed_rows(seed)]
    done = add(address, rows)
    assert (done.added, done.known) == (0, len(rows))
    prefix = f"datalint:{name_of(address)}"
    assert client.hlen(f"{prefix}:rows") == client.hlen(f"{prefix}_keys") == done.total
    # What datasketch keeps of a row is there once: its 21 bands.
    assert {client.llen(f"{prefix}_keys".encode() + key) for key in client.hkeys(f"{prefix}_keys")} == {BANDS[0]}


def test_a_writer_that_died_is_made_good_by_the_next_one(address, monkeypatch) -> None:
    rows = mixed_rows(5)
    index = open_index(address, create=True)
    with monkeypatch.context() as patch:
        patch.setattr("datalint.index.redis_index.Row", lambda *_: sys.exit("killed"))
        with pytest.raises(SystemExit, match="killed"):
            index.add(frames(rows))
    assert open_index(address).info().rows == 0
    assert seen(address, rows) == {}
    done = add(address, rows)
    assert done.added == done.total == len(list(open_index(address).signatures()))
    assert len(seen(address, rows)) == len(rows)


def test_nothing_from_the_server_is_unpickled(address, client, monkeypatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("unpickled")

    for name in ("load", "loads", "dump", "dumps"):
        monkeypatch.setattr(pickle, name, never)
    add(address, mixed_rows(6))
    assert len(seen(address, mixed_rows(6))) > 0
    # A key that somebody else puts into a bucket is no row of ours.
    for bucket in client.scan_iter(match=f"datalint:{name_of(address)}_bucket_*"):
        if client.type(bucket) == b"set":
            client.sadd(bucket, b"\x80\x04cos\nsystem\n", b"x" * 13)
    assert len(seen(address, mixed_rows(6))) > 0


def test_datasketch_reads_the_index_as_its_own(server, address) -> None:
    from datasketch import MinHashLSH

    rows = mixed_rows(7)
    add(address, rows)
    storage = {"type": "redis", "basename": f"datalint:{name_of(address)}".encode()}
    storage["redis"] = {"unix_socket_path": str(server)}
    theirs = MinHashLSH(num_perm=126, params=BANDS, storage_config=storage, prepickle=False)
    for _, signature in open_index(address).signatures():
        sketch = minhash_of(signature)
        assert any(theirs.keys.get(key)[0] == bytes(signature[:6].byteswap()) for key in theirs.query(sketch))


def test_a_wrong_password_and_no_server_are_one_line(tmp_path, server, monkeypatch) -> None:
    with serving(tmp_path, "--requirepass", "right") as socket:
        address = f"unix://{socket}?name=a"
        with pytest.raises(InputError, match=f"wants a password, or another one: give it in {PASSWORD}"):
            add(address, [BASE])
        monkeypatch.setenv(PASSWORD, "swordfish")
        with pytest.raises(InputError, match=PASSWORD) as told:
            add(address, [BASE])
        assert "swordfish" not in str(told.value)
        monkeypatch.setenv(PASSWORD, "right")
        assert add(address, [BASE]).added == 1
    with pytest.raises(InputError, match="the server does not answer"):
        seen(address, [BASE])


def test_a_server_that_is_full_is_one_line(tmp_path, server) -> None:
    import redis

    with serving(tmp_path, "--maxmemory", "1500kb") as socket:
        address = f"unix://{socket}?name=a"
        rows = [row for seed in range(30) for row in mixed_rows(seed, families=50)]
        with pytest.raises(InputError, match=r"as it should: .*maxmemory'?\.?$"):
            add(address, rows)
        # With more room the index is what it was, and the add can be done again.
        redis.Redis(unix_socket_path=str(socket)).config_set("maxmemory", 0)
        assert open_index(address).info().rows == sum(1 for _ in open_index(address).signatures())
        assert add(address, rows).total == len(set(normalise(series(rows))))


def test_something_else_under_the_name_is_not_believed(address, client) -> None:
    client.set(f"datalint:{name_of(address)}:meta", b"\x80\x04.")
    with pytest.raises(InputError, match="holds something that is no index; use another name"):
        open_index(address)
    client.set(f"datalint:{name_of(address)}:meta", b'{"format": 2, "files": 1}')
    with pytest.raises(UsageError, match="newer datalint"):
        open_index(address)
    client.set(f"datalint:{name_of(address)}:meta", b'{"format": 1, "scheme": "", "version": "0.0.9"}')
    with pytest.raises(UsageError, match="build the index anew under another name"):
        open_index(address)


def test_a_row_that_was_spoilt_is_not_believed(address, client) -> None:
    add(address, ["A sea."])
    (key,) = client.hkeys(f"datalint:{name_of(address)}:rows")
    for spoilt in (b"", b"\x80\x04.", b"\x94\xa1a\x00\xc0\xc4\x03abc"):
        client.hset(f"datalint:{name_of(address)}:rows", key, spoilt)
        with pytest.raises(InputError, match="holds something that is no index"):
            open_index(address).seen_before(series(["a sea."]))


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("redis://host?name=a", {"host": "host", "port": 6379, "db": 0, "ssl": False, "username": None}),
        ("redis://me@host:1/2?name=a.b-C", {"host": "host", "port": 1, "db": 2, "username": "me"}),
        ("rediss://host/?name=a&db=3", {"ssl": True, "db": 3}),
        ("unix:///run/redis.sock?name=a&db=1", {"unix_socket_path": "/run/redis.sock", "db": 1}),
    ],
)
def test_addresses(url, options) -> None:
    assert Address.of(url).options.items() >= options.items()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://host?name=a", "not the address"),
        ("redis://host?name=a&x=1", "not the address"),
        ("redis://host:port/0?name=a", "not the address"),
        ("redis://[host?name=a", "not the address"),
        ("redis://host", "needs a name"),
        ("redis://host?name=a_b", "needs a name"),
        ("redis://host/x?name=a", "the database is not a number"),
        ("redis://me:secret@host?name=a", f"in the environment, as {PASSWORD}"),
        ("redis://me:sec/ret@host?name=a", "not the address"),
    ],
)
def test_wrong_addresses_are_told_without_what_is_secret_in_them(url, told) -> None:
    with pytest.raises(UsageError, match=told) as error:
        Address.of(url)
    assert "ret@" not in str(error.value)


def test_without_the_extra_its_name_is_told(monkeypatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "datasketch" else found(name))
    with pytest.raises(MissingExtraError, match=r"this needs datasketch: pip install 'datalint-ft\[index\]'"):
        open_index("redis://host?name=a")
