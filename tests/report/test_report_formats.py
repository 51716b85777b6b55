"""Every report format: golden files, and what holds whatever the data."""

import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hostile import HOSTILE, LONE_SURROGATES
from report_samples import KEY, File, chat, finding, make_report, sample

from datalint.advice import Argument
from datalint.budget import Budget
from datalint.errors import OutputError, UsageError
from datalint.report import FORMATS, Look, Output, parse_output, render, write_report
from datalint.report.model import TokenReport

GOLDEN = Path(__file__).parent / "golden"
LOOKS = {
    "text.txt": ("text", Look()),
    "text_color.txt": ("text", Look(color=True, max_examples=1)),
    "text_no_excerpts.txt": ("text", Look(excerpts=False, max_examples=2)),
    "text_statistics.txt": ("text", Look(statistics=True)),
    "concise.txt": ("concise", Look()),
    "report.json": ("json", Look()),
    "report.jsonl": ("jsonl", Look()),
}


@pytest.mark.parametrize("name", LOOKS)
def test_reports_read_as_they_did(name: str) -> None:
    """After a change that is wanted: delete the file, run, and look at what was written."""
    text = render(sample(), *LOOKS[name])
    path = GOLDEN / name
    if not path.exists():
        path.write_bytes(text.encode())
        pytest.fail(f"{path} was not there; look at what was written into it")
    assert text == path.read_bytes().decode()


def test_a_clean_run_is_one_line() -> None:
    files = [File("train.jsonl", 84_112), File("qa.csv", 1, "prompt-completion", columns={"prompt": "question"})]
    text = render(make_report([], files))
    assert text == (
        "All clean: no findings in 84,113 chat and prompt-completion rows (2 files, 1.9 s); question -> prompt\n"
    )


def test_a_passed_gate_is_told() -> None:
    text = render(make_report([finding("DUP001", 0, 1)], [File("a.jsonl", 10)]))
    assert text.splitlines()[-1] == "Gate: passed"


def test_nothing_is_wrapped_or_cut_but_content() -> None:
    name = "a/" * 90 + "train.jsonl"
    text = render(
        make_report([finding("LAB003", 0, None, json.dumps({"what": "word " * 90 + "end"}))], [File(name, 9)])
    )
    assert f"--> {name}\n" in text
    assert "word end\n" in text


def test_what_an_epoch_costs_comes_last_but_for_the_gate() -> None:
    budget = Budget(9, 9, 1200, 700, 400, 100, 50, 0.0, (80, 200, 300, 400), 256)
    told = {"": TokenReport(budget, [Argument("max_length", "448", "the longest text has 400 tokens")])}
    text = render(replace(sample(), tokens=told), "text", Look(statistics=True))
    assert text.splitlines()[-8:-1] == [
        "",
        "One epoch: 1,200 tokens in 9 texts",
        "  700 trained (58.3%), 400 read only, 100 cut away (8.3%)",
        "  half of the texts have at most 80, 95 % 200, 99 % 300, the longest 400",
        "  50 of padding in random batches of 8",
        "Trainer arguments that fit",
        "  max_length=448  the longest text has 400 tokens",
    ]
    assert json.loads(render(replace(sample(), tokens=told), "json"))["tokens"][""]["budget"]["trained"] == 700


def test_no_excerpts_means_no_content() -> None:
    text = render(sample(), "text", Look(excerpts=False))
    for content in ("SQL version", "Pluto", "日本", "Blorenge", "key="):
        assert content not in text


def test_max_examples_caps_and_says_how_to_see_more() -> None:
    text = render(sample(), "text", Look(max_examples=2))
    assert "  ... 1 more row; --max-examples 20 shows more, --output-format json:F lists all\n" in text
    assert text.count("-->") == 6


def test_a_file_is_read_again_once_and_only_for_what_is_shown() -> None:
    asked: list[tuple[int, list[int]]] = []
    report = sample()
    object.__setattr__(report, "fetch", lambda file, rows: asked.append((file, list(rows))) or {})
    render(report, "text", Look(max_examples=1))
    assert asked == [(0, [0, 7, 96, 99]), (1, [3, 5])]
    asked.clear()
    for look in (Look(excerpts=False), Look(statistics=True)):
        render(report, "text", look)
    assert asked == []


def test_the_json_report_has_the_contract_s_keys() -> None:
    report = json.loads(render(sample(), "json"))
    assert list(report) == [
        *("schema", "version", "config_digest", "gate", "files", "summary", "findings", "timing"),
    ]
    assert report["schema"] == "datalint-report/1"
    assert report["gate"]["passed"] is False
    assert report["gate"]["failed"][0] == {"rule": "FMT011", "count": 3, "share": 3 / 84159, "limit": "> 0"}
    assert {*report["files"][0]} == {
        *("path", "split", "format", "container", "rows", "bytes", "sha256", "columns"),
    }
    assert all(
        {*line} == {*("rule", "name", "severity", "count", "rows", "share", "fix", "safety", "suppressed", "baseline")}
        for line in report["summary"]
    )
    keys = [
        *("rule", "name", "severity", "file", "row", "line", "pointer", "message", "args", "related"),
        *("fingerprint", "fix"),
    ]
    assert len(report["findings"]) == 7
    assert all([*item] == keys for item in report["findings"])
    pair = next(item for item in report["findings"] if item["rule"] == "DUP001")
    assert pair["related"] == [{"file": "data/train.jsonl", "row": 96, "line": 97}]
    assert pair["fix"] == {"kind": "drop", "safety": "safe"}


def test_jsonl_is_the_json_report_s_findings() -> None:
    lines = render(sample(), "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == json.loads(render(sample(), "json"))["findings"]


def test_a_report_without_files_or_findings_is_json() -> None:
    report = json.loads(render(make_report([], []), "json"))
    assert report["findings"] == []
    assert report["gate"] == {"passed": True, "failed": []}


def hostile_report(text: str) -> tuple[str, ...]:
    """One text in every place where a dataset can put one, in all formats."""
    args = json.dumps({"what": text, "side": text, "turn": 1, "n": 0, "kind": text})
    name = f"{text}.jsonl".replace("/", "")
    files = [File(name, 4, columns={"prompt": text})]
    rows = {
        (0, 0): chat(text, "x", text, f"{text} ends"),
        (0, 1): {text or "x": text, "more": {text: [text]}},
        (0, 2): {"messages": [{"role": text, "content": [{"type": text, "text": text}], "tool_calls": [{text: text}]}]},
    }
    key = text.replace("~", "~0").replace("/", "~1")
    found = [
        finding("FMT011", 0, 0, args, pointer="/messages/3/content", start=0, end=max(len(text), 1)),
        finding("FMT011", 0, 1, args, pointer=f"/{key}", related=[{"file": 0, "row": 0}]),
        finding("FMT011", 0, 2, args, pointer=f"/messages/0/tool_calls/0/{key}"),
        finding("CON001", 0, 2, args.replace("what", "answer"), related=[{"file": 0, "row": 1}]),
        finding("LAB003", 0, None, args),
    ]
    report = make_report(found, files, rows)
    clean = make_report([], files)
    return tuple(render(one, name, Look(max_examples=9)) for name in FORMATS for one in (report, clean))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_format_passes_on_what_a_terminal_or_a_runner_obeys(text: str) -> None:
    for out in hostile_report(text):
        odd = {char for char in out if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char != "\n"}
        assert not odd
        assert not any(line.lstrip().startswith("::") or "##[" in line for line in out.splitlines())


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_json_gives_hostile_texts_back_unchanged(text: str) -> None:
    report = make_report([finding("LAB003", 0, None, json.dumps({"what": text}))], [File("a.jsonl", 1)])
    item = json.loads(render(report, "json"))["findings"][0]
    assert item["args"]["what"] == item["message"] == text


@pytest.mark.parametrize("name", LONE_SURROGATES)
def test_a_file_name_that_is_no_utf8_costs_no_report(name: str) -> None:
    report = make_report([finding("DUP001", 0, 0, related=[{"file": 0, "row": 0}])], [File(name, 1)])
    escaped = "\\x80name" if name == "\udc80name" else "\\u"  # a byte, and what no file system has
    assert all(escaped in render(report, one) for one in FORMATS)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("where", ["before", "inside", "after"])
def test_no_format_shows_a_credential_in_whole_or_in_part(name: str, where: str) -> None:
    text = f"{'word ' * 30}key={KEY} {'word ' * 30}"
    at = {"before": 0, "inside": text.index(KEY) + 4, "after": len(text) - 4}[where]
    place = {"start": at, "end": at + 4}
    args = json.dumps({"side": f'"{KEY}"', "turn": f"\x1b{KEY}", "n": f"\n{KEY}"})
    rows = {(0, 0): chat("q", text), (0, 1): {KEY: KEY}, (0, 2): {"prompt": KEY, "completion": KEY}}
    report = make_report(
        [
            finding("FMT011", 0, 0, args, pointer="/messages/1/content", **place),
            finding("FMT011", 0, 1, args, pointer=f"/{KEY}"),
            finding("DUP001", 0, 2, args, related=[{"file": 0, "row": 0}]),
            finding("CON001", 0, 2, f'{{"answer":"{KEY}"}}', related=[{"file": 0, "row": 1}]),
        ],
        [File("a.jsonl", 3)],
        rows,
    )
    for length in (20, 10, 6):
        assert not any(KEY[4:][at : at + length] in render(report, name) for at in range(17 - min(length, 16)))


def test_output_formats_are_parsed_with_their_paths(tmp_path: Path) -> None:
    assert parse_output("json") == Output("json")
    assert parse_output(f"json:{tmp_path}/a:b.json") == Output("json", tmp_path / "a:b.json")
    with pytest.raises(UsageError, match="did you mean 'json'"):
        parse_output("jsn:x")
    with pytest.raises(UsageError, match="no path"):
        parse_output("json:")
    with pytest.raises(OutputError, match="is a folder"):
        parse_output(f"text:{tmp_path}")
    with pytest.raises(OutputError, match="cannot be written"):
        parse_output(f"text:{tmp_path}/nowhere/a.txt")


def test_reports_go_to_files_without_colours_and_to_standard_output_with_them(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    write_report(sample(), Output("text", tmp_path / "a.txt"), Look(color=True))
    assert (tmp_path / "a.txt").read_bytes() == (GOLDEN / "text.txt").read_bytes()
    write_report(sample(), Output("text"), Look(color=True, max_examples=1))
    assert capfdbinary.readouterr().out == (GOLDEN / "text_color.txt").read_bytes()
