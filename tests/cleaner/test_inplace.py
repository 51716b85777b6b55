"""Files mended where they lie: only what a fix is about changes; a second run, and one that fails, change nothing."""

import errno
import gzip
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cleaner_helpers import contents, lines, rows_read
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import datalint
from datalint.cleaner.inplace import FixResult, fix, plan_fixes, write
from datalint.cleaner.replacing import held
from datalint.config import load
from datalint.errors import DatalintError, InputError, OutputError, RulePackError, UsageError
from datalint.fingerprint import without_nulls
from datalint.fixes import rewrites, same
from datalint.registry import all_rules
from datalint.rule import Rule
from datalint.source import open_source
from datalint.testing import write_sample

PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
GOOD = {"prompt": "Name a sea.", "completion": "The Baltic."}
HIDDEN = {"prompt": "Name\u200b a sea.", "completion": "The Baltic."}
MOJIBAKE = {"prompt": "Name a café.", "completion": "The cafÃ© on the corner."}
REWRITING = [code for code, rule in all_rules().items() if rewrites(rule())]


def mend(path: Path, *select: str, **options: Any) -> FixResult:
    return fix(path, isolated=True, **({"select": list(select)} if select else {}), **options)


def records(path: Path) -> list[tuple[Any, bytes]]:
    """Every record's value and bytes."""
    blocks = open_source(path, name=path.name).blocks()
    return [(value, block.raw(i)) for block in blocks for i, value in enumerate(block.values)]


# ---- what changes and what does not ----


def test_only_the_value_that_is_at_fault_changes(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    odd = '{"prompt" : "a",  "completion":"b\\u200b", "n":1.00, "big":123456789012345678901234, "s":"\\u00e9\\/"}\r\n'
    rest = [
        '{"prompt":"c","completion":"d", "n": 1e5 }\n',
        "broken\r\n",
        "\n",
        " " + json.dumps(GOOD) + "\t\n",
        '{"x":1}',
    ]
    path.write_bytes("".join([rest[0], odd, *rest]).encode())
    result = mend(path, "TXT002")
    assert path.read_bytes().decode() == "".join([rest[0], odd.replace("b\\u200b", "b"), *rest])
    assert (result.fixed, result.rows, list(result.files)) == ({"TXT002": 1}, 1, [str(path)])
    assert "TXT002" not in set(result.report.findings["rule"])


def test_nothing_to_fix_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(GOOD, "broken", GOOD))
    before = path.stat()
    result = mend(path)
    assert (result.fixed, result.rows, list(result.files)) == ({}, 0, [])
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not result.report.passed  # the broken line is still told


def test_a_second_run_does_nothing_and_rows_are_never_dropped(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    other = {"prompt": "Name a hill.", "completion": "The Blorenge."}
    path.write_text(lines(HIDDEN, MOJIBAKE, other, other))
    first = mend(path)
    assert first.fixed == {"TXT001": 1, "TXT002": 1}
    assert [value for value, _ in records(path)][2:] == [other, other]
    assert any("1 row would be dropped" in hint and "datalint clean" in hint for hint in first.hints)
    inode = path.stat().st_ino
    assert mend(path).files == []
    assert path.stat().st_ino == inode


def test_unsafe_rewrites_are_made_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    talk = {"messages": [{"role": "user", "content": c} for c in "ab"] + [{"role": "assistant", "content": "c"}]}
    path.write_text(lines(talk))
    result = mend(path, "FMT104")
    assert (result.rows, list(result.hints)) == (0, ["1 more problem can be fixed with --unsafe-fixes"])
    result = mend(path, "FMT104", unsafe_fixes=True)
    assert result.fixed == {"FMT104": 1}
    assert path.read_text() == lines(
        {"messages": [{"role": "user", "content": "a\n\nb"}, {"role": "assistant", "content": "c"}]}
    )


def test_a_value_that_stands_twice_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt": "a", "note": "one", "note": "two", "completion": "b\\u200b"}\n')
    assert mend(path).fixed == {"TXT002": 1}
    assert path.read_text() == '{"prompt": "a", "note": "one", "note": "two", "completion": "b"}\n'


@pytest.mark.parametrize("ascii_only", [True, False])
def test_new_text_is_escaped_as_the_file_does_it(tmp_path: Path, ascii_only: bool) -> None:
    path = tmp_path / "train.jsonl"
    some = [{"prompt": f"Wörter {i}", "completion": "Sätze"} for i in range(3)]
    bad = {"prompt": "Name a singer.", "completion": "Fran&ccedil;oise&nbsp;Hardy"}
    path.write_text("".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in [*some, bad]), encoding="utf-8")
    assert mend(path, "TXT005", unsafe_fixes=True).rows == 1, datalint.check(path, isolated=True).findings
    assert path.read_bytes().isascii() == ascii_only
    assert records(path)[3][0]["completion"].startswith("Françoise")


def test_csv_and_tsv_keep_their_quotes_and_line_ends(tmp_path: Path) -> None:
    for name, mark in (("a.csv", ","), ("b.tsv", "\t"), ("c.csv", ";")):
        path = tmp_path / name
        head = f"prompt{mark}completion{mark}id\r\n"
        rows = [
            f'"a{mark} 1"{mark}x\u200b{mark}"1"\r\n',
            f'plain{mark}"two\r\nlines"{mark}2\n',
            f'q{mark}"b\u200b"{mark}3',
        ]
        path.write_bytes((head + "".join(rows)).encode())
        result = mend(path, "TXT002")
        assert (result.fixed, result.rows) == ({"TXT002": 2}, 2)
        assert path.read_bytes().decode() == (head + "".join(rows)).replace("\u200b", "")


def test_what_csv_cannot_hold_is_left_and_the_rest_of_the_row_is_fixed(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("prompt,completion,label\na,b\u200b,true\nc,d,False\n", encoding="utf-8")
    result = mend(path, "LAB004", "TXT002")
    assert result.fixed == {"TXT002": 1}
    assert path.read_text() == "prompt,completion,label\na,b,true\nc,d,False\n"
    assert mend(path, "LAB004", "TXT002").files == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_the_encoding_stays_unless_its_unsafe_fix_is_asked_for(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "train.jsonl"
    text = lines(HIDDEN, "not json", {"prompt": "😀", "completion": "ü"}).replace("\\u200b", "\u200b")
    path.write_bytes(text.encode(encoding))
    assert mend(path, "TXT002").rows == 1
    assert path.read_bytes() == text.replace("\u200b", "").encode(encoding)
    result = mend(path, "TXT002", unsafe_fixes=True)
    assert result.fixed == {"FMT002": 1}
    assert path.read_bytes() == text.replace("\u200b", "").encode()


def test_a_byte_order_mark_goes_and_no_line_with_it(tmp_path: Path) -> None:
    for name, text in (("a.jsonl", lines(GOOD, "x")), ("b.csv", "prompt,completion\na,b\n")):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        result = mend(tmp_path / name)
        assert (result.fixed, result.rows) == ({"FMT002": 1}, 0)
        assert (tmp_path / name).read_text() == text
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert mend(tmp_path / name, ignore=["FMT002"]).files == []


def test_an_array_on_a_line_takes_a_line_for_each_object(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    array = f'  [{json.dumps(HIDDEN)} ,\t{{"prompt":"a", "completion":"b","n":1.0}}, {json.dumps(GOOD)} ] '
    path.write_bytes(f"{json.dumps(GOOD)}\r\n{array}\r\n[{json.dumps(GOOD)}]".encode())
    result = mend(path, "TXT002")
    assert result.fixed == {"FMT001": 2, "TXT002": 1}
    assert result.rows == 4
    wanted = [json.dumps(GOOD), json.dumps({**HIDDEN, "prompt": "Name a sea."})]
    wanted += ['{"prompt":"a", "completion":"b","n":1.0}', json.dumps(GOOD), json.dumps(GOOD)]
    assert path.read_bytes().decode() == "\r\n".join(wanted)


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_json_lines_that_are_one_array_become_lines(tmp_path: Path, indent: Any, mark: bytes) -> None:
    path = tmp_path / "train.jsonl"
    rows = [{**HIDDEN, "n": i, "tags": [[], {}, {"a": [1, 2]}]} for i in range(2000)]
    path.write_bytes(mark + json.dumps(rows, indent=indent).replace('"n": 1999', '"n": 1.990e3').encode())
    result = mend(path, "TXT002")
    assert result.rows == 2000
    text = path.read_bytes()
    assert text.count(b"\n") == 2000
    assert b'"n": 1.990e3' in text
    assert [json.loads(line)["prompt"] for line in text.splitlines()] == ["Name a sea."] * 2000
    assert mend(path, "TXT002").files == []


def test_other_files_are_left_and_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines(HIDDEN).encode()))
    (tmp_path / "b.json").write_text(json.dumps([HIDDEN], indent=2))
    pq.write_table(pa.Table.from_pylist([HIDDEN]), tmp_path / "c.parquet")
    before = contents(tmp_path)
    result = mend(tmp_path, "TXT002")
    assert contents(tmp_path) == before
    (hint,) = result.hints
    assert "3 problems are in files that are not edited in place" in hint
    assert "datalint clean" in hint
    (tmp_path / "d.jsonl").write_text(lines(HIDDEN))
    assert mend(tmp_path, "TXT002").files == [f"{tmp_path}/d.jsonl"]


def test_evaluation_rows_are_mended_and_references_are_not(tmp_path: Path) -> None:
    for name in ("train", "eval", "bench"):
        (tmp_path / f"{name}.jsonl").write_text(lines(HIDDEN))
    result = fix(
        tmp_path / "train.jsonl",
        eval=[str(tmp_path / "eval.jsonl")],
        reference=[str(tmp_path / "bench.jsonl")],
        isolated=True,
        select=["TXT002"],
    )
    assert sorted(Path(name).name for name in result.files) == ["eval.jsonl", "train.jsonl"]
    assert (tmp_path / "bench.jsonl").read_text() == lines(HIDDEN)


def test_a_finding_that_is_ignored_is_not_fixed(tmp_path: Path) -> None:
    (tmp_path / "datalint.toml").write_text('[per-file-ignores]\n"old.jsonl" = ["TXT002"]\n')
    for name in ("old", "new"):
        (tmp_path / f"{name}.jsonl").write_text(lines(HIDDEN))
    fix(tmp_path, config=tmp_path / "datalint.toml")
    assert (tmp_path / "old.jsonl").read_text() == lines(HIDDEN)
    assert (tmp_path / "new.jsonl").read_text() == lines(GOOD)


def test_rules_that_compare_rows_are_heard_too(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    labels = ["Positive"] * 8 + ["positive "] + ["Negative"] * 8
    path.write_text(lines(*({"text": f"text number {i}", "label": label} for i, label in enumerate(labels))))
    assert mend(path, "LAB002").fixed == {"LAB002": 1}
    assert {value["label"] for value, _ in records(path)} == {"Positive", "Negative"}


# ---- every rule, and rows by the thousand ----


@pytest.mark.parametrize("code", REWRITING)
def test_what_a_rule_fixes_in_place_is_what_it_fixes_in_a_clean(code: str, tmp_path: Path) -> None:
    rule = all_rules()[code]
    for number, sample in enumerate(rule.bad):
        folder = tmp_path / str(number)
        (folder / "in").mkdir(parents=True)
        options = dict(write_sample(sample, folder / "in"))
        for key in ("chat_template", "tokenizer"):
            if key in options and (folder / "in" / options[key]).exists():
                options[key] = str(folder / "in" / options[key])
        options |= {"select": [code], "isolated": True}
        files = sorted((folder / "in").rglob("*.jsonl"))
        before = {path: records(path) for path in files}
        datalint.clean(folder / "in", out=folder / "out", unsafe_fixes=True, **options)
        fix(folder / "in", unsafe_fixes=True, **options)
        for path, old in before.items():
            new = records(path)
            assert len(new) == len(old)
            for (was, raw), (now, made) in zip(old, new, strict=True):
                assert made == raw if same(was, now) else made != raw
        if len(files) == 1:
            cleaned = [without_nulls(row) for row in rows_read(folder / "out" / f"{files[0].stem}.parquet")]
            mended = [without_nulls(value) for value, _ in records(files[0]) if value is not None]
            assert [row for row in mended if row in cleaned] == cleaned or len(cleaned) < len(mended)
        left = datalint.check(folder / "in", **options).found
        again = left.filter((left["rule"] == code) & (left["fix_kind"] == "rewrite"))
        assert again.is_empty(), again
        assert fix(folder / "in", unsafe_fixes=True, **options).files == []


faults = st.sampled_from(
    [
        "a",
        "b\u200b",
        "cafÃ©",
        "e\u0301",
        "tail ",
        "  ",
        "\x07bell",
        "x\ufeff",
        "ü/é",
        "**User:** hi",
        "&amp;lt;",
        "```py",
    ]
)
turns = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "human", "gpt", "tool"]), "content": faults}),
    max_size=4,
)
numbers = st.sampled_from([1, 1.0, 1e5, None, True, 2**70, [1, 2.50], {"k": "v\u200b"}])
rows = st.one_of(
    st.fixed_dictionaries({"prompt": faults, "completion": faults}, optional={"meta": numbers, "id": numbers}),
    st.fixed_dictionaries({"messages": turns}, optional={"meta": numbers}),
    st.fixed_dictionaries({"text": faults, "label": st.sampled_from(["yes", "Yes", "no", "true"])}),
)


@st.composite
def records_of(draw: Any) -> bytes:
    """One line in somebody's style, or something that is none."""
    row = draw(rows)
    layout = draw(st.sampled_from([(", ", ": "), (",", ":"), (" , ", " : ")]))
    text = json.dumps(row, ensure_ascii=draw(st.booleans()), separators=layout)
    odd = {
        0: "",
        1: "{" + text,
        2: "[" + text + ", " + text + "]",
        3: "  " + text + "\t",
        4: text + text,
        5: text.replace("/", "\\/"),
        6: '{"a": "\\ud83d"}',
        7: '{"prompt": "a", "prompt": "b\\u200b", "completion": "c", "completion": "d "}',
    }
    return odd.get(draw(st.integers(0, 25)), text).encode()


@st.composite
def json_lines(draw: Any) -> bytes:
    end = draw(st.sampled_from([b"\n", b"\n", b"\r\n"]))
    body = end.join(draw(st.lists(records_of(), min_size=1, max_size=12)))
    mark = b"\xef\xbb\xbf" if draw(st.integers(0, 5)) == 0 else b""
    return mark + body + draw(st.sampled_from([b"", end, end + end, b"\n \n"]))


@given(json_lines(), st.booleans())
@settings(max_examples=80, phases=PHASES)
def test_lines_whose_row_does_not_change_are_the_same_bytes(
    folder: Callable[[], Path], content: bytes, unsafe: bool
) -> None:
    path = folder() / "train.jsonl"
    path.write_bytes(content)
    old = records(path)
    old_lines = [
        line for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n") if not line.lstrip().startswith(b"[")
    ]
    result = mend(path, unsafe_fixes=unsafe)
    new = records(path)
    assert len(new) == len(old)
    changed = 0
    for (was, raw), (now, made) in zip(old, new, strict=True):
        if same(was, now):
            assert made == raw
        else:
            changed += 1
    assert result.rows >= changed
    # Not a line has come or gone but for arrays, and as many have changed as rows.
    new_lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if len(old_lines) == len(new_lines):
        assert sum(a != b for a, b in zip(old_lines, new_lines, strict=True)) == changed
    able = result.report.found.filter(
        (result.report.found["fix_kind"] == "rewrite") & result.report.found["row"].is_not_null()
    )
    safe = ["safe", "unsafe"] if unsafe else ["safe"]
    assert able.filter(able["fix_safety"].is_in(safe) & able["rule"].is_in(REWRITING)).is_empty()
    inode, after = path.stat().st_ino, path.read_bytes()
    assert mend(path, unsafe_fixes=unsafe).files == []
    assert (path.stat().st_ino, path.read_bytes()) == (inode, after)
    assert [item.name for item in path.parent.iterdir()] == ["train.jsonl"]


cells = st.text(st.sampled_from('ab ,;"\n\tü\u200b'), max_size=6)


@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=40, phases=PHASES)
def test_csv_records_whose_row_does_not_change_are_the_same_bytes(
    folder: Callable[[], Path], table: list[list[str]], end: str
) -> None:
    import csv
    import io

    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end).writerows([["prompt", "completion"], *table])
    path = folder() / "train.csv"
    path.write_bytes(text.getvalue().encode())
    old = records(path)
    result = mend(path)
    new = records(path)
    assert len(old) == len(new)
    for (was, raw), (now, made) in zip(old, new, strict=True):
        assert made == raw if same(was, now) else made != raw
    assert result.rows == sum(not same(was, now) for (was, _), (now, _) in zip(old, new, strict=True))
    assert mend(path).files == []


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    return lambda: tmp_path_factory.mktemp("mended")


# ---- the file in its folder ----


def test_mode_attributes_and_owner_stay(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(HIDDEN))
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12345, 23456)
    try:
        os.setxattr(path, "user.origin", b"crawl 7")
        marked = True
    except OSError:
        marked = False
    os.utime(path, (1, 1))
    before = path.stat()
    mend(path)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert not marked or os.getxattr(path, "user.origin") == b"crawl 7"
    assert after.st_mtime > 1


def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "blob").write_text(lines(HIDDEN))
    (tmp_path / "train.jsonl").symlink_to("real/blob")
    (tmp_path / "again.jsonl").symlink_to("train.jsonl")
    assert fix([tmp_path / "train.jsonl", tmp_path / "again.jsonl"], isolated=True).rows == 1
    assert (tmp_path / "train.jsonl").readlink() == Path("real/blob")
    assert (tmp_path / "real" / "blob").read_text() == lines(GOOD)
    assert sorted(item.name for item in (tmp_path / "real").iterdir()) == ["blob"]


@pytest.mark.parametrize("name", ["a b.jsonl", 'it\'s "q".jsonl', "new\nline.jsonl", "-x.jsonl", "\udcff\udc80.jsonl"])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(lines(HIDDEN))
    assert mend(path).rows == 1
    assert path.read_text() == lines(GOOD)
    assert len(list(tmp_path.iterdir())) == 1


def test_tables_in_memory_have_no_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"datalint\.clean"):
        fix(pa.Table.from_pylist([HIDDEN]))  # type: ignore[arg-type]


# ---- what may go wrong ----


def planned(path: Path) -> Any:
    return plan_fixes([path], load(isolated=True, flags={"select": ["TXT002"]}))


@pytest.mark.parametrize("how", ["append", "replace", "same size", "gone"])
def test_a_file_that_changes_meanwhile_is_left_as_it_is(tmp_path: Path, how: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(HIDDEN, GOOD))
    plan = planned(path)
    other = lines(HIDDEN, {**GOOD, "completion": "The Balkan."})
    if how == "append":
        with path.open("a") as stream:
            stream.write(lines(GOOD))
    elif how == "replace":
        (tmp_path / "new").write_text(lines(GOOD))
        (tmp_path / "new").replace(path)
    elif how == "same size":
        path.write_text(other)
    else:
        path.unlink()
    before = contents(tmp_path)
    with pytest.raises(DatalintError, match=r"changed while it was read|cannot be written"):
        write(plan)
    assert contents(tmp_path) == before


def test_a_write_between_reading_and_replacing_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datalint.cleaner import inplace

    path = tmp_path / "train.jsonl"
    path.write_text(lines(HIDDEN))
    real = inplace.put

    def late(new: Path, file: Any) -> None:
        with path.open("a") as stream:
            stream.write(lines(GOOD))
        real(new, file)

    monkeypatch.setattr(inplace, "put", late)
    with pytest.raises(InputError, match="changed while it was read"):
        mend(path)
    assert path.read_text() == lines(HIDDEN, GOOD)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_second_of_two_runs_is_told(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(HIDDEN))
    with held(path, path.name), pytest.raises(OutputError, match="another run"):
        mend(path)
    assert path.read_text() == lines(HIDDEN)
    assert mend(path).rows == 1


def test_what_a_dead_run_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(GOOD))
    (tmp_path / ".train.jsonl.datalint-dead.new").write_text("half")
    (tmp_path / ".train.jsonl.datalint-notes.txt").write_text("mine")
    (tmp_path / ".eval.jsonl.datalint-dead.new").write_text("of another file")
    with held(tmp_path / ".eval.jsonl.datalint-dead.new", "x"):
        assert mend(path).files == []
    assert sorted(item.name for item in tmp_path.iterdir()) == [
        ".eval.jsonl.datalint-dead.new",
        ".train.jsonl.datalint-notes.txt",
        "train.jsonl",
    ]


def test_a_live_run_keeps_its_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(GOOD))
    with held(path, path.name):
        (tmp_path / ".train.jsonl.datalint-live.new").write_text("half")
        assert mend(path).files == []
        assert (tmp_path / ".train.jsonl.datalint-live.new").exists()


def test_of_several_files_none_changes_if_one_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jsonl").write_text(lines(HIDDEN))
    before = contents(tmp_path)
    with held(tmp_path / "c.jsonl", "c"), pytest.raises(OutputError, match=r"c\.jsonl is being written"):
        mend(tmp_path)
    assert contents(tmp_path) == before
    assert mend(tmp_path).rows == 3


@pytest.mark.parametrize(
    ("what", "state"),
    [
        ("tempfile.mkstemp", "as it was"),
        ("os.fdopen", "as it was"),
        ("os.utime", "as it was"),
        ("shutil.copystat", "as it was"),
        ("os.fsync", "as it was"),
        ("pathlib.Path.replace", "as it was"),
        ("os.open", "as it was"),
        ("last os.fsync", "new content is there"),
    ],
)
def test_every_step_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, state: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(HIDDEN))
    module, name = what.removeprefix("last ").rsplit(".", 1)
    owner = pathlib.Path if module == "pathlib.Path" else sys.modules[module]
    real, calls = getattr(owner, name), []

    def fails(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) > what.startswith("last "):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(*args, **kwargs)

    plan = planned(path)
    monkeypatch.setattr(owner, name, fails)
    with pytest.raises(OutputError, match=rf"train\.jsonl cannot be written \(Input/output error\); .*{state}"):
        write(plan)
    monkeypatch.undo()
    assert path.read_text() == (lines(HIDDEN) if state == "as it was" else lines(GOOD))
    assert [item.name for item in tmp_path.iterdir()] == ["train.jsonl"]


@pytest.fixture
def faulty_rule(monkeypatch: pytest.MonkeyPatch) -> type[Rule]:
    """TXT002 with a fix that makes what JSON cannot hold."""
    rule = all_rules()["TXT002"]
    monkeypatch.setattr(rule, "rewrite", lambda self, row, found: {**row, "prompt": float("nan")})
    return rule


def test_a_fix_that_makes_no_json_is_named(tmp_path: Path, faulty_rule: type[Rule]) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(HIDDEN))
    with pytest.raises(RulePackError, match=r"TXT002: its fix of .*train\.jsonl, row 0 cannot be written as jsonl"):
        mend(path, "TXT002")
    assert path.read_text() == lines(HIDDEN)


MAIN = "import sys; from datalint.cli import main; main()"


def start(folder: Path, code: str = MAIN, before: Sequence[str] = ()) -> "subprocess.Popen[str]":
    args = ["check", "--fix", "--isolated", "--select", "TXT002", "-q", "train.jsonl", "other.csv"]
    return subprocess.Popen(
        [*before, sys.executable, "-c", code, *args],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def busy(tmp_path: Path) -> Path:
    """Two files in which every row is to be mended."""
    rows = [{"prompt": f"question {i} {'x' * 200}\u200b", "completion": f"answer {i}"} for i in range(4000)]
    (tmp_path / "train.jsonl").write_text(lines(*rows))
    (tmp_path / "other.csv").write_text(
        "prompt,completion\n" + "".join(f"q{i}\u200b,{'a' * 200}\n" for i in range(4000)), encoding="utf-8"
    )
    return tmp_path


def test_a_killed_run_leaves_each_file_old_or_new(busy: Path) -> None:
    old = contents(busy)
    began = time.monotonic()
    assert start(busy).wait() == 0
    length = time.monotonic() - began
    new = contents(busy)
    assert new.keys() == old.keys()
    assert all(new[name] != old[name] for name in old)
    chance = random.Random(7)
    for _ in range(5):
        for name, content in old.items():
            (busy / name).write_bytes(content)
        run = start(busy)
        time.sleep(length * chance.uniform(0.4, 1.0))
        run.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        run.communicate()
        for name in old:
            assert (busy / name).read_bytes() in (old[name], new[name])
        assert start(busy).wait() == 0
        assert contents(busy) == new  # and nothing else: what the dead run left is gone


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_full_disk_is_one_line_and_changes_nothing(busy: Path, share: float) -> None:
    old = contents(busy)
    limit = 1 + int(share * len(old["train.jsonl"]))
    run = start(busy, f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); {MAIN}")
    _, said = run.communicate()
    assert run.returncode == 2
    assert said.count("\n") == 1
    assert "train.jsonl cannot be written" in said
    assert contents(busy) == old


def test_two_runs_at_once_leave_whole_files(busy: Path) -> None:
    old = contents(busy)
    runs = [start(busy) for _ in range(2)]
    told = [run.communicate()[1] for run in runs]
    codes = sorted(run.returncode for run in runs)
    assert codes in ([0, 0], [0, 2])
    if codes == [0, 2]:
        assert any("another run" in text or "changed while it was read" in text for text in told)
    assert start(busy).wait() == 0
    new = contents(busy)
    assert new.keys() == old.keys()
    assert not any(b"\\u200b" in text or "\u200b".encode() in text for text in new.values())


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_not_be_written_is_exit_2(busy: Path, what: str) -> None:
    old = contents(busy)
    drop: list[str] = []
    if os.geteuid() == 0:  # to whom no mode is an obstacle, unless that is taken from him
        drop = ["setpriv", "--bounding-set", "-dac_override"]
        if subprocess.run([*drop, "true"], capture_output=True, check=False).returncode:
            pytest.skip("root, and no setpriv")
    target = busy / "train.jsonl" if what == "file" else busy
    mode = target.stat().st_mode
    target.chmod(mode & ~0o222)
    try:
        run = start(busy, before=drop)
        _, said = run.communicate()
    finally:
        target.chmod(mode)
    assert run.returncode == 2, said
    assert "train.jsonl cannot be written (Permission denied)" in said
    assert said.count("\n") == 1
    assert contents(busy) == old


def test_memory_follows_the_chunk(tmp_path: Path) -> None:
    peak = "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss"
    code = f"import atexit, resource, sys; atexit.register(lambda: print('PEAK', {peak}, file=sys.stderr)); {MAIN}"
    peaks = []
    for count in (20_000, 100_000):
        rows = (
            {"prompt": f"q {i} {'x' * 300}" + "\u200b" * (i % 50 == 0), "completion": f"a {i}"} for i in range(count)
        )
        with (tmp_path / "train.jsonl").open("w") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
        (tmp_path / "other.csv").write_text("prompt,completion\na,b\n")
        run = start(tmp_path, code)
        _, said = run.communicate()
        assert run.returncode == 0, said
        peaks.append(int(said.split("PEAK")[1]))
    assert peaks[1] - peaks[0] < 40_000  # kB, of 27 MB more to read
