"""Rules about the template and the tokenizer as a whole, beyond their own examples."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalint.cleaner import clean
from datalint.rule import Found
from datalint.run import check
from datalint_rules.tok.double_bos import DoubleBos
from datalint_rules.tok.folder import WORDS, added_token
from datalint_rules.tok.rebuilt import loaded_as
from datalint_rules.tpl.stock import stock_name

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
TRL = DATA / "chat-templates" / "trl"
TALK = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
MARKED = (
    "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
    "{% endgeneration %}<end>{% else %}{{ m.content }}<end>{% endif %}{% endfor %}"
)
ADDS = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}},
}
Find = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Findings on files of rows, with a model folder of these files."""

    def found(code: str, *rows: Any, files: dict[str, Any] | None = None, **options: Any) -> list[dict[str, Any]]:
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        for name, content in ({"tokenizer.json": WORDS} | (files or {})).items():
            text = content if isinstance(content, str) else json.dumps(content)
            (folder / name).write_text(text, encoding="utf-8")
        paths = []
        for number, part in enumerate(rows):
            paths.append(tmp_path / f"part{number}.jsonl")
            paths[-1].write_text("".join(json.dumps(row) + "\n" for row in part), encoding="utf-8")
        options = {"tokenizer": str(folder), "isolated": True} | options
        return check([str(path) for path in paths], select=[code], **options).findings.to_dicts()

    return found


def test_a_fault_of_the_target_is_told_once_for_all_files_and_without_a_row(find: Find) -> None:
    files = {"tokenizer_config.json": {"eos_token": "a", "pad_token": "a"}}
    (finding,) = find("TOK005", [TALK] * 5, [TALK], [{"text": "b"}], files=files)
    assert finding["row"] is None
    assert "both a" in finding["message"]


def test_markers_that_leave_out_the_end_and_a_foreign_end_are_two_faults(find: Find) -> None:
    files = {"chat_template.jinja": MARKED, "tokenizer_config.json": {"eos_token": "a"}}
    end, eos, pieces = sorted(item["message"] for item in find("TPL006", [TALK], files=files))
    assert "5 pieces" in end
    assert "markers leave out" in eos
    assert "eos_token is a" in pieces


def test_an_end_that_the_configuration_adds_is_one_token(find: Find) -> None:
    config = {"eos_token": "<end>", "added_tokens_decoder": {"3": {"content": "<end>"}}}
    template = MARKED.replace("{% endgeneration %}<end>", "<end>{% endgeneration %}")
    assert find("TPL006", [TALK], files={"chat_template.jinja": template, "tokenizer_config.json": config}) == []


def test_a_template_of_another_name_counts_where_rows_have_tools(find: Find) -> None:
    marked = MARKED.replace("{% endgeneration %}<end>", "<end>{% endgeneration %}")
    plain = marked.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    named = [{"name": "default", "template": marked}, {"name": "tool_use", "template": plain}]
    files = {"tokenizer_config.json": {"chat_template": named}}
    with_tools = {**TALK, "tools": [{"type": "function", "function": {"name": "f"}}]}
    assert find("TPL005", [TALK], files=files, loss="assistant") == []
    assert len(find("TPL005", [with_tools], files=files, loss="assistant")) == 1


def test_a_vocabulary_that_is_only_padded_is_fine_and_one_id_too_many_is_not(find: Find) -> None:
    tokens = {**WORDS, "added_tokens": [added_token(3, "</s>"), added_token(4, "<spare>")]}

    def severity(size: int) -> list[str]:
        files = {
            "tokenizer.json": tokens,
            "tokenizer_config.json": {"eos_token": "</s>"},
            "config.json": {"vocab_size": size},
        }
        return [item["severity"] for item in find("TOK009", [TALK], files=files)]

    assert severity(64) == severity(5) == []
    assert severity(4) == ["warning"]  # a token that nothing names
    assert severity(3) == severity(2) == ["error"]


@pytest.mark.parametrize(
    ("declared", "model", "byte_level", "expected"),
    [
        ("LlamaTokenizerFast", None, False, ("LlamaTokenizer", True)),
        ("LlamaTokenizerFast", "deepseek_v3", True, ("LlamaTokenizer", False)),
        ("LlamaTokenizer", "phi3", False, (None, True)),
        ("LlamaTokenizerFast", "qwen2", True, ("Qwen2Tokenizer", True)),
        ("GPT2TokenizerFast", "llama", True, ("GPT2Tokenizer", True)),
    ],
)
def test_the_class_that_autotokenizer_takes(declared: str, model: str | None, byte_level: bool, expected: Any) -> None:
    assert loaded_as(declared, model, byte_level=byte_level) == expected


def test_safe_cleaning_takes_the_begin_token_off_and_keeps_the_rest(tmp_path: Path, find: Find) -> None:
    tokens = {**WORDS, "added_tokens": [added_token(3, "<s>")], "post_processor": ADDS}
    rows = [{"text": "<s><s> a<s>b"}, {"text": "ab"}, {"text": "<s>"}]
    found = find("TOK003", rows, files={"tokenizer.json": tokens})
    assert [(item["row"], item["fix"]) for item in found] == [(0, "rewrite"), (2, None)]
    options = {"tokenizer": str(tmp_path / "model"), "select": ["TOK003"], "isolated": True}
    clean(tmp_path / "part0.jsonl", out=tmp_path / "out", **options)
    assert pl.read_parquet(tmp_path / "out" / "part0.parquet")["text"].to_list() == [" a<s>b", "ab", "<s>"]


@given(st.integers(0, 3), st.integers(0, 1), st.text("ab<s> "))
def test_the_begin_token_fix_is_idempotent_and_leaves_the_rest(count: int, keep: int, rest: str) -> None:
    finding = Found("/text", 0, 3, {"token": "<s>", "keep": keep})
    once = DoubleBos().rewrite({"text": "<s>" * count + rest, "id": 1}, [finding])
    assert DoubleBos().rewrite(dict(once), [finding]) == once
    (begin,) = re.findall("^(?:<s>)*", "<s>" * count + rest)
    assert once == {"text": begin[: 3 * keep] + ("<s>" * count + rest)[len(begin) :], "id": 1}


def test_two_files_in_two_templates_are_mixed(find: Find) -> None:
    (finding,) = find("TPL010", [{"text": "[INST] a [/INST] b"}] * 3, [{"text": "<|im_start|>user\na"}] * 2)
    assert finding["row"] is None
    assert "Llama 2 60.0%, ChatML 40.0% of 5 rows" in finding["message"]


@pytest.mark.shared
@pytest.mark.skipif(not TRL.exists(), reason="needs shared data")
def test_every_stock_template_with_a_training_copy_is_known_and_no_copy_is_a_fault(find: Find) -> None:
    pairs = [json.loads(line) for line in (TRL / "training-pairs.truth.jsonl").read_text().splitlines()]
    for pair in pairs:
        source = (TRL / pair["template"]).read_text(encoding="utf-8")
        known = stock_name(source)
        assert (f"{known}_training.jinja" if known else None) == pair["training_variant"]
        wanted = not pair["has_generation_tag"]
        options = {"loss": "assistant", "chat_template": str(TRL / pair["template"])}
        assert len(find("TPL005", [TALK], **options)) == wanted
        if known:
            copy = str(TRL / pair["training_variant"])
            assert find("TPL005", [TALK], loss="assistant", chat_template=copy) == []


@pytest.mark.shared
@pytest.mark.skipif(not DATA.exists(), reason="needs shared data")
@pytest.mark.parametrize(
    ("folder", "codes"),
    [
        ("phi-3-mini", {"TOK005", "TOK010", "TPL006"}),
        ("phi-2", set()),
        ("torchtitan-test", set()),
        ("olmo-dolma2", set()),
        ("falcon", set()),
        ("qwen2.5-config-only", set()),
        ("smollm3-config-only", {"TPL008"}),
    ],
)
def test_real_folders_have_the_faults_that_they_have(tmp_path: Path, folder: str, codes: set[str]) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(TALK) + "\n", encoding="utf-8")
    select = ["TPL005", "TPL006", "TPL008", "TPL010", "TOK003", "TOK005", "TOK009", "TOK010"]
    tokenizer = str(DATA / "tokenizers" / folder)
    report = check(str(tmp_path), select=select, tokenizer=tokenizer, isolated=True)
    assert set(report.findings["rule"]) == codes
