"""`restore` trusts nothing that it reads, and says what it has proved."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cleaner_helpers import contents, lines

import datalint
from datalint.cleaner import restore
from datalint.errors import DatalintError, InputError, OutputError

ROWS = [{"prompt": f"p{i}", "completion": f"c{i}"} for i in range(20)]


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """The output of a clean."""
    (tmp_path / "train.jsonl").write_text(lines(*ROWS, ROWS[0], "broken"))
    datalint.clean(tmp_path / "train.jsonl", out=tmp_path / "out", isolated=True, select=["DUP001"])
    return tmp_path / "out"


def edit(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][0].update(changes)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_it_says_what_is_identical(done: Path, tmp_path: Path) -> None:
    result = restore(done, out=tmp_path / "back")
    (file,) = result.files
    assert (file.path, file.rows, file.proof) == (tmp_path / "back/train.jsonl", 22, "identical (sha256)")
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


@pytest.mark.parametrize("name", ["train.parquet", "removed.parquet", "originals.parquet"])
def test_a_changed_file_is_found_out(done: Path, tmp_path: Path, name: str) -> None:
    table = pq.read_table(done / name)
    pq.write_table(table.slice(1), done / name)
    if table.num_rows:
        with pytest.raises(InputError):
            restore(done, out=tmp_path / "back")
    raw = bytearray((done / name).read_bytes())
    for at in range(4, len(raw), 37):
        raw[at] ^= 0x10
    (done / name).write_bytes(raw)
    with pytest.raises(DatalintError):
        restore(done, out=tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_counts_that_were_changed_are_found_out(done: Path, tmp_path: Path) -> None:
    for number, rows in enumerate((21, 23, 10**6)):
        shutil.copytree(done, tmp_path / f"copy{number}")
        edit(tmp_path / f"copy{number}", rows_in=rows)
        with pytest.raises(InputError):
            restore(tmp_path / f"copy{number}", out=tmp_path / "back")


def test_the_output_of_a_clean_is_not_touched(done: Path, tmp_path: Path) -> None:
    before = contents(done)
    restore(done, out=tmp_path / "back")
    assert contents(done) == before
