"""Files mended where they lie: every rule's rewrites, and rows of any style, change only the rows that are at fault."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cleaner_helpers import rows_read
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from inplace_helpers import mend, records
from json_styles import json_lines

import datalint
from datalint.cleaner.inplace.fix import fix
from datalint.fingerprint import without_nulls
from datalint.fixes import rewrites, same
from datalint.registry import all_rules
from datalint.testing import write_sample

PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
REWRITING = [code for code, rule in all_rules().items() if rewrites(rule())]


@pytest.mark.parametrize("code", REWRITING)
def test_what_a_rule_fixes_in_place_is_what_it_fixes_in_a_clean(code: str, tmp_path: Path) -> None:
    rule = all_rules()[code]
    for number, sample in enumerate(rule.bad):
        folder = tmp_path / str(number)
        (folder / "in").mkdir(parents=True)
        options = {**write_sample(sample, folder / "in"), "select": [code], "isolated": True}
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


files = json_lines(rows)


@given(files, st.booleans())
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
