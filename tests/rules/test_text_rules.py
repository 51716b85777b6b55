"""TXT001 to TXT009: what their examples cannot say."""

import json
import random
import unicodedata
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalint import check, clean
from datalint.rule import Found
from datalint_rules.txt.control_chars import ControlChars
from datalint_rules.txt.html_residue import HtmlResidue
from datalint_rules.txt.invisible_chars import InvisibleChars
from datalint_rules.txt.loops import loops
from datalint_rules.txt.mojibake import _POSSIBLE, Mojibake
from datalint_rules.txt.not_nfc import NotNfc
from datalint_rules.txt.unclosed_fence import UnclosedFence

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
CODE = "def f(x):\n    if x:\n\t\treturn x  # two tabs\n    \n    return None\n"
# What the rules look for, among what they must leave alone.
PIECES = [
    *("Ã©", "â€™", "Ð¿Ñ€", "Ã ", "é", "ü", "“", "Я", "中", "\x93", "\x85", "\ufffd"),
    *("\u200b", "\u200d", "\u200c", "\xad", "\ufeff", "\u180e", "👩", "🏽", "ا", "क", "ខ", "\ufe0f", "'"),
    *("\x00", "\x1b[31m", "\x0crac", "\x08", "\x0b", "&amp;", "&#39;", "&lt;", "p&gt;", "<br>", "&amp;lt;"),
    *("```", "```py", "~~~", "\n", "\n\n", "    x = 1", "\t", " ", "a", "b", "- ", "1. ", "|", ".", "e\u0301"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
FIXES = [Mojibake(), InvisibleChars(), ControlChars(), NotNfc(), HtmlResidue(), UnclosedFence()]


def fixed(rule: Any, text: str) -> str:
    found = [Found("/t", 0, 1, {"what": what}) for what in ("control characters", "unreadable characters")]
    return rule.rewrite({"t": text}, found)["t"]


def codes(rows: list[dict[str, Any]], *select: str, **options: Any) -> list[str]:
    report = check(pl.DataFrame(rows), select=list(select) or ["TXT00"], isolated=True, **options)
    return sorted(report.findings["rule"].to_list())


@pytest.mark.parametrize("rule", FIXES, ids=lambda rule: rule.code)
@given(text=texts)
def test_a_fix_done_twice_is_done_once(rule: Any, text: str) -> None:
    once = fixed(rule, text)
    assert fixed(rule, once) == once


@pytest.mark.parametrize("rule", FIXES, ids=lambda rule: rule.code)
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="&`~"), max_size=80))
def test_plain_text_and_the_indentation_of_code_stay(rule: Any, text: str) -> None:
    assert fixed(rule, text + "\n" + CODE) == text + "\n" + CODE


@pytest.mark.parametrize("rule", FIXES, ids=lambda rule: rule.code)
@given(before=texts, after=texts)
def test_code_keeps_its_indentation_between_what_is_mended(rule: Any, before: str, after: str) -> None:
    assert CODE.strip("\n") in fixed(rule, f"{before}\n\n{CODE}\n{after}")


@settings(max_examples=25)
@given(rows=st.lists(st.tuples(texts, texts.map(lambda text: "So: " + text)), min_size=1, max_size=4))
def test_cleaning_with_all_fixes_leaves_nothing_that_could_be_fixed(rows, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("clean")
    lines = [json.dumps({"prompt": "Why? " + prompt, "completion": completion}) for prompt, completion in rows]
    (folder / "train.jsonl").write_text("\n".join(lines), encoding="utf-8")
    options = {"select": ["TXT00"], "isolated": True, "unsafe_fixes": True}
    clean(folder / "train.jsonl", out=folder / "out", **options)
    again = clean(folder / "out", out=folder / "again", **options)
    assert again.manifest.counts.rows_changed == again.manifest.counts.rows_removed == 0


@given(text=texts)
def test_mojibake_is_only_looked_for_where_it_can_be_and_never_missed_there(text: str) -> None:
    from ftfy import fix_encoding
    from ftfy.badness import is_bad

    if not pl.Series([text]).str.contains(_POSSIBLE).item():
        assert not is_bad(text) or fix_encoding(text) == text


def test_quotes_dashes_and_ligatures_are_no_mojibake() -> None:
    text = "“It’s…” — ﬁne: ½ × 3 °C, naïve Ærø, 東京、Ελλάδα, «ещё»."
    assert fixed(Mojibake(), text) == text


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "badinput/ftfy").exists(), reason="the shared data is not here")
def test_every_pair_of_ftfy_is_fixed_and_every_negative_stays() -> None:
    pairs = [
        p for file in sorted((SHARED / "badinput/ftfy").glob("*.json")) for p in json.loads(file.read_text("utf-8"))
    ]
    pairs = [pair for pair in pairs if pair["expect"] == "pass"]
    found = set(
        check(pl.DataFrame({"text": [p["original"] for p in pairs]}), select=["TXT001"], isolated=True).findings["row"]
    )
    for row, pair in enumerate(pairs):
        meant = pair.get("fixed-encoding", pair["fixed"])
        assert fixed(Mojibake(), pair["original"]) == meant, pair["label"]
        assert (row in found) == (meant != pair["original"]), pair["label"]


@pytest.mark.parametrize(
    "text",
    [
        "👨\u200d👩\u200d👧\u200d👦",
        "👩🏽\u200d⚕️",
        "🏳️\u200d🌈",
        "می\u200cخواهم",
        "क्\u200dष",
        "ភាសា\u200bខ្មែរ",
        "ไทย\u200bไทย",
        "ശ്രീ\u200d",
    ],
)
def test_what_a_script_or_a_picture_needs_stays(text: str) -> None:
    assert fixed(InvisibleChars(), f"a {text} b") == f"a {text} b"
    assert fixed(InvisibleChars(), f"a\u200b {text} b\u200d") == f"a {text} b"


def test_every_invisible_character_is_found_alone_in_a_word() -> None:
    for char in "\xad\u180e\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff":
        assert codes([{"text": f"wo{char}rd"}], "TXT002") == ["TXT002"], f"{ord(char):04x}"
        assert unicodedata.category(char) == "Cf"


def test_every_control_character_but_tab_and_line_ends_is_found() -> None:
    for number in (*range(32), 127, *range(128, 160), 0xFFFD):
        wanted = [] if chr(number) in "\t\n\r" else ["TXT003"]
        assert codes([{"text": f"a{chr(number)}b"}], "TXT003") == wanted, number


def test_a_command_of_latex_gets_its_backslash_back() -> None:
    assert fixed(ControlChars(), "\x0crac{1}{2} \x08egin{x} \x07lpha \x0bec{v} \x08etter") == (
        r"\frac{1}{2} \begin{x} \alpha \vec{v} etter"
    )


def test_safe_cleaning_leaves_what_was_lost(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "caf\ufffd\x00 ok"}), encoding="utf-8")
    clean(tmp_path / "a.jsonl", out=tmp_path / "out", select=["TXT003"], isolated=True)
    assert pl.read_parquet(tmp_path / "out" / "a.parquet")["text"].to_list() == ["caf\ufffd ok"]


@given(
    unit=st.text("abcdefg hijk.é中", min_size=8, max_size=120),
    times=st.integers(4, 9),
    seeds=st.tuples(st.integers(), st.integers(0, 300), st.integers(0, 300)),
)
def test_a_phrase_four_times_is_a_loop_wherever_it_stands(unit: str, times: int, seeds: tuple[int, int, int]) -> None:
    chance = random.Random(seeds[0])
    before, after = ("".join(chance.choices("abcdefg hijk.é中", k=size)) for size in seeds[1:])
    unit, separator = unit.strip() or "x", " " * (times % 3)
    if len(unit + separator) < 8:
        return
    text = f"{before}[{separator.join([unit] * times)}]{after}"
    hits = [loop for loop in loops(["other", text, "other"]) if loop.start <= len(before) + len(unit) < loop.end]
    # One unit of spaces or of a character alone is left to what draws lines.
    assert hits or len(set(unit)) < 8
    assert all(text[hit.start :].startswith(hit.unit) for hit in hits)


@given(st.lists(st.sampled_from(["Yes.Yes.Yes.", "No." * 4, "Maybe, who knows?"]), max_size=50))
def test_equal_rows_are_no_loop(rows: list[str]) -> None:
    assert list(loops(rows)) == []


def test_a_loop_of_a_million_characters_takes_one_pass() -> None:
    (found,) = loops(["Eat a banana!" * 100_000])
    assert (found.start, found.times) == (0, 100_000)


def test_blocks_of_content_are_told_and_left_as_they_are(tmp_path: Path) -> None:
    blocks = [{"type": "text", "text": "```py\nx"}, {"type": "text", "text": "a\u200bb"}]
    row = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": blocks}]}
    (tmp_path / "a.jsonl").write_text(json.dumps(row), encoding="utf-8")
    report = check(str(tmp_path / "a.jsonl"), select=["TXT00"], isolated=True)
    assert sorted(report.findings["rule"]) == ["TXT002", "TXT008"]
    clean(tmp_path / "a.jsonl", out=tmp_path / "out", select=["TXT00"], isolated=True, unsafe_fixes=True)
    out = pl.read_parquet(tmp_path / "out" / "a.parquet")["messages"].to_list()[0]
    assert "a\u200bb" not in str(out)
    assert [block["text"] for block in json.loads(out[1]["content"])] == ["```py\nx", "ab"]


def test_a_block_closes_before_the_next_one_begins() -> None:
    assert fixed(UnclosedFence(), "```c\nint x;\n```c\nint y;\n```") == "```c\nint x;\n```\n```c\nint y;\n```"
    assert fixed(UnclosedFence(), "- ```py\n  x = 1") == "- ```py\n  x = 1\n  ```"
    assert fixed(UnclosedFence(), "```c\nx\n```\nSo.\n```\n") == "```c\nx\n```\nSo.\n"


def test_metadata_and_rejected_answers_are_not_judged() -> None:
    bad = "caf\u200b\x00 FranÃ§oise &amp;"
    assert codes([{"prompt": "a", "completion": "b", "id": bad, "source": bad}]) == []
    assert codes([{"prompt": "a", "chosen": "Fine.", "rejected": "N/A"}], "TXT006", "TXT008", "TXT009") == []
    assert codes([{"prompt": "a", "completion": "...", "label": False}], "TXT009") == []


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "reasoning/gsm8k").exists(), reason="the shared data is not here")
def test_mathematics_has_one_fault_in_seven_thousand_rows() -> None:
    report = check(str(SHARED / "reasoning/gsm8k/train.jsonl.gz"), select=["TXT00"], isolated=True)
    assert report.findings["rule"].to_list() == ["TXT002"]
