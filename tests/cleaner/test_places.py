"""Odd inputs and outputs by their places and names: each has one outcome, and nothing is lost or overwritten."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cleaner_helpers import contents, lines, rows_in

import datalint
from datalint.cleaner import restore
from datalint.cleaner.stored.names import MAX_NAME, Taken, places
from datalint.errors import InputError, OutputError
from datalint.source import DataFile

SEA = {"prompt": "Name a sea.", "completion": "The Baltic."}
HILL = {"prompt": "Name a hill.", "completion": "The Blorenge."}
FORMATS = pytest.mark.parametrize("to", ["parquet", "jsonl"])


def clean(source: Any, out: Path, **options: Any) -> Any:
    return datalint.clean(source, out=out, **{"isolated": True, "select": ["DUP001"], **options})


def write(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lines(*(rows or (SEA,))))
    return path


def outputs(*names: str, ending: str = "parquet") -> list[str]:
    return [place.output for place in places([DataFile(Path(name), name, "train") for name in names], ending=ending)]


# Inputs


@FORMATS
def test_inputs_of_one_stem_keep_their_endings(tmp_path: Path, to: str) -> None:
    write(tmp_path / "in/train.jsonl")
    (tmp_path / "in/train.csv").write_text("prompt,completion\na,b\n")
    (tmp_path / "in/train.json").write_text(json.dumps([HILL]))
    result = clean(tmp_path / "in", tmp_path / "out", to=to)
    assert [file.output for file in result.files] == [f"train.{to}", f"train.json.{to}", f"train.jsonl.{to}"]
    restore(tmp_path / "out", out=tmp_path / "back")
    assert contents(tmp_path / "back") == contents(tmp_path / "in")


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "train.jsonl", SEA, HILL)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.jsonl").symlink_to("train.jsonl")
    (tmp_path / "also").symlink_to(".")
    names = ["train.jsonl", "./train.jsonl", "sub/../train.jsonl", str(tmp_path / "train.jsonl"), "link.jsonl"]
    result = clean([*names, "also/train.jsonl"], Path("out"))
    assert [(file.input, file.rows_in) for file in result.files] == [("train.jsonl", 2)]


def test_a_hard_link_is_another_file(tmp_path: Path) -> None:
    write(tmp_path / "in/train.jsonl")
    os.link(tmp_path / "in/train.jsonl", tmp_path / "in/twin.jsonl")
    result = clean(tmp_path / "in", tmp_path / "out")
    assert [(file.output, file.rows_out, file.rows_removed) for file in result.files] == [
        ("train.parquet", 1, 0),
        ("twin.parquet", 0, 1),
    ]
    restore(tmp_path / "out", out=tmp_path / "back")
    assert contents(tmp_path / "back") == contents(tmp_path / "in")


def test_a_link_to_an_input_is_read_and_the_link_stays_a_link(tmp_path: Path) -> None:
    write(tmp_path / "data/blob")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/train.jsonl").symlink_to(tmp_path / "data/blob")
    (tmp_path / "linked").symlink_to(tmp_path / "in")
    result = clean(tmp_path / "linked", tmp_path / "out")
    assert [file.output for file in result.files] == ["train.parquet"]
    assert (tmp_path / "in/train.jsonl").is_symlink()
    restore(tmp_path / "out", out=tmp_path / "back")
    assert (tmp_path / "back/train.jsonl").read_bytes() == (tmp_path / "data/blob").read_bytes()
    assert not (tmp_path / "back/train.jsonl").is_symlink()


def test_a_dangling_link_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").symlink_to("nowhere")
    with pytest.raises(InputError, match="no such file"):
        clean(tmp_path / "train.jsonl", tmp_path / "out")


NAMES = [
    b"sp ace.jsonl",
    b"new\nline.jsonl",
    b"tab\t.jsonl",
    b"quo'te\".jsonl",
    b"back\\slash.jsonl",
    b"$(touch x).jsonl",
    b"*[x]?.jsonl",
    b"-dash.jsonl",
    b"%41.jsonl",
    b"esc\x1b[31m.jsonl",
    b"a..jsonl",
    b"caf\xe9.jsonl",
    b"caf\\xe9.jsonl",
    b"\xff\xfe.jsonl",
    "é😀\u2028\u202e.jsonl".encode(),
    b"x" * 249 + b".jsonl",
    b"x" * 248 + b"y.jsonl",
    ("é" * 124 + ".jsonl").encode(),
    b"removed.jsonl",
    b"README.md.jsonl",
    b"manifest.jsonl",
    b"Case.jsonl",
    b"cASE.jsonl",
]


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """A folder with files of odd names, each of one row that tells which it is."""
    (tmp_path / "in").mkdir()
    for number, name in enumerate(NAMES):
        (tmp_path / "in" / os.fsdecode(name)).write_text(lines({"text": f"file {number}"}))
    return tmp_path / "in"


@FORMATS
@pytest.mark.parametrize("size", [None, "1"])
def test_odd_names_go_through_and_come_back(named: Path, tmp_path: Path, to: str, size: str | None) -> None:
    result = clean(named, tmp_path / "out", to=to, max_shard_size=size)
    names = [file.output for file in result.files]
    assert len({name.casefold() for name in names}) == len(NAMES)
    assert all(
        len(name.encode()) < 256 and name.isprintable() == name.replace("\\", "").isprintable() for name in names
    )
    card = (tmp_path / "out/README.md").read_text()  # is UTF-8, as is every name in it
    assert card.count("| <code>") == len(NAMES)
    restore(tmp_path / "out", out=tmp_path / "back")
    assert contents(tmp_path / "back") == contents(named)
    again = clean(tmp_path / "out", tmp_path / "again", to=to, max_shard_size=size)
    assert (again.rows_in, again.rows_changed, again.rows_removed) == (len(NAMES), 0, 0)


def test_the_command_prints_odd_names_on_one_line_each(named: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "datalint"]
    done = subprocess.run([*command, "clean", "in", "--out", "out"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    told = done.stdout.decode()
    assert len([line for line in told.splitlines() if line.startswith("in/")]) == len(NAMES)
    assert "\x1b[31m" not in told
    back = subprocess.run([*command, "restore", "out", "--out", "back"], cwd=tmp_path, capture_output=True, check=False)
    assert (back.returncode, len(back.stdout.decode().splitlines())) == (0, len(NAMES))


def test_names_never_meet_reserved_ones_folders_or_each_other() -> None:
    assert outputs("train.jsonl", "Train.csv", "a/train.jsonl.gz") == [
        "train.parquet",
        "Train.csv.parquet",
        "a/train.parquet",
    ]
    assert outputs("removed.jsonl", "Changes.csv") == ["removed.jsonl.parquet", "Changes.csv.parquet"]
    assert outputs("removed.jsonl", ending="jsonl") == ["removed.jsonl"]
    # A folder must not be called like a file.
    assert outputs("README.md/a.jsonl", "x.jsonl", "x.parquet/y.jsonl") == [
        "2-README.md/a.parquet",
        "x.parquet",
        "2-x.parquet/y.parquet",
    ]
    assert outputs("x.parquet/y.jsonl", "x.jsonl") == ["x.parquet/y.parquet", "x.jsonl.parquet"]
    long = outputs("é" * 120 + "a.jsonl", "é" * 120 + "b.jsonl")
    assert len(set(long)) == 2
    assert all(len(name.encode()) <= MAX_NAME + len(".parquet") for name in long)
    assert outputs("../../a.jsonl", "../a.jsonl") == ["a.parquet", "2-a.parquet"]
    assert outputs("-") == ["stdin.parquet"]


def test_files_that_differ_in_case_alone_come_back_under_numbers_where_the_system_takes_them_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in/Case.jsonl", SEA)
    write(tmp_path / "in/case.jsonl", HILL)
    clean(tmp_path / "in", tmp_path / "out")
    there = Path.exists

    def folding(path: Path) -> bool:
        names = [one.name.casefold() for one in path.parent.iterdir()] if there(path.parent) else []
        return there(path) or (path.suffix == ".jsonl" and path.name.casefold() in names)

    monkeypatch.setattr(Path, "exists", folding)
    done = restore(tmp_path / "out", out=tmp_path / "back")
    assert [file.path.name for file in done.files] == ["Case.jsonl", "2-case.jsonl"]
    assert (tmp_path / "back/2-case.jsonl").read_text() == lines(HILL)


def test_a_taken_name_stays_taken() -> None:
    taken = Taken()
    for folder in ("a", "b"):
        found = places([DataFile(Path("x"), "train.jsonl", "train")], taken=taken)
        assert found[0].output == ("train.parquet" if folder == "a" else "train.jsonl.parquet")


def test_standard_input_is_a_file_called_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = lines(SEA, "broken", HILL).rstrip("\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    result = clean("-", tmp_path / "out")
    assert [(file.input, file.output, file.rows_out) for file in result.files] == [("-", "stdin.parquet", 2)]
    restore(tmp_path / "out", out=tmp_path / "back")
    assert contents(tmp_path / "back") == {"stdin": content.encode()}


# Outputs


def test_an_output_may_lie_inside_of_the_input_and_is_never_its_own_input(tmp_path: Path) -> None:
    write(tmp_path / "data/train.jsonl", SEA, HILL, SEA)
    first = clean(tmp_path / "data", tmp_path / "data/clean")
    assert (first.rows_in, first.hints) == (3, [])
    before = contents(tmp_path / "data")
    for out in ("data/clean", "data", "."):
        with pytest.raises(OutputError, match="which is read"):
            clean(tmp_path / "data", tmp_path / out, overwrite=True)
    with pytest.raises(OutputError, match="which is read"):
        clean(tmp_path / "data/clean", tmp_path / "data/clean", overwrite=True)
    assert contents(tmp_path / "data") == before


def test_an_earlier_output_below_the_input_is_data_like_any_other_and_is_told(tmp_path: Path) -> None:
    write(tmp_path / "data/train.jsonl", SEA, HILL)
    clean(tmp_path / "data", tmp_path / "data/clean")
    second = clean(tmp_path / "data", tmp_path / "out", select=["FMT001"])
    assert [file.output for file in second.files] == ["train.parquet", "clean/train.parquet"]
    assert [file.rows_in for file in second.files] == [2, 2]  # removed.parquet and its like are no data
    (hint,) = second.hints
    assert str(tmp_path / "data/clean") in hint
    assert not clean(tmp_path / "data/clean", tmp_path / "third").hints
    restore(tmp_path / "out", out=tmp_path / "back")
    assert (tmp_path / "back/train.jsonl").read_bytes() == (tmp_path / "data/train.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("out", "overwrite", "told"),
    [
        ("there", False, "--overwrite"),
        ("mine", False, "there already"),
        ("mine", True, "not written by datalint"),
        ("file", True, "is a file"),
        ("file/below", True, "cannot be written"),
        ("link", True, "symbolic link"),
        ("dangling", False, "symbolic link"),
        ("train.jsonl", True, "is the input itself"),
        ("x" * 300, False, "name too long"),
        ("a\0b", False, "null byte"),
        ("loop", True, "symbolic link"),
        ("loop/out", True, "cannot be written"),
    ],
)
def test_an_output_that_is_in_the_way_is_refused_and_stays(
    tmp_path: Path, out: str, overwrite: bool, told: str
) -> None:
    source = write(tmp_path / "train.jsonl")
    clean(source, tmp_path / "there")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    before = contents(tmp_path)
    with pytest.raises(OutputError, match=told):
        clean(source, tmp_path / out, overwrite=overwrite)
    assert contents(tmp_path) == before
    assert (tmp_path / "link").is_symlink()


def test_an_output_is_made_with_the_folders_above_it_and_replaced_when_asked(tmp_path: Path) -> None:
    source = write(tmp_path / "train.jsonl", SEA, SEA)
    out = tmp_path / "a b/\n\"c'/é"
    assert clean(source, out).rows_out == 1
    assert clean(source, out, overwrite=True, select=["FMT001"], to="jsonl").rows_out == 2
    assert sorted(path.name for path in out.parent.iterdir()) == ["é"]
    assert not (out / "train.parquet").exists()  # nothing of the one before is left
    assert rows_in(out / "removed.parquet") == []


def test_an_output_whose_name_is_no_utf_8(tmp_path: Path) -> None:
    out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    clean(write(tmp_path / "train.jsonl"), out)
    restore(out, out=tmp_path / "back")
    assert (tmp_path / "back/train.jsonl").read_text() == lines(SEA)
