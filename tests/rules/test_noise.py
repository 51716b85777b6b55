"""What the rules say about real data is what was read there, and faults that others planted are found."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data"),
]


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmarks are scripts, not a package; their `common` is not that of other benchmarks."""
    names = ("common", "noise", "recall", "suites")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "rules"))
    yield
    for name in names:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["gsm8k-test", "factory-dpo", "factory-kto", "self-instruct-user"])
def test_real_data_has_the_faults_that_were_read_in_it_and_no_others(name: str) -> None:
    from common import CORPUS, linted
    from noise import expectations, judge

    (dataset,) = [dataset for dataset in CORPUS if dataset.name == name]
    with linted(dataset, DATA, "ALL") as report:
        assert judge(dataset, report, expectations()[name]).differences == []


def test_every_dataset_of_the_corpus_was_read() -> None:
    from common import CORPUS
    from noise import expectations

    read = expectations()
    assert list(read) == [dataset.name for dataset in CORPUS]
    assert all(entry["why"] for found in read.values() for code, entry in found.items() if code != "rows")


@pytest.mark.parametrize("name", ["chat", "alpaca", "textlabel"])
def test_planted_faults_are_found_and_clean_rows_left_alone(name: str) -> None:
    from recall import planted

    recalls, _ = planted(DATA, name)
    wanted = [one for one in recalls if one.wanted]
    assert len(wanted) > 6
    assert [(one.name, one.missed, one.false) for one in wanted if one.missed or one.false] == []


def test_what_upstream_repaired_is_found_before_and_gone_after() -> None:
    from suites import broken_and_mended, tool_fixes

    told = [*broken_and_mended(DATA), *tool_fixes(DATA)]
    assert [(one.name, one.missed, one.false) for one in told if one.wanted and (one.missed or one.false)] == []


def test_mojibake_is_found_and_what_looks_like_it_is_not() -> None:
    from suites import mojibake

    told = {one.name: one for one in mojibake(DATA) if one.wanted}
    assert told
    assert [(one.name, one.missed, one.false) for one in told.values() if one.missed or one.false] == []
