"""An index in a folder: whole or not at all, one writer at a time, and never believed when it is damaged."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from index_rows import add, mixed_rows, seen

from datalint.errors import InputError, OutputError, UsageError
from datalint.index import open_index
from datalint.index.parts import NAME, _digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    add(tmp_path / "i.idx", mixed_rows(1))
    return tmp_path / "i.idx"


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.bands"))


def script(code: str, *args: object) -> list[str]:
    head = f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom index_rows import add, mixed_rows\n"
    return [sys.executable, "-c", head + textwrap.dedent(code), *map(str, args)]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_writer_that_dies_leaves_the_index_as_it_was(folder, call) -> None:
    before = parts(folder)
    code = """
        import os, signal, pathlib
        def die(*args):
            os.kill(os.getpid(), signal.SIGKILL)
        os.fsync = die
        pathlib.Path.replace = die
        if sys.argv[2] == "replace":
            os.fsync = lambda descriptor: None
        add(sys.argv[1], mixed_rows(2))
    """
    done = subprocess.run(script(code, folder, call), capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(folder.glob(".*.tmp"))
    assert parts(folder) == before
    rows = open_index(folder).info().rows
    assert add(folder, mixed_rows(2)).total > rows
    assert not list(folder.glob(".*.tmp"))


def test_a_full_disk_leaves_the_index_as_it_was(folder, monkeypatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    before = parts(folder)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"\(No space left on device\); nothing was added"):
        add(folder, mixed_rows(2))
    assert parts(folder) == before
    assert not list(folder.glob(".*.tmp"))


def test_writers_wait_for_each_other_and_no_row_is_kept_twice(tmp_path) -> None:
    where = tmp_path / "i.idx"
    code = "for seed in range(8):\n    add(sys.argv[1], mixed_rows(seed) + mixed_rows(100 + int(sys.argv[2])))\n"
    writers = [subprocess.Popen(script(code, where, number)) for number in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    done = add(where, [row for seed in (*range(8), 100, 101, 102) for row in mixed_rows(seed)])
    assert done.added == 0
    found = [place for place, _ in open_index(where).signatures()]
    assert len(found) == done.total == open_index(where).info().rows
    assert [int(NAME.fullmatch(path.name)[1]) for path in parts(where)] == [*range(1, len(parts(where)) + 1)]


def test_a_reader_sees_what_was_there_when_it_began(folder) -> None:
    reader = open_index(folder)
    before = reader.info().rows
    add(folder, mixed_rows(2))
    assert reader.info().rows == before
    assert open_index(folder).info().rows > before


@pytest.mark.parametrize("place", [0, 0.3, 0.6, 0.99])
def test_a_changed_byte_is_noticed(folder, place) -> None:
    (path,) = parts(folder)
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 4
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"{path}: damaged; restore the index from a copy, or build it anew"):
        seen(folder, ["A sea."])


def damaged(data: bytes, folder: Path) -> None:
    """A part of other content under a name that is right for it."""
    (path,) = parts(folder)
    path.write_bytes(data)
    path.rename(path.with_name(f"part-000001-{_digest(path)}.bands"))


@pytest.mark.parametrize("length", [0, 3, 1000, -1, -20])
def test_a_torn_part_is_told_in_one_line(folder, length) -> None:
    damaged(parts(folder)[0].read_bytes()[:length], folder)
    with pytest.raises(InputError, match="restore the index from a copy, or build it anew"):
        seen(folder, ["A sea."])


def rewritten(folder: Path, header: dict[str, object], drop: str = "") -> None:
    with pa.memory_map(str(parts(folder)[0])) as source:
        table = pa.ipc.open_file(source).read_all()
    old = msgspec.json.decode(table.schema.metadata[b"datalint-index"])
    kept = table.drop_columns([drop] if drop else [])
    sink = pa.BufferOutputStream()
    schema = kept.schema.with_metadata({b"datalint-index": msgspec.json.encode(old | header)})
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(kept.cast(schema))
    damaged(sink.getvalue().to_pybytes(), folder)


def test_a_newer_format_asks_for_a_newer_datalint(folder) -> None:
    rewritten(folder, {"format": 2, "files": {}}, drop="signature")
    with pytest.raises(UsageError, match=r"newer datalint \(index format 2, this one reads 1\); update datalint"):
        seen(folder, ["A sea."])


def test_another_hash_of_words_asks_for_a_new_index(folder) -> None:
    rewritten(folder, {"scheme": "0" * 16, "version": "0.0.9"})
    with pytest.raises(UsageError, match=r"datalint 0\.0\.9 compared words in another way .* build the index anew"):
        add(folder, ["A sea."])


@pytest.mark.parametrize(
    ("header", "drop"), [({"files": []}, ""), ({"boilerplate": "0g"}, ""), ({}, "words"), ({"format": "x"}, "")]
)
def test_a_forged_part_is_told_in_one_line(folder, header, drop) -> None:
    rewritten(folder, header, drop)
    with pytest.raises(InputError, match="no part of an index"):
        seen(folder, ["A sea."])


def test_a_missing_part_is_noticed(folder) -> None:
    add(folder, mixed_rows(2))
    parts(folder)[0].unlink()
    with pytest.raises(InputError, match="part 1 is missing"):
        open_index(folder)


def test_a_folder_of_other_things_is_left_alone(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="a folder with other files in it, and no index; name a new folder"):
        add(tmp_path, ["A sea."])
    with pytest.raises(UsageError, match="no index there"):
        open_index(tmp_path)
    with pytest.raises(UsageError, match="a file, and no index"):
        add(tmp_path / "notes.txt", ["A sea."])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt"]


def test_a_folder_without_permission_is_told(folder, bound_by_modes) -> None:
    folder.chmod(0)
    try:
        command = [*bound_by_modes, sys.executable, "-m", "datalint", "index", "info", "--index", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        folder.chmod(0o700)
    assert done.returncode == 2
    assert "cannot be opened (Permission denied)" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_add_of_nothing_makes_an_index_once(tmp_path) -> None:
    for _ in range(2):
        assert add(tmp_path / "i.idx", []).total == 0
    assert len(parts(tmp_path / "i.idx")) == 1
    assert seen(tmp_path / "i.idx", ["A sea."]) == {}


def test_no_text_is_kept(tmp_path) -> None:
    add(tmp_path / "i.idx", ["Supercalifragilistic words, and 1964 of them."])
    data = parts(tmp_path / "i.idx")[0].read_bytes().lower()
    assert b"supercali" not in data
    assert b"1964" not in data
