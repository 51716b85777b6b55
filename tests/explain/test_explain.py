"""`datalint explain`: what it shows is what the model gets, whatever stands in the row."""

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hostile import HOSTILE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datalint.config import Settings, load
from datalint.errors import DatalintError, InputError, UsageError
from datalint.explain import Explained, explain, html, parse_location, seen, text
from datalint.registry import all_rules
from datalint.report.escape import visible

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "fixtures" / "model"
FAULTY = ROOT / "fixtures" / "faulty"


def told(**flags: Any) -> Settings:
    return load(isolated=True, flags={"tokenizer": str(MODEL), **flags})


def talk(*pairs: tuple[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in pairs]}


@pytest.fixture
def show(tmp_path: Path) -> Callable[..., Explained]:
    """The explanation of the first of some rows."""

    def shown(*rows: Any, **flags: Any) -> Explained:
        path = tmp_path / "train.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return explain(f"{path}:1", told(**flags))

    return shown


def whole(explained: Explained) -> str:
    return "".join(piece.text for piece in explained.seen[0].pieces)


def test_a_place_is_a_line_or_a_row() -> None:
    assert parse_location("a:b.jsonl:12") == ("a:b.jsonl", 12, True)
    assert parse_location("a#1.parquet#0") == ("a#1.parquet", 0, False)
    for wrong in ("train.jsonl", "train.jsonl:", "train.jsonl:x", ":3", "a.jsonl:-1", ""):
        with pytest.raises(UsageError, match="FILE:LINE"):
            parse_location(wrong)


def test_trained_tokens_and_the_cut(show: Callable[..., Explained]) -> None:
    row = talk(("user", "Where is it?"), ("assistant", "It is in the harbour."))
    all_of_it = show(row).seen[0]
    assert all_of_it.cut == 0
    assert "".join(p.text for p in all_of_it.pieces if p.trained) == "It is in the harbour.<|im_end|>"
    assert sum(len(p.ids) for p in all_of_it.pieces) == all_of_it.tokens
    cut = show(row, **{"max-length": 20}).seen[0]
    assert (cut.tokens, cut.cut) == (all_of_it.tokens, (all_of_it.tokens or 0) - 20)
    assert sum(len(p.ids) for p in cut.pieces if not p.cut) == 20
    assert [p.text for p in cut.pieces] == [p.text for p in all_of_it.pieces]


def test_what_the_template_removes_is_told_with_the_row() -> None:
    explained = explain(f"{FAULTY / 'agent.jsonl'}:1", told())
    assert "get_weather" not in whole(explained)
    assert {"TPL002"} <= {finding.rule for finding in explained.findings}
    assert explained.line == 1


def test_a_row_is_not_told_what_its_file_has_to_say(show: Callable[..., Explained]) -> None:
    row = talk(("user", "Where is it?"), ("assistant", "It is in the harbour."))
    agent = explain(f"{FAULTY / 'agent.jsonl'}:1", told())
    assert agent.findings
    assert not [one for one in agent.findings if all_rules()[one.rule]().gathers]
    assert not [one for one in agent.findings if "{" in one.message]
    assert show(row).findings == ()


def test_both_sides_of_a_preference_are_shown(show: Callable[..., Explained]) -> None:
    ask = {"role": "user", "content": "Why?"}
    sides = {side: [{"role": "assistant", "content": side}] for side in ("chosen", "rejected")}
    first, second = show({"prompt": [ask], **sides}).seen
    assert "chosen" in "".join(p.text for p in first.pieces if p.trained)
    assert "rejected" in "".join(p.text for p in second.pieces if p.trained)


def test_rows_without_messages_need_a_tokenizer_only(show: Callable[..., Explained]) -> None:
    explained = show({"prompt": "2 + 2 =", "completion": " 4"})
    assert whole(explained) == "2 + 2 = 4"
    assert "".join(p.text for p in explained.seen[0].pieces if p.trained) == " 4"


def test_rows_that_have_no_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text(json.dumps([talk(("user", "a"), ("assistant", "b")), talk(("user", "c"), ("assistant", "d"))]))
    assert "c" in whole(explain(f"{path}#1", told()))
    with pytest.raises(UsageError, match="#ROW"):
        explain(f"{path}:1", told())
    table = tmp_path / "train.csv"
    table.write_text('prompt,completion\n"two\nlines",x\nq,y\n')
    for line, text_ in ((2, "two\nlinesx"), (3, "two\nlinesx"), (4, "qy")):
        assert whole(explain(f"{table}:{line}", told())) == text_


def test_what_cannot_be_shown_says_why(tmp_path: Path, show: Callable[..., Explained]) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"messages": [\n' + json.dumps(talk(("user", "a"), ("assistant", "b"))) + "\n")
    with pytest.raises(InputError, match="cannot be read"):
        explain(f"{path}:1", told())
    with pytest.raises(InputError, match="no row at line 9"):
        explain(f"{path}:9", told())
    with pytest.raises(InputError, match="no such file"):
        explain(f"{tmp_path / 'none.jsonl'}:1", told())
    with pytest.raises(UsageError, match="--tokenizer"):
        explain(f"{path}:2", load(isolated=True))
    refuses = tmp_path / "strict.jinja"
    refuses.write_text("{{ raise_exception('no system turns') }}")
    explained = show(talk(("system", "a"), ("user", "b"), ("assistant", "c")), **{"chat-template": str(refuses)})
    assert "no system turns" in (explained.seen[0].error or "")
    assert "no system turns" in text.render(explained, color=False, width=80)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=st.text(st.characters(codec="utf-8"), min_size=1) | st.sampled_from(list(HOSTILE.values())))
def test_no_character_is_lost_or_does_anything(show: Callable[..., Explained], answer: str) -> None:
    row = {"prompt": "q: ", "completion": answer}
    try:
        explained = show(row)
    except DatalintError:
        pytest.fail("a row that can be read is shown")
    assert len(whole(explained)) == len("q: " + answer)  # the same but for masked data
    for color in (False, True):
        printed = text.render(explained, color=color, width=40)
        bare = re.sub(r"\x1b\[[0-9;]*m", "", printed)
        assert visible(bare.replace("\n", "")) == bare.replace("\n", "")
        assert not any(line.startswith("::") for line in printed.splitlines())
    page = html.render(explained)
    body = page[page.index("<body>") :]
    assert "<script" not in body.lower()
    inside = re.search(r"<pre>(.*)</pre>", body, re.DOTALL)
    assert inside
    assert "q: " in unescape(re.sub(r"<[^>]*>", "", inside[1])).replace("·", " ")
    assert json.loads(seen.as_json(explained))["row"] == 0


def test_secrets_are_masked(show: Callable[..., Explained]) -> None:
    key = "AKIA" + "Z7QDX3MWK2PLB5RT"
    explained = show({"prompt": "q", "completion": f"my key is {key}"})
    for printed in (text.render(explained, color=False, width=80), html.render(explained), seen.as_json(explained)):
        assert key not in str(printed)


def test_the_command(datalint: Callable[..., Any], tmp_path: Path) -> None:
    place = f"{FAULTY / 'agent.jsonl'}:2"
    done = datalint("explain", place, "--tokenizer", str(MODEL))
    assert done.returncode == 0
    assert "tokens" in done.stdout
    assert "^^" in done.stdout
    page = tmp_path / "row.html"
    done = datalint("explain", place, "--tokenizer", str(MODEL), "--output-format", f"html:{page}")
    assert (done.returncode, done.stdout) == (0, "")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert datalint("explain", place).returncode == 2
    assert datalint("explain", place, "--output-format", "pdf").returncode == 2
