"""Rules about what is said in a dialogue: what their own examples cannot show."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalint.cleaner import clean
from datalint.run import check
from datalint_rules.txt import thinking
from datalint_rules.txt.language_drift import LanguageDrift
from datalint_rules.txt.spans import blanked, fences, inline_code, maths, prose, without
from datalint_rules.txt.ui_scrape import _words

SHARED = Path(__file__).parents[3] / "shared" / "data"
words = st.text(alphabet="ab1 .\n`~$\\()[]{}<>/#", max_size=80)


def found(tmp_path: Path, rows: list[dict[str, Any]], code: str, **options: Any) -> list[tuple[Any, ...]]:
    """(row, pointer) of a rule's findings."""
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    findings = check(str(path), select=[code], isolated=True, **options).findings
    return [(item["row"], item["pointer"]) for item in findings.to_dicts() if item["rule"] == code]


def cleaned(tmp_path: Path, rows: list[dict[str, Any]], code: str) -> list[dict[str, Any]]:
    """The rows after all fixes of one rule."""
    import polars as pl

    path = tmp_path / "in" / "rows.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    clean(path, out=tmp_path / "out", select=[code], isolated=True, unsafe_fixes=True)
    return pl.read_parquet(tmp_path / "out" / "rows.parquet").to_dicts()


def answer(text: str, prompt: str = "Tell me more about it.") -> dict[str, Any]:
    return {"prompt": prompt, "completion": text}


class TestSpans:
    def test_code_is_fenced_or_between_backticks_and_an_open_fence_reaches_to_the_end(self) -> None:
        text = "a `b` ``c ` d``\n```py\ne\n```\nf\n~~~\ng"
        assert [text[a:b] for a, b in fences(text)] == ["```py\ne\n```", "~~~\ng"]
        assert fences("```\na", closed=True) == []
        assert [text[a:b] for a, b in inline_code(blanked(text, fences(text)))] == ["`b`", "``c ` d``"]

    def test_money_is_no_mathematics(self) -> None:
        assert maths("It costs $5 or $10, {{name}}.") == []
        text = r"$x$, $$y$$, \(a\) and \[b\], but \( not"
        assert [text[a:b] for a, b in maths(text)] == ["$x$", "$$y$$", r"\(a\)", r"\[b\]"]

    @given(words)
    def test_what_is_blanked_keeps_all_places_and_lines(self, text: str) -> None:
        left = prose(text)
        assert len(left) == len(text)
        assert all(new in (old, " ") for old, new in zip(text, left, strict=True))
        assert left.count("\n") == text.count("\n")

    @given(words, st.lists(st.tuples(st.integers(0, 80), st.integers(0, 9))))
    def test_without_takes_out_what_blanked_blanks(self, text: str, starts: list[tuple[int, int]]) -> None:
        spans = [(a, min(a + n, len(text))) for a, n in starts if a < len(text)]
        gone = {at for a, b in spans for at in range(a, b)}
        assert without(text, spans) == "".join(c for at, c in enumerate(text) if at not in gone)


class TestUnfilledVariable:
    @pytest.mark.parametrize(
        "text", ["I am {{name}}.", "{{ bot_name }}: hi", "By <AUTHOR_NAME>.", "{{user.name}}{{x_1}}"]
    )
    def test_an_identifier_in_double_braces_or_capitals_in_angle_brackets(self, text: str, tmp_path: Path) -> None:
        assert found(tmp_path, [answer(text)], "TXT010") == [(0, "/completion")]

    @pytest.mark.parametrize(
        "text",
        [
            "{{ D}} and {{1, 2}, {3, 4}} and {{x}} and {name}",
            r"\frac{{ab}}{{cd}} and x^{{ij}} and \( {{pq}} \)",
            "style={{color}} and ${{ github.ref }} and {{{raw}}}",
            "`{{name}}` and\n\n```\n{{name}}\n```",
            "{% if name %}{{ name }}{% endif %}",
            "<p>{{ name }}</p>",
            "{{ name | upper }} and {{name}}",
            "vector<INT> <TD> <PAD> <NAME>Ann</NAME>",
        ],
    )
    def test_near_misses(self, text: str, tmp_path: Path) -> None:
        assert found(tmp_path, [answer(text)], "TXT010") == []

    def test_a_question_about_templates_is_fine_beside_rows_that_are_not(self, tmp_path: Path) -> None:
        rows = [
            answer("I am {{name}}."),
            answer("Write {{name}}.", "How does Handlebars do it?"),
            answer("It's {{name}}."),
        ]
        assert [row for row, _ in found(tmp_path, rows, "TXT010")] == [0, 2]

    @pytest.mark.shared
    @pytest.mark.skipif(not SHARED.is_dir(), reason="the development data is not there")
    def test_the_published_identity_rows(self) -> None:
        path = SHARED / "instruct" / "llama-factory" / "identity.json"
        rows = check(str(path), select=["TXT010"], isolated=True).findings["row"]
        assert rows.n_unique() == 85


class TestMergedTurns:
    def test_the_answer_before_the_label_stays_as_it_is(self, tmp_path: Path) -> None:
        code = "def f():\n    return 1"
        row = answer(f"    {code}\n\nHuman: thanks\nAssistant: welcome")
        assert cleaned(tmp_path, [row], "TXT011")[0]["completion"] == f"    {code}"

    @pytest.mark.parametrize(
        "text", ["Assistant: hi\nAssistant: ho", "Human: hi", "Who?\nQuestion: a\nAnswer: b", "1. User: x\n2. Bot: y"]
    )
    def test_one_speaker_or_none_is_no_second_turn(self, text: str, tmp_path: Path) -> None:
        assert found(tmp_path, [answer(text)], "TXT011") == []


class TestMissingAttachment:
    @pytest.mark.parametrize(
        "extra", [{"images": ["a.png"]}, {"tools": [{"name": "open"}]}, {"attachments": ["a.pdf"]}, {"image": "a.png"}]
    )
    def test_media_or_tools_bring_it(self, extra: dict[str, Any], tmp_path: Path) -> None:
        row = {"prompt": "What does the attached image show?", "completion": "A dog."}
        assert found(tmp_path, [row, {**row, **extra}, {**row, **dict.fromkeys(extra)}], "TXT013") == [
            (0, "/prompt"),
            (2, "/prompt"),
        ]

    def test_calls_bring_it(self, tmp_path: Path) -> None:
        said = [
            {"from": "human", "value": "https://example.org/news"},
            {"from": "function_call", "value": '{"name": "get", "arguments": {}}'},
            {"from": "observation", "value": "Rain."},
            {"from": "gpt", "value": "It rains."},
        ]
        assert found(tmp_path, [{"conversations": said}, {"conversations": said[::3]}], "TXT013") == [
            (1, "/conversations/0/value")
        ]


class TestThinkTags:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("2+2\n</think>\n\n4", "<think>\n2+2\n</think>\n\n4"),
            ("</think>\n\n    return 4", "    return 4"),
            ("<think>\n\n</think>\n\n    return 4", "    return 4"),
            ("a\n<think></think>\n    b<think> </think>\nc", "a\n    b\nc"),
            ("<think>a<think>b</think>c</think>\n4", "<think>abc</think>\n4"),
        ],
    )
    def test_repairs(self, before: str, after: str) -> None:
        what = thinking.fault(before)
        assert what
        assert thinking.repaired(before, what) == after
        assert thinking.fault(after) is None

    @given(
        st.lists(st.sampled_from(["<think>", "</think>", "a", "\n", "    b", "`", "```\n"]), max_size=9).map("".join)
    )
    def test_a_repaired_text_says_what_it_said(self, text: str) -> None:
        what = thinking.fault(text)
        fixed = thinking.repaired(text, what) if what else text
        bare = [t.replace("<think>", "").replace("</think>", "").split() for t in (text, fixed)]
        assert bare[0] == bare[1]

    def test_a_fence_that_reasoning_leaves_open_does_not_hide_its_end(self) -> None:
        assert thinking.fault("<think>so\n```py\nx = 1\n</think>\n4") is None
        assert thinking.fault("The end:\n```\n</think>\n```\nand `<think>`") is None

    def test_prompts_may_say_how_to_reason(self) -> None:
        assert not thinking.leaks("Put it into <think> reasoning process here </think><answer> x </answer>")
        assert thinking.leaks("<think>They want 4.</think>\n2+2?")
        assert not thinking.leaks("Why does it print </think> at the end?")

    @pytest.mark.parametrize(
        ("reasoning", "plain", "mixed"), [(10, 10, True), (1, 60, False), (60, 1, False), (0, 9, False)]
    )
    def test_a_dataset_of_which_a_part_reasons_is_one_finding(
        self, reasoning: int, plain: int, mixed: bool, tmp_path: Path
    ) -> None:
        rows = [answer(f"<think>add {i}</think>{i}") for i in range(reasoning)] + [answer(f"{i}") for i in range(plain)]
        assert found(tmp_path, rows, "TXT014") == [(None, None)] * mixed

    def test_who_switches_reasoning_off_does_not_mix(self, tmp_path: Path) -> None:
        rows = [answer("<think>add</think>4") for _ in range(5)] + [answer("4", "2+2? /no_think") for _ in range(5)]
        assert found(tmp_path, rows, "TXT014") == []


class TestSharedAffix:
    def test_nine_in_ten_is_not_more_than_nine_in_ten(self, tmp_path: Path) -> None:
        rows = [answer(f"Sure! Here is {i}" if i % 10 else f"{i}.", f"{i}?") for i in range(100)]
        assert found(tmp_path, rows, "TXT015") == []
        assert found(tmp_path, rows, "TXT015", rules={"TXT015": {"share": 0.89}}) == [(None, None)]


class TestLanguageDrift:
    rows = [answer(f"It is {i}.", f"{i}?") for i in range(40)]

    def test_the_drift_is_found_once_and_where_it_is(self, tmp_path: Path) -> None:
        rows = [*self.rows, answer("It is four, as you know. Это четыре.", "2+2?")]
        assert found(tmp_path, rows, "TXT016") == [(40, "/completion")]

    @pytest.mark.parametrize(
        ("prompt", "text"),
        [
            ("Say it in Russian.", "Это четыре."),
            ("Что это?", "Это четыре."),
            ("Sum?", "It is α + β = γ + δ."),
            ("Who?", 'Putin (Владимир Путин) is called "Владимир Путин".'),
            ("Code?", "Print it:\n```\nprint('четыре четыре четыре')\n```"),
        ],
    )
    def test_near_misses(self, prompt: str, text: str, tmp_path: Path) -> None:
        assert found(tmp_path, [*self.rows, answer(text, prompt)], "TXT016") == []

    def test_what_many_answers_do_is_no_drift(self, tmp_path: Path) -> None:
        rows = [*self.rows, *[answer("Это четыре.", f"{i}?") for i in range(3)]]
        assert found(tmp_path, rows, "TXT016") == []

    def test_options_are_what_the_catalogue_says(self) -> None:
        assert (LanguageDrift().share, LanguageDrift().habit) == (0.05, 0.05)


class TestUiScrape:
    def test_code_keeps_its_indentation(self, tmp_path: Path) -> None:
        code = "if x:\n        y()\n"
        before = [f"2 / 2\n    {code}", f"```pythonCopy code\n    {code}```", f"pythonCopy code\n    {code}\nCopy code"]
        rows = cleaned(tmp_path, [answer(text) for text in before], "TXT018")
        assert [row["completion"] for row in rows] == [
            f"    {code}",
            f"```python\n    {code}```",
            f"python\n    {code.rstrip()}",
        ]

    @given(
        st.lists(st.sampled_from(["Copy code", "\n", "    x", "```", "py", "Regenerate response"]), max_size=9).map(
            "".join
        )
    )
    @settings(max_examples=200)
    def test_nothing_but_the_words_goes(self, text: str) -> None:
        gone = "".join(text[a:b] for a, b in _words(text, pager=False))
        assert not gone.replace("Copy code", "").replace("Regenerate response", "").strip()


class TestEdgeWhitespace:
    @given(st.text(alphabet="a \n\t\u3000", min_size=1, max_size=12))
    @settings(max_examples=40)
    def test_only_the_end_changes(self, text: str) -> None:
        from datalint.rule import Found
        from datalint_rules.txt.edge_whitespace import EdgeWhitespace

        fixed = EdgeWhitespace().rewrite(answer(text), [Found("/completion", None, None, {})])["completion"]
        assert text.startswith(fixed)
        assert fixed == text if not text.strip() else fixed == text.rstrip()


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the development data is not there")
def test_clean_maths_answers_are_quiet() -> None:
    path = SHARED / "reasoning" / "gsm8k" / "test.jsonl.gz"
    codes = [f"TXT01{n}" for n in range(10)]
    assert check(str(path), select=codes, isolated=True).findings.is_empty()
