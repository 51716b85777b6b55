"""SEC001 and the table of credentials behind it. Keys are made up here, so that no scanner finds one in this file."""

import gzip
import json
import random
import string
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalint import check
from datalint.secrets import KINDS, LITERALS, find, mask, mask_all, redact, suspects
from datalint_rules.sec.secret import SecretKey

_LETTERS = string.ascii_letters
_BASE62 = _LETTERS + string.digits
_URL_SAFE = _BASE62 + "-_"


def random_text(alphabet: str, length: int, seed: int = 1) -> str:
    made = "".join(random.Random(f"{alphabet}{length}{seed}").choices(alphabet, k=length))
    return made[:-1] + "7" if alphabet.endswith(("9", "-_")) else made


AWS = "AK" + "IA" + random_text(string.ascii_uppercase + "234567", 16)
KEYS = {
    "AWS access key id": AWS,
    "AWS access key id, temporary": "AS" + "IA" + random_text(string.ascii_uppercase + "234567", 16),
    "GitHub token": "gh" + "p_" + random_text(_BASE62, 36),
    "GitHub token, server": "gh" + "s_" + random_text(_BASE62, 36),
    "GitHub token, fine-grained": "github" + "_pat_" + random_text(_BASE62, 22) + "_" + random_text(_BASE62, 59),
    "GitLab token": "gl" + "pat-" + random_text(_URL_SAFE, 20),
    "GitLab token, routable": "gl" + "pat-" + random_text(_URL_SAFE, 27) + ".01." + random_text("abc123", 9),
    "Anthropic API key": "sk-" + "ant-api03-" + random_text(_URL_SAFE, 93) + "AA",
    "OpenAI API key": "sk-" + "proj-" + random_text(_URL_SAFE, 74) + "T3Blbk" + "FJ" + random_text(_URL_SAFE, 74),
    "OpenAI-style API key": "sk-" + random_text(_BASE62, 48),
    "OpenAI-style API key, 32": "sk-" + random_text("abcdef0123456789", 32),
    "OpenRouter API key": "sk-" + "or-v1-" + random_text("abcdef0123456789", 64),
    "Google API key": "AI" + "za" + random_text(_URL_SAFE, 35),
    "Slack token": "xo" + "xb-" + "739182640517-846201937465-" + random_text(_BASE62, 24),
    "Slack token, app": "xa" + "pp-1-A04KQ7ZT9XB-4819203746512-" + random_text("abcdef0123456789", 64),
    "Slack webhook": "hooks.slack" + ".com/services/T04KQ7ZT9/B04MZX81Q/" + random_text(_BASE62, 24),
    "OpenAI-style API key, 40": "sk-" + random_text(_BASE62, 40),
    "Anthropic API key, short": "sk-" + "ant-" + random_text(_BASE62, 40),
    "Stripe live key": "sk_" + "live_" + random_text(_BASE62, 24),
    "Stripe live key, restricted": "rk_" + "live_" + random_text(_BASE62, 99),
    "Hugging Face token": "hf_" + random_text(_LETTERS, 34),
    "npm token": "np" + "m_" + random_text(_BASE62, 36),
    "SendGrid API key": "S" + "G." + random_text(_URL_SAFE, 22) + "." + random_text(_URL_SAFE, 43),
    "JSON Web Token": ".".join(("ey" + "JhbGciOiJIUzI1NiJ9", "ey" + "JpZCI6NzM5MTgyfQ", random_text(_URL_SAFE, 43))),
    "private key": "-----BEGIN RSA PRI" + "VATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,1F2E\n\n"
    + "\n".join(random_text(_BASE62 + "+/", 64, i) for i in range(9))
    + "\n-----END RSA PRI"
    + "VATE KEY-----",
}
EXAMPLES = (
    "AK" + "IAIOSFODNN7EXAMPLE",
    "AK" + "IA" + "X" * 16,
    "AK" + "IAABCDEFGHIJKLMNOP",
    "sk-your-key-here",
    "sk-" + "x" * 48,
    "sk-" + "1234567890" * 4 + "12345678",
    "sk-" + "thisisnotakeybutalongwordofexact" + "lyfortyeightletters"[:16],
    "sk_" + "test_" + random_text(_BASE62, 24),
    "gh" + "p_" + "0" * 36,
    "hf_" + "a" * 34,
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    ".".join(
        ("ey" + "JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0", random_text(_URL_SAFE, 43))
    ),
    "-----BEGIN PRI" + "VATE KEY-----\n...\n-----END PRI" + "VATE KEY-----",
    "-----BEGIN PUBLIC KEY-----\n" + random_text(_BASE62, 64) + "\n-----END PUBLIC KEY-----",
    "task-" + random_text(_BASE62, 48),
    "risk-" + random_text(_BASE62, 32),
    "disk-based-ask-me-anything-sk-learn-long-slug-of-a-page",
    "sha256:" + random_text("abcdef0123456789", 64),
    random_text(_BASE62, 40),
    "hf_hub_download_with_a_very_long_name_of_a_function",
)


@pytest.mark.parametrize("name", KEYS)
def test_each_vendor_s_key_is_found_where_it_is(name: str) -> None:
    key = KEYS[name]
    for before, after in (
        ("", ""),
        ("key: ", "."),
        ("密钥", "。"),
        ('{"k":"', '"}'),
        ("K=", "\n"),
        ("\\n", "\\n"),
        ("\\u0022", '\\"'),
    ):
        (secret,) = find(before + key + after)
        assert (secret.start, secret.end) == (len(before), len(before) + len(key))
        assert name.startswith(secret.kind)
        assert key[12:] not in secret.preview
        assert f"({len(key):,} characters)" in secret.preview
        assert redact(before + key + after) == f"{before}[SECRET]{after}"


def test_every_kind_is_tested() -> None:
    found = {find(key)[0].kind for key in KEYS.values()}
    assert found == {kind.name for kind in KINDS} - {"AWS secret access key"}


@pytest.mark.parametrize(
    "name", ["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "SecretAccessKey", "aws_secret_key"]
)
def test_an_aws_secret_is_known_by_its_name_alone(name: str) -> None:
    secret = random_text(_BASE62 + "+/", 40)
    for text in (
        f"{name} = {secret}",
        f'"{name}": "{secret}",',
        f'{{\\"{name}\\": \\"{secret}\\"}}',
        f"{name}={secret}\n",
    ):
        assert [text[one.start : one.end] for one in find(text)] == [secret]
    assert find(f"{name} = {secret}abcd") == []
    assert find(f"some_{secret}") == []


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_and_look_alikes_are_no_secrets(text: str) -> None:
    assert find(text) == []
    assert find(f"aws_secret_access_key = {text}") == [] or len(text) == 40
    assert redact(text) == mask(text) == text


def test_a_key_inside_of_a_longer_word_is_none() -> None:
    for name, key in KEYS.items():
        if name != "private key":
            assert find("a" + key) == find("7" + key) == find("_" + key) == []
    assert find(KEYS["npm token"] + "a") == []


def test_several_keys_are_found_in_order() -> None:
    text = " ".join(KEYS.values())
    assert [text[one.start : one.end] for one in find(text)] == list(KEYS.values())
    assert redact(text) == " ".join(["[SECRET]"] * len(KEYS))


def test_keys_that_touch_are_all_taken_out() -> None:
    text = KEYS["private key"] + KEYS["Anthropic API key"]
    assert redact(text) == "[SECRET][SECRET]"


def test_a_private_key_in_json_text_is_taken_out_and_the_json_stays() -> None:
    text = json.dumps({"a": json.dumps({"pem": KEYS["private key"], "b": 1})})
    for _ in range(2):
        clean = redact(text)
        assert json.loads(json.loads(clean)["a"]) == {"pem": "[SECRET]", "b": 1}
        text = clean


pieces = st.sampled_from([*KEYS.values(), *EXAMPLES, *LITERALS, *'-_ .\\n"=/7a\n密', "\\u00e9", "[SECRET]"])
mixtures = st.lists(pieces, max_size=8).map("".join)


@given(mixtures)
def test_the_search_over_columns_misses_nothing(text: str) -> None:
    if find(text):
        assert suspects(pl.Series([None, text])).to_list() == [1]


@given(mixtures)
def test_redaction_and_masking_leave_nothing_and_are_idempotent(text: str) -> None:
    for change in (redact, mask):
        once = change(text)
        assert find(once) == []
        assert change(once) == once
    assert len(mask(text)) == len(text)
    assert mask_all(pl.Series([text, None, ""])).to_list() == [mask(text), None, ""]


def test_findings_name_the_place_and_never_the_key(tmp_path: Path) -> None:
    call = {"function": {"name": "get", "arguments": json.dumps({"key": AWS, "n": 1})}}
    row = {
        "messages": [
            {"role": "user", "content": "Show the config."},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": f'{{"key": "{AWS}", "again": "{KEYS["npm token"]}"}}'},
            {"role": "assistant", "content": "Done."},
        ],
    }
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n")
    report = check(tmp_path, select=["SEC001"], isolated=True)
    assert report.findings["pointer"].to_list() == [
        "/messages/1/tool_calls/0/function/arguments",
        "/messages/2/content",
        "/messages/2/content",
    ]
    assert report.found["severity"].unique().to_list() == ["error"]
    assert AWS[4:] not in str(report.findings.to_dicts())
    text = row["messages"][2]["content"]
    spans = zip(report.found["start"].to_list()[1:], report.found["end"].to_list()[1:], strict=True)
    assert [text[start:end] for start, end in spans] == [AWS, KEYS["npm token"]]


def test_the_fix_changes_the_keys_alone() -> None:
    call = {"function": {"name": "get", "arguments": json.dumps({"key": AWS, "n": 1})}}
    row = {"messages": [{"role": "assistant", "content": None, "tool_calls": [call]}], "n": 1, "tags": ["a", AWS, None]}
    fixed = SecretKey().rewrite(row, [])
    arguments = fixed["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"key": "[SECRET]", "n": 1}
    assert fixed["tags"] == ["a", "[SECRET]", None]
    assert fixed["n"] == 1
    assert SecretKey().rewrite(fixed, []) == fixed


def texts_of(path: Path) -> list[str]:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return data.decode("utf-8", "replace").split("\n")


@pytest.mark.shared
def test_planted_keys_are_all_found_and_real_data_has_none(shared: Path) -> None:
    rows = texts_of(shared / "data/messy/chat.jsonl.gz")
    truth = [json.loads(line) for line in texts_of(shared / "data/messy/chat_truth.jsonl.gz") if line]
    planted = {line["line"] - 1 for line in truth if line["cls"] in ("awskey", "skkey")}
    assert {index for index in suspects(pl.Series(rows)) if find(rows[index])} == planted
    for family in ("instruct", "reasoning", "classification", "repos", "history"):
        for path in sorted((shared / "data" / family).rglob("*")):
            lines = texts_of(path) if path.is_file() else []
            assert not [lines[index] for index in suspects(pl.Series(lines, dtype=pl.String)) if find(lines[index])]
