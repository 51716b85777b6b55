"""PII001-003 and the forms behind them."""

import gzip
import importlib.util
import json
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalint import check
from datalint.errors import MissingExtraError
from datalint.pii import CONTACTS, ID_NUMBERS, TOKENS, find, mask, mask_all, redact, suspects
from datalint.report import render
from datalint_rules.pii.contact import Contact
from datalint_rules.pii.id_number import IdNumber
from datalint_rules.pii.named_person import NamedPerson

PERSONAL = {
    "e-mail address": (
        "m.kowalski@posteo.net",
        "jo+lists@uni-ulm.de",
        "kingston24@gmail.com",
        "x_y@mail.corp.co.uk",
        "a1@b2.io",
    ),
    "phone number": (
        "+1 212-780-8491",
        "+44 20 7183 4926",
        "+49 (0)89 636 48018",
        "001-518-640-0854",
        "(404) 394-1570",
        "718-622-0221",
        "630.362.5206",
        "345-899-3560x4587",
        "+447700921916",
        "138-5829-1604",
    ),
    "IP address": ("195.206.132.199", "41.173.96.26", "172.61.42.192"),
    "card number": (
        "4929 3813 3266 4295",
        "4929-3813-3266-4295",
        "4929381332664295",
        "347415977307943",
        "3474 159773 07943",
        "2297051310616322",
        "6586108984332171",
        "3558331500082481",
    ),
    "IBAN": (
        "GB59IFUE40226315499137",
        "GB59 IFUE 4022 6315 4991 37",
        "gb42nawi04454264788619",
        "NO8330001234567",
        "MT31MALT01100000000000000000123",
    ),
    "US social security number": ("460-89-9847", "054-28-6917", "853-37-1694"),
}
FLAT = [(kind, value) for kind, values in PERSONAL.items() for value in values]

NOBODYS = (
    # examples and placeholders
    *("jane.doe@example.com", "a@b.example.org", "x@test.com", "user@domain.com", "boss@company.com"),
    *("your_email@gmail.com", "yourname@yourdomain.com", "you@gmail.com", "noreply@github.com", "root@localhost"),
    *("bob@gmail.com", "a.b.c.d+news@googlemail.com"),
    # what only looks like an address
    *("git@github.com:org/repo.git", "@app.route('/')", "mAP@0.5", "actions/checkout@v4", "logo@2x.png", "a@b.T(x)"),
    *("ftp://me:pass@ftp.host.net/x", "sha256@abc", "C = A@B", "@dataclass"),
    # fiction, dummies, toll-free
    *("212-555-0142", "(555) 123-4567", "123-456-7890", "1-800-273-8255", "+1 650 555 0199", "+44 7700 900123"),
    # other numbers
    *("472547338\n+960397912423686", "12 +3456789012", "2147483647", "2024-01-15 2024", "300-400-5000", "555-0142"),
    *("0.4929381332664295", "4929 3813 3266 4296", "https://shop.net/o/4929381332664295", "9780143126560"),
    *("1010 1101 1001 0001 1010 1111", "000-12-3456", "666-12-3456", "912-34-5678", "460-00-9847", "460-89-0000"),
    *("GB58IFUE40226315499137", "FP16 with mixed precision training", "DE89 3704", "BE10 and so on and on"),
    # addresses of nobody
    *("8.8.8.8", "1.1.1.1", "127.0.0.1", "10.20.30.40", "192.168.178.1", "203.0.113.77", "255.255.255.0"),
    *("v195.206.132.199", "version 195.206.132.199", "Chrome/120.44.99.71", "1.2.3.4", "300.1.2.99", "95.6.7.8.9"),
)


@pytest.mark.parametrize(("kind", "value"), FLAT)
def test_each_form_is_found_where_it_is(kind: str, value: str) -> None:
    for before, after in (
        ("", ""),
        ("Reach me: ", ", please."),
        ("我的", "。"),
        ("(", ")"),
        ('{"k":"', '"}'),
        ("A\n", "\nB"),
        ("\\n", "\\n"),
        ("\\t", '\\"'),
    ):
        if (before, value[0]) == ("(", "+"):
            continue
        text = before + value + after
        (one,) = find(text)
        assert (one.kind, text[one.start : one.end], one.published) == (kind, value, False)
        assert redact(text) == before + TOKENS[kind] + after
        assert re.sub(r"\.[a-z]+$", "", one.preview) == re.sub("[0-9A-Za-z_]", "*", re.sub(r"\.[a-z]+$", "", value))


@pytest.mark.parametrize("text", NOBODYS)
def test_what_is_nobody_s_is_left_alone(text: str) -> None:
    for around in ("{}", "see {} there", '"{}"', "\n{}\n"):
        assert find(around.format(text)) == []
        assert redact(around.format(text)) == mask(around.format(text)) == around.format(text)


@pytest.mark.parametrize(
    "text",
    [
        "Phone: {}",
        "please call me on {}.",
        "Telefon {}",
        "{} office",
        '{{"phone": "{}"}}',
        "电话：{}",
        "Fax: {}",
    ],
)
@pytest.mark.parametrize("value", ["0490 75 40 81", "60-56-85-91", "9472 7916", "(99) 645-791"])
def test_national_forms_are_numbers_only_beside_a_word_that_says_so(text: str, value: str) -> None:
    (one,) = find(text.format(value))
    assert one.kind == "phone number"
    assert find(f"The code {value} is printed on it") == []


@pytest.mark.parametrize(
    "text",
    [
        "The phone costs 120 000 0000",
        "call me on 2021-03-14 at 10:30-11:30",
        "we text from 10.30-11.45",
        "Phone: 555-0142",
        "cell value 2147483647",
        "call f(1234567890)",
        "she reached 1990-2000",
    ],
)
def test_a_word_alone_makes_no_number(text: str) -> None:
    assert find(text) == []


def test_rare_cards_count_only_beside_a_word_that_says_card() -> None:
    for value in ("4007070753690781", "4047737215142", "4131034282458809939", "630427373398", "30288610434735"):
        assert [one.kind for one in find(f"my card {value} is lost")] == ["card number"]
    assert find("tracking 4047737215142 and 630427373398") == []
    assert find("order_id=4929381332664295") == []
    assert len(find("card=4929381332664295")) == 1


def test_what_follows_a_number_is_no_part_of_it() -> None:
    for value in ("+1 394 685 4653", "+49 170 3918274", "4929 3813 3266 4295", "41.173.96.26"):
        (one,) = find(f"{value} 2027, {value[:4]}")
        assert one.end == len(value)


@pytest.mark.parametrize(
    "value",
    ["4242 4242 4242 4242", "4111111111111111", "DE89 3704 0044 0532 0130 00", "123-45-6789", "078-05-1120"],
)
def test_numbers_of_documentation_are_told_as_info(tmp_path: Path, value: str) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps({"text": f"card, account or number {value}"}) + "\n")
    report = check(tmp_path, select=["PII002"], isolated=True)
    assert report.findings["severity"].to_list() == ["info"]
    assert report.passed


pieces = st.sampled_from(
    [value for _, value in FLAT] + [*NOBODYS, *" @.+-()x0123456789\n\\n:/=é手", "phone ", "card ", "[EMAIL]"]
)
mixtures = st.lists(pieces, max_size=8).map("".join)


@given(mixtures)
def test_the_search_over_columns_misses_nothing(text: str) -> None:
    for kinds in (CONTACTS, ID_NUMBERS):
        if find(text, kinds):
            assert suspects(pl.Series([None, text]), kinds).to_list() == [1]


@given(mixtures)
def test_redaction_and_masking_leave_nothing_and_are_idempotent(text: str) -> None:
    for change in (redact, mask):
        once = change(text)
        assert find(once) == []
        assert change(once) == once
    assert len(mask(text)) == len(text)


@given(st.recursive(mixtures | st.integers() | st.none(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)))
@settings(max_examples=50)
def test_masked_json_is_json_of_the_same_form(value: object) -> None:
    (text,) = mask_all(pl.Series([json.dumps({"v": value})])).to_list()
    masked = json.loads(text)["v"]
    assert type(masked) is type(value)
    if isinstance(value, str):
        assert masked == mask(value)


def test_json_in_a_text_stays_json() -> None:
    text = json.dumps(
        {"card": 4929381332664295, "mail": "jo@posteo.net", "n": 1, "s": json.dumps({"a": "x\njo@gmx.de"})}
    )
    done = json.loads(redact(text))
    assert done == {"card": 0, "mail": "[EMAIL]", "n": 1, "s": json.dumps({"a": "x\n[EMAIL]"})}


def test_the_fix_changes_what_was_found_alone(tmp_path: Path) -> None:
    call = {"function": {"name": "pay", "arguments": json.dumps({"card": 4929381332664295, "n": 1})}}
    row = {
        "messages": [
            {"role": "user", "content": "  me: jo@posteo.net\n\tdone "},
            {"role": "assistant", "tool_calls": [call]},
        ],
        "author": "jo@posteo.net",
    }
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n")
    report = check(tmp_path, select=["PII"], isolated=True)
    assert report.findings.select("rule", "pointer").rows() == [
        ("PII001", "/messages/0/content"),
        ("PII002", "/messages/1/tool_calls/0/function/arguments"),
    ]
    from datalint.rule import Found

    found = [Found(where, None, None, {}) for where in report.findings["pointer"]]
    fixed = Contact().rewrite(IdNumber().rewrite(row, found[1:]), found[:1])
    assert fixed["messages"][0]["content"] == "  me: [EMAIL]\n\tdone "
    assert json.loads(fixed["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {"card": 0, "n": 1}
    assert fixed["author"] == "jo@posteo.net"


def test_no_report_prints_what_was_found(tmp_path: Path) -> None:
    values = ["m.kowalski@posteo.net", "212-780-8491", "0341 838 7176", "4929 3813 3266 4295", "460-89-9847"]
    text = f"Mail {values[0]} or call {values[1]}, phone {values[2]}; card {values[3]}, SSN {values[4]}."
    rows = [
        {"prompt": text, "completion": "ok"},
        {"prompt": text, "completion": "ok"},
        {"prompt": text, "completion": "no"},
    ]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = check(tmp_path, extend_select=["PII"], isolated=True)
    assert {"PII001", "PII002", "DUP001"} <= set(report.found["rule"])
    for name in ("text", "concise", "json", "jsonl"):
        written = render(report, name)
        for value in values:
            assert value not in written
            assert value.split("@")[0][-4:] not in written


def test_names_are_whole_words_in_any_case(tmp_path: Path) -> None:
    rule = NamedPerson(names=("Maria Kowalski", "Jürgen Müller", " "))
    row = {"text": "MARIA\nKowalski met jürgen MÜLLER, not Annamaria Kowalskis."}
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n")
    options = {"PII003": {"names": list(rule.names)}}
    report = check(tmp_path, select=["PII003"], isolated=True, rules=options)
    spans = [(f["start"], f["end"]) for f in report.found.to_dicts()]
    assert [row["text"][a:b] for a, b in spans] == ["MARIA\nKowalski", "jürgen MÜLLER"]
    assert "aria" not in str(report.findings.to_dicts())


@pytest.mark.skipif(importlib.util.find_spec("presidio_analyzer") is not None, reason="presidio is installed")
def test_a_model_without_presidio_is_told_with_the_command_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": "Maria Kowalski"}\n')
    with pytest.raises(MissingExtraError, match="pip install presidio-analyzer"):
        check(tmp_path, select=["PII003"], isolated=True, rules={"PII003": {"model": "en_core_web_sm"}})


def test_persons_that_presidio_finds(tmp_path: Path) -> None:
    pytest.importorskip("presidio_analyzer", reason="needs presidio-analyzer and spaCy, which are no part of `dev`")
    import spacy

    model = spacy.blank("en")  # no download: a recogniser that knows one person
    model.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Maria Kowalski"}])
    model.to_disk(tmp_path / "model")
    (tmp_path / "train.jsonl").write_text('{"text": "Ask Maria Kowalski or Jo Do."}\n')
    options = {"PII003": {"model": str(tmp_path / "model"), "names": ["Jo Do"]}}
    report = check(tmp_path / "train.jsonl", select=["PII003"], isolated=True, rules=options)
    assert report.found.select("start", "end").rows() == [(4, 18), (22, 27)]
    with pytest.raises(MissingExtraError, match="spacy download no_such_model"):
        check(tmp_path, select=["PII003"], isolated=True, rules={"PII003": {"model": "no_such_model"}})


def _lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode("utf-8", "replace").split("\n")


@pytest.mark.shared
@pytest.mark.parametrize("form", ["chat", "alpaca"])
def test_planted_contacts_are_all_found_and_nothing_else(shared: Path, form: str) -> None:
    truth = [json.loads(line) for line in _lines(shared / "data/messy/chat_truth.jsonl.gz") if line]
    planted = {line["line"] for line in truth if line["cls"] in ("email", "phone")}
    report = check(shared / f"data/messy/{form}.jsonl.gz", select=["PII001", "PII002"], isolated=True)
    assert set(report.findings.filter(pl.col("rule").str.starts_with("PII"))["line"]) == planted


@pytest.mark.shared
def test_clean_rows_have_none(shared: Path) -> None:
    report = check(shared / "data/reasoning/gsm8k/train.jsonl.gz", select=["PII"], isolated=True)
    assert report.findings.is_empty()
