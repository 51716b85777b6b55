"""`restore` trusts nothing that it reads, and says what it has proved."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cleaner_helpers import contents, lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import datalint
from datalint.cleaner import restore
from datalint.cleaner.stored.manifest import sha256_of
from datalint.errors import DatalintError, InputError, OutputError
from datalint.source import open_source

ROWS = [{"prompt": f"p{i}", "completion": f"c{i}"} for i in range(20)]


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """The output of a clean."""
    (tmp_path / "train.jsonl").write_text(lines(*ROWS, ROWS[0], "broken", '{"prompt" :"x"}'))
    datalint.clean(tmp_path / "train.jsonl", out=tmp_path / "out", isolated=True, select=["DUP001"])
    return tmp_path / "out"


def told(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text())


def edit(folder: Path, **changes: Any) -> None:
    manifest = told(folder)
    manifest["files"][0].update(changes)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def sign(folder: Path) -> None:
    """What somebody does who changes a file and knows what a manifest is."""
    manifest = told(folder)
    for file in manifest["files"]:
        file["output_sha256"] = sha256_of(folder / file["output"])
    manifest["outputs"] = {name: sha256_of(folder / name) for name in manifest["outputs"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_it_says_what_is_identical(done: Path, tmp_path: Path) -> None:
    result = restore(done, out=tmp_path / "back")
    (file,) = result.files
    assert (file.path, file.rows, file.proof) == (tmp_path / "back/train.jsonl", 23, "identical (sha256)")
    assert file.path.read_bytes() == (tmp_path / "train.jsonl").read_bytes()
    with pytest.raises(OutputError, match="there already"):
        restore(done, out=tmp_path / "back")


@pytest.mark.parametrize("name", ["../evil.jsonl", "/tmp/evil.jsonl", "a/../../evil.jsonl", "", ".", "a\0b"])
def test_paths_that_escape_are_refused(done: Path, tmp_path: Path, name: str) -> None:
    for key in ("relative", "output"):
        shutil.copytree(done, tmp_path / key)
        edit(tmp_path / key, **{key: name})
        with pytest.raises(InputError, match=r"outside of its folder"):
            restore(tmp_path / key, out=tmp_path / "back")
    assert not (tmp_path / "evil.jsonl").exists()
    assert not (tmp_path / "back").exists()


def test_links_that_escape_are_refused(done: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.parquet").write_bytes((done / "train.parquet").read_bytes())
    (done / "train.parquet").unlink()
    (done / "train.parquet").symlink_to(tmp_path / "secret.parquet")
    with pytest.raises(InputError, match="outside of its folder"):
        restore(done, out=tmp_path / "back")


def test_two_files_of_one_name_are_refused(done: Path, tmp_path: Path) -> None:
    manifest = json.loads((done / "manifest.json").read_text())
    manifest["files"] *= 2
    (done / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="twice"):
        restore(done, out=tmp_path / "back")


@pytest.mark.parametrize("text", ["", "[]", "{}", "{" * 5000, '{"schema": "datalint-clean/9"}', "\xff"])
def test_a_manifest_that_is_none_is_one_line(done: Path, tmp_path: Path, text: str) -> None:
    (done / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="manifest"):
        restore(done, out=tmp_path / "back")


@pytest.mark.parametrize("name", ["train.parquet", "removed.parquet", "originals.parquet", "manifest.json"])
def test_a_missing_file_is_named(done: Path, tmp_path: Path, name: str) -> None:
    (done / name).unlink()
    with pytest.raises(InputError, match=name):
        restore(done, out=tmp_path / "back")
    assert not (tmp_path / "back").exists()


TABLES = pytest.mark.parametrize("name", ["train.parquet", "removed.parquet", "originals.parquet"])


@TABLES
def test_a_changed_file_is_found_out(done: Path, tmp_path: Path, name: str) -> None:
    pq.write_table(pq.read_table(done / name).slice(1), done / name)
    with pytest.raises(InputError, match=f"{name}: is not what was written"):
        restore(done, out=tmp_path / "back")
    raw = bytearray((done / name).read_bytes())
    for at in range(4, len(raw), 37):
        raw[at] ^= 0x10
    (done / name).write_bytes(raw)
    with pytest.raises(InputError, match=name):
        restore(done, out=tmp_path / "back")
    assert not (tmp_path / "back").exists()


@TABLES
@pytest.mark.parametrize("step", [1, -1])
def test_rows_that_are_missing_or_too_many_are_found_out_whatever_the_digests_say(
    done: Path, tmp_path: Path, name: str, step: int
) -> None:
    table = pq.read_table(done / name)
    pq.write_table(table.slice(1) if step > 0 else pa.concat_tables([table, table]), done / name)
    sign(done)
    if name == "train.parquet" and step < 0:
        restore(done, out=tmp_path / "back")  # rows behind those of the input are nobody's
        assert (tmp_path / "back/train.jsonl").read_bytes() == (tmp_path / "train.jsonl").read_bytes()
        return
    with pytest.raises(InputError):
        restore(done, out=tmp_path / "back")
    assert not (tmp_path / "back").exists()


@TABLES
def test_a_flipped_bit_is_found_out_or_does_no_harm_whatever_the_digests_say(
    done: Path, tmp_path: Path, name: str
) -> None:
    raw, caught = (done / name).read_bytes(), 0
    for number, at in enumerate(range(0, len(raw), 17)):
        (done / name).write_bytes(raw[:at] + bytes([raw[at] ^ (1 << number % 8)]) + raw[at + 1 :])
        sign(done)
        try:
            restore(done, out=tmp_path / "back")
        except DatalintError:
            caught += 1
            assert not (tmp_path / "back").exists()
        else:
            assert (tmp_path / "back/train.jsonl").read_bytes() == (tmp_path / "train.jsonl").read_bytes()
            shutil.rmtree(tmp_path / "back")
    assert caught


def test_a_changed_line_is_found_out_whatever_the_digests_say(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(lines(*ROWS))
    datalint.clean(tmp_path / "train.jsonl", out=tmp_path / "out", isolated=True, select=["DUP001"], to="jsonl")
    path = tmp_path / "out/train.jsonl"
    text = path.read_bytes()
    for number, changed in enumerate(
        (text.replace(b"p7", b"p8"), text[:-1], text[:100], b"", text.replace(b"\n", b"\r\n"), b"\xff" + text)
    ):
        path.write_bytes(changed)
        with pytest.raises(InputError, match="is not what was written"):
            restore(tmp_path / "out", out=tmp_path / f"one{number}")
        sign(tmp_path / "out")
        with pytest.raises(InputError):
            restore(tmp_path / "out", out=tmp_path / f"two{number}")
    (tmp_path / "out/train.jsonl").write_bytes(text)
    edit(tmp_path / "out", style=None)
    sign(tmp_path / "out")
    with pytest.raises(InputError, match="style"):
        restore(tmp_path / "out", out=tmp_path / "three")


def test_bytes_of_a_parquet_input_that_somebody_made_up_are_found_out(tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": ["a", "b", "a"], "completion": ["x", "y", "x"]}), tmp_path / "train.parquet")
    datalint.clean(tmp_path / "train.parquet", out=tmp_path / "out", isolated=True, select=["DUP001"])
    path = tmp_path / "out/originals.parquet"
    table = pq.read_table(path)
    assert table.column("kind").to_pylist() == ["schema", "rows"]
    for number, row in enumerate((0, 1)):
        raw = table.column("raw").to_pylist()
        for step in (3, 5, 11):
            made = bytearray(raw[row])
            for at in range(0, len(made), step * 3):
                made[at] ^= 0xFF
            forged = [bytes(made) if i == row else one for i, one in enumerate(raw)]
            pq.write_table(table.set_column(3, "raw", pa.array(forged, pa.binary())), path)
            sign(tmp_path / "out")
            with pytest.raises(InputError):
                restore(tmp_path / "out", out=tmp_path / f"back{number}")
    assert not list(tmp_path.glob("back*"))


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 1, 2**31, 2**63 - 1, -(2**63), 10**30, 0.5]),
    st.sampled_from(
        ["", ".", "..", "/", "../../evil", "/etc/passwd", "a\0", "a/b", "utf-7", "rot13", "zlib", "gzip", "x" * 300]
    ),
    st.sampled_from(["text", "rows", "file", "csv", "json", "jsonl", "parquet", "arrow", "train.parquet", "\ud800"]),
    st.text(max_size=5),
    st.sampled_from(
        [[], {}, [{}], {"type": "csv", "delimiter": ""}, {"type": "json", "indent": "\t"}, {"type": "same"}]
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a clean of one file of each kind."""
    home = tmp_path_factory.mktemp("hostile")
    (home / "in").mkdir()
    (home / "in/train.jsonl").write_text(lines(*ROWS, ROWS[0], "broken", '{"prompt" :"x"}'))
    (home / "in/pairs.csv").write_text("prompt,completion\n1,2\n")
    pq.write_table(pa.table({"prompt": ["a", "b", "a"], "completion": ["x", "y", "x"]}), home / "in/rows.parquet")
    datalint.clean(home / "in", out=home / "out", isolated=True, select=["DUP001"], max_shard_size="500")
    return home


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place of a manifest, but for what restoring does not look at."""
    found: list[tuple[Any, Any]] = []
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if key not in ("rules", "options"):
            found.append((value, key))
            found += places(item) if isinstance(item, (dict, list)) else []
    return found


def values(path: Path) -> list[Any]:
    return [value for block in open_source(path, name=path.name).blocks() for value in block.values]


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_manifest_that_says_anything_restores_the_inputs_or_nothing(folder: Path, data: st.DataObject) -> None:
    path, home = folder / "out/manifest.json", folder / "targets"
    kept = path.read_bytes()
    manifest = json.loads(kept)
    for _ in range(data.draw(st.integers(1, 2))):
        owner, key = data.draw(st.sampled_from(places(manifest)))
        if data.draw(st.integers(0, 5)) == 0:
            del owner[key]
        else:
            owner[key] = data.draw(junk)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    try:
        path.write_text(json.dumps(manifest))
        done = restore(folder / "out", out=home / "back")
    except DatalintError:
        assert not list(home.iterdir())
    else:
        assert [one.name for one in home.iterdir()] == ["back"]
        originals = {one.name: one.read_bytes() for one in (folder / "in").iterdir()}
        for file in done.files:
            if "row for row" in file.proof:  # whatever container it is said to have been
                assert values(file.path) == values(folder / "in/rows.parquet")
            else:
                assert file.path.read_bytes() in (*originals.values(), b"")
    finally:
        path.write_bytes(kept)
    assert sorted(one.name for one in folder.iterdir()) == ["in", "out", "targets"]


HOSTILE: dict[str, Callable[[Path], None]] = {
    "path traversal": lambda out: edit(out, relative="../../evil.jsonl"),
    "absolute path": lambda out: edit(out, relative="/tmp/evil.jsonl"),
    "traversal in bytes of a name": lambda out: edit(out, name_bytes="Li4vLi4vZXZpbA=="),
    "a table elsewhere": lambda out: edit(out, output="../train.jsonl"),
    "a link that leads out": lambda out: (
        shutil.move(out / "train.parquet", out.parent / "elsewhere"),
        (out / "train.parquet").symlink_to(out.parent / "elsewhere"),
    )[1],
    "a table that is a link to a device": lambda out: (
        (out / "removed.parquet").unlink(),
        (out / "removed.parquet").symlink_to("/dev/zero"),
    )[1],
    "huge counts": lambda out: edit(out, rows_in=10**18, rows_out=10**18),
    "negative counts": lambda out: edit(out, rows_in=-5),
    "wrong digest": lambda out: edit(out, output_sha256="0" * 64),
    "wrong digest of the content": lambda out: edit(out, content_sha256="0" * 64),
    "missing table": lambda out: (out / "originals.parquet").unlink(),
    "a folder for a table": lambda out: ((out / "train.parquet").unlink(), (out / "train.parquet").mkdir())[1],
    "cut table": lambda out: os.truncate(out / "train.parquet", 100),
    "unknown encoding": lambda out: edit(out, encoding="no-such"),
    "a codec that is none of text": lambda out: edit(out, encoding="zlib"),
    "no manifest": lambda out: (out / "manifest.json").unlink(),
    "deep manifest": lambda out: (out / "manifest.json").write_text("[" * 100_000) and None,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_somebody_sends_ends_with_one_line_and_nothing_written(
    datalint: Any, done: Path, tmp_path: Path, name: str
) -> None:
    HOSTILE[name](done)
    before = contents(tmp_path)
    ended = datalint("restore", "out", "--out", "back")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("datalint: error: ")
    assert contents(tmp_path) == before


def test_names_of_the_manifest_are_printed_harmlessly(datalint: Any, done: Path, tmp_path: Path) -> None:
    edit(done, relative="\x1b[31m\u202e\n::error::.jsonl", input="\x1b]0;x\x07")
    ended = datalint("restore", "out", "--out", "back")
    assert (ended.returncode, len((ended.stdout + ended.stderr).splitlines())) in ((0, 1), (2, 1))
    assert not set("\x1b\u202e\x07") & set(ended.stdout + ended.stderr)


def test_counts_that_were_changed_are_found_out(done: Path, tmp_path: Path) -> None:
    for number, rows in enumerate((22, 24, 10**6)):
        shutil.copytree(done, tmp_path / f"copy{number}")
        edit(tmp_path / f"copy{number}", rows_in=rows)
        with pytest.raises(InputError):
            restore(tmp_path / f"copy{number}", out=tmp_path / "back")


def test_the_output_of_a_clean_is_not_touched(done: Path, tmp_path: Path) -> None:
    before = contents(done)
    restore(done, out=tmp_path / "back")
    assert contents(done) == before
