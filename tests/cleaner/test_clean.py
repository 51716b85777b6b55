"""What `clean` writes: rows, tables, manifest, card, names; and what it refuses."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cleaner_helpers import contents, lines, rows_in, rows_read

import datalint
from datalint.cleaner import restore
from datalint.errors import InputError, OutputError, UsageError

SEA = {"prompt": "Name a sea.", "completion": "The Baltic."}
HILL = {"prompt": "Name a hill.", "completion": "The Blorenge."}
LAKE = {"prompt": "Name a lake.", "completion": "Baikal."}
TALK = {"messages": [{"role": "user", "content": c} for c in "ab"] + [{"role": "assistant", "content": "c"}]}


def clean(source: Any, out: Path, *select: str, **options: Any) -> Any:
    return datalint.clean(source, out=out, isolated=True, select=list(select or ("FMT001",)), **options)


def write(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lines(*rows))
    return path


def test_every_row_is_somewhere(tmp_path: Path) -> None:
    source = write(tmp_path / "train.jsonl", SEA, '{"prompt": ', HILL, SEA, {**LAKE, "completion": " "})
    result = clean(source, tmp_path / "out", "FMT011", "DUP001", unsafe_fixes=True)
    assert rows_in(tmp_path / "out/train.parquet") == [SEA, HILL]
    removed = rows_in(tmp_path / "out/removed.parquet")
    assert [(r["row"], r["line"], r["rules"]) for r in removed] == [
        (1, 2, ["FMT001"]),
        (3, 4, ["DUP001"]),
        (4, 5, ["FMT011"]),
    ]
    assert [r["raw"] for r in removed] == source.read_bytes().splitlines()[1:2] + source.read_bytes().splitlines()[3:]
    assert all(r["file"] == str(source) and r["reason"] for r in removed)
    assert (result.rows_in, result.rows_out, result.rows_removed, result.rows_unreadable) == (5, 2, 2, 1)
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["counts"] == {
        "rows_in": 5,
        "rows_out": 2,
        "rows_removed": 2,
        "rows_unreadable": 1,
        "rows_changed": 0,
    }
    assert result.removed_by_rule == {"FMT001": 1, "DUP001": 1, "FMT011": 1}
    assert not result.report.passed


def test_unsafe_fixes_are_offered_and_not_made(tmp_path: Path) -> None:
    source = write(tmp_path / "train.jsonl", TALK, {**SEA, "completion": ""})
    result = clean(source, tmp_path / "out", "FMT104", "FMT011")
    assert (result.rows_out, result.rows_changed) == (2, 0)
    assert result.offered == {"FMT104": 1, "FMT011": 1}


def test_changes_name_every_leaf(tmp_path: Path) -> None:
    source = write(tmp_path / "train.jsonl", {**TALK, "id": 1}, {"messages": TALK["messages"][1:], "id": 2})
    result = clean(source, tmp_path / "out", "FMT104", unsafe_fixes=True)
    assert (result.rows_changed, result.changed_by_rule) == (1, {"FMT104": 1})
    (change,) = rows_in(tmp_path / "out/changes.parquet")
    assert {k: change[k] for k in ("file", "row", "rule", "pointer")} == {
        "file": str(source),
        "row": 0,
        "rule": "FMT104",
        "pointer": "/messages",
    }
    assert json.loads(change["before"]) == TALK["messages"]
    assert json.loads(change["after"])[0] == {"role": "user", "content": "a\n\nb"}
    restore(tmp_path / "out", out=tmp_path / "back")
    assert (tmp_path / "back/train.jsonl").read_bytes() == source.read_bytes()


def test_rows_that_a_rewrite_makes_equal_are_dropped_as_copies(tmp_path: Path) -> None:
    merged = {"messages": [{"role": "user", "content": "a\n\nb"}, {"role": "assistant", "content": "c"}]}
    source = write(tmp_path / "train.jsonl", merged, TALK, HILL)
    result = clean(source, tmp_path / "out", "FMT104", "DUP001", unsafe_fixes=True)
    assert (result.rows_out, result.rows_removed, result.rows_changed) == (2, 1, 0)
    assert result.manifest.rounds == 2
    assert not rows_in(tmp_path / "out/changes.parquet")
    again = clean(tmp_path / "out", tmp_path / "again", "FMT104", "DUP001", unsafe_fixes=True)
    assert (again.rows_removed, again.rows_changed) == (0, 0)


@pytest.mark.parametrize(
    "other",
    [json.dumps(SEA, separators=(",", ":")), json.dumps(dict(reversed(SEA.items()))), json.dumps({**SEA, "x": None})],
    ids=["white space", "order of keys", "a null more"],
)
def test_rows_that_are_only_stored_alike_are_no_copies_to_this_clean_or_the_next(tmp_path: Path, other: str) -> None:
    (tmp_path / "train.jsonl").write_text(f"{json.dumps(SEA)}\n{other}\n{json.dumps(HILL)}\n{json.dumps(SEA)}\n")
    first = clean(tmp_path / "train.jsonl", tmp_path / "out", "DUP001")
    assert (first.rows_removed, first.rows_out) == (1, 3)
    second = clean(tmp_path / "out", tmp_path / "again", "DUP001")
    third = clean(tmp_path / "again", tmp_path / "once more", "DUP001")
    assert (second.rows_removed, third.rows_removed) == (0, 0)
    assert clean(tmp_path / "again", tmp_path / "unsafe", "DUP001", unsafe_fixes=True).rows_removed == 1
    restore(tmp_path / "out", out=tmp_path / "back")
    assert (tmp_path / "back/train.jsonl").read_bytes() == (tmp_path / "train.jsonl").read_bytes()


@pytest.mark.parametrize("unsafe", [False, True])
def test_a_whole_number_beside_a_fraction_is_settled_at_once(tmp_path: Path, unsafe: bool) -> None:
    write(
        tmp_path / "train.jsonl",
        {**SEA, "x": 1},
        {**SEA, "x": 1.0},
        {"text": "T", "label": 1.0},
        {"text": "t", "label": 1},
    )
    clean(tmp_path / "train.jsonl", tmp_path / "out", "DUP001", "CON002", unsafe_fixes=unsafe)
    again = clean(tmp_path / "out", tmp_path / "again", "DUP001", "CON002", unsafe_fixes=unsafe)
    assert (again.rows_removed, again.rows_changed) == (0, 0)


def test_rows_of_evaluation_files_stay_and_reference_files_are_not_written(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", SEA, HILL)
    write(tmp_path / "test.jsonl", LAKE, LAKE, {**SEA, "completion": ""})
    write(tmp_path / "bench.jsonl", HILL)
    result = clean(
        [tmp_path / "train.jsonl", tmp_path / "test.jsonl"],
        tmp_path / "out",
        "DUP001",
        "FMT011",
        reference=[str(tmp_path / "bench.jsonl")],
        unsafe_fixes=True,
    )
    assert [(f.output, f.split, f.rows_out) for f in result.files] == [
        ("train.parquet", "train", 2),
        ("test.parquet", "eval", 3),
    ]
    card = (tmp_path / "out/README.md").read_text()
    assert '- split: train\n    path:\n    - "train.parquet"' in card
    assert '- split: test\n    path:\n    - "test.parquet"' in card


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (["a", None], pa.string()),
        ([1, None, 2**63 - 1], pa.int64()),
        ([1, 2.5], pa.float64()),
        ([True, None], pa.bool_()),
        ([None, None], pa.string()),
        ([1, "a"], pa.json_()),
        ([True, 1], pa.json_()),
        ([2**53 + 1, 0.5], pa.json_()),
        ([2**63], pa.json_()),
        ([2**70], pa.string()),  # JSON text that every reader takes
        ([["a"], []], pa.list_(pa.string())),
        ([[1, "a"]], pa.json_()),
        ([[[1], [2]]], pa.list_(pa.list_(pa.int64()))),
        ([{"a": 1}, {"a": 2}], pa.struct([("a", pa.int64())])),
        ([{"a": 1}, {"b": 2}], pa.json_()),
        ([{"a": 1}, {"a": "x"}], pa.json_()),
        ([{"a": 1}, {"a": 2.5}], pa.json_()),
        ([{}], pa.json_()),
        ([[{"a": 1}], [{"a": None}]], pa.json_()),  # in a list a null key would be taken for padding
        ([{"f": {"x": 1}}, {"f": {"y": 1}}], pa.struct([("f", pa.json_())])),
        (
            [[{"role": "user", "content": "a"}], [{"role": "tool", "content": "b", "name": "f"}]],
            pa.list_(pa.struct([("role", pa.string()), ("content", pa.string()), ("name", pa.string())])),
        ),
        (
            [[{"role": "user", "content": "a"}, {"role": "user", "content": ["b"]}]],
            pa.list_(pa.struct([("role", pa.string()), ("content", pa.json_())])),
        ),
    ],
)
def test_columns_have_the_type_that_holds_them_unchanged(tmp_path: Path, column: list[Any], kind: pa.DataType) -> None:
    rows = [{"prompt": "a", "x": value} for value in column]
    clean(write(tmp_path / "train.jsonl", *rows), tmp_path / "out")
    assert pq.read_schema(tmp_path / "out/train.parquet").field("x").type == kind
    if kind != pa.string() or column[0] != 2**70:
        assert [row["x"] for row in rows_read(tmp_path / "out/train.parquet")] == column
    restore(tmp_path / "out", out=tmp_path / "back")
    assert (tmp_path / "back/train.jsonl").read_bytes() == (tmp_path / "train.jsonl").read_bytes()


def test_deep_values_are_json_text(tmp_path: Path) -> None:
    value: Any = "x"
    for _ in range(60):
        value = [value]
    clean(write(tmp_path / "train.jsonl", {"prompt": "a", "x": value}), tmp_path / "out")
    assert rows_read(tmp_path / "out/train.parquet")[0]["x"] == value


def test_objects_with_very_many_keys_are_json_text_and_rows_with_too_many_are_refused(tmp_path: Path) -> None:
    many = {f"k{i}": i for i in range(2000)}
    talk = [{"role": "user", "content": "a", f"k{i}": 1} for i in range(2000)]
    clean(write(tmp_path / "train.jsonl", {"x": many, "messages": talk}), tmp_path / "out")
    schema = pq.read_schema(tmp_path / "out/train.parquet")
    assert [field.type for field in schema] == [pa.json_(), pa.json_()]
    assert rows_read(tmp_path / "out/train.parquet") == [{"x": many, "messages": talk}]
    source = write(tmp_path / "wide.jsonl", *({f"k{i}": 1} for i in range(10_001)))
    with pytest.raises(OutputError, match="no table"):
        clean(source, tmp_path / "out2")


def test_files_of_one_dataset_share_a_schema(tmp_path: Path) -> None:
    write(tmp_path / "in/train.jsonl", *({"prompt": "a", "args": {"n": i}, "id": i} for i in range(3)))
    write(tmp_path / "in/test.jsonl", {"prompt": "a", "args": {"city": "x"}, "id": "one"})
    clean(tmp_path / "in", tmp_path / "out")
    schemas = [pq.read_schema(tmp_path / f"out/{name}.parquet") for name in ("train", "test")]
    assert [schema.field("args").type for schema in schemas] == [pa.json_(), pa.json_()]
    assert [schema.field("id").type for schema in schemas] == [pa.int64(), pa.string()]  # not worth JSON text


def test_names_keep_their_folders_and_never_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    for name in ("here/a/train.jsonl", "here/a/train.csv", "here/removed.jsonl", "here/b/train.jsonl", "up.jsonl"):
        path = write(tmp_path / name, SEA)
        if name.endswith("csv"):
            path.write_text("prompt,completion\na,b\n")
    monkeypatch.chdir(tmp_path / "here")
    names = ["a/train.jsonl", "a/train.csv", "removed.jsonl", "b/train.jsonl", "../up.jsonl"]
    result = clean(names, Path("out"))
    assert [file.output for file in result.files] == [
        "a/train.parquet",
        "a/train.csv.parquet",
        "removed.jsonl.parquet",
        "b/train.parquet",
        "up.parquet",
    ]
    assert [file.input for file in result.files] == names
    restore("out", out="back")
    assert contents(Path("back")) == {name.removeprefix("../"): Path(name).read_bytes() for name in names}


def test_one_folder_is_left_out_of_the_names(tmp_path: Path) -> None:
    write(tmp_path / "data/x/train.jsonl", SEA)
    assert clean(tmp_path / "data", tmp_path / "out").files[0].output == "x/train.parquet"
    assert clean(tmp_path / "data/x/train.jsonl", tmp_path / "out2").files[0].output == "train.parquet"


def test_a_clean_is_read_as_its_data_files_alone(tmp_path: Path) -> None:
    clean(write(tmp_path / "train.jsonl", SEA, SEA), tmp_path / "out", "DUP001")
    assert datalint.check(tmp_path / "out", isolated=True).rows == 1


def test_provenance_is_two_columns_and_no_part_of_what_is_restored(tmp_path: Path) -> None:
    source = write(tmp_path / "train.jsonl", SEA, "broken", HILL)
    clean(source, tmp_path / "out", with_provenance=True)
    rows = rows_in(tmp_path / "out/train.parquet")
    assert [(row["source_file"], row["source_row"]) for row in rows] == [(str(source), 0), (str(source), 2)]
    restore(tmp_path / "out", out=tmp_path / "back")
    assert (tmp_path / "back/train.jsonl").read_bytes() == source.read_bytes()
    with pytest.raises(UsageError, match="source_file"):
        clean(tmp_path / "out/train.parquet", tmp_path / "again", with_provenance=True)


def test_tables_in_memory_are_cleaned_too(tmp_path: Path) -> None:
    result = clean(pl.DataFrame([SEA, SEA, HILL]), tmp_path / "out", "DUP001")
    assert result.files[0].input == "frame.parquet"
    assert rows_in(tmp_path / "out/frame.parquet") == [SEA, HILL]


def test_what_cannot_work_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    source = write(tmp_path / "data/train.jsonl", SEA)
    with pytest.raises(OutputError, match="which is read"):
        clean(source, tmp_path / "data")
    with pytest.raises(UsageError, match="csv"):
        clean(source, tmp_path / "out", to="csv")
    with pytest.raises(InputError, match="nowhere"):
        clean(tmp_path / "nowhere.jsonl", tmp_path / "out")
    clean(tmp_path / "data", tmp_path / "data/clean")
    with pytest.raises(OutputError, match="which is read"):
        clean(tmp_path / "data", tmp_path / "data/clean", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    name = "a|b<img src=x onerror=alert(1)>`[x](y)\n- split: evil.jsonl"
    write(tmp_path / "in" / name, SEA)
    result = clean(tmp_path / "in", tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text()
    assert "<img" not in card.split("---\n", 2)[2]  # before that is YAML, in which it is a quoted string
    assert "\n- split: evil" not in card
    assert len([line for line in card.splitlines() if line.startswith("| <code>")]) == 1
    assert rows_in(tmp_path / "out" / result.files[0].output) == [SEA]
    restore(tmp_path / "out", out=tmp_path / "back")
    assert contents(tmp_path / "back") == contents(tmp_path / "in")


def test_a_row_that_changes_while_it_is_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "train.jsonl", SEA)
    from datalint.cleaner.writing import output

    survey = output.survey

    def meddled(*args: Any, **options: Any) -> Any:
        found = survey(*args, **options)
        write(source, HILL, LAKE)
        return found

    monkeypatch.setattr(output, "survey", meddled)
    with pytest.raises(InputError, match="changed while"):
        clean(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
