"""Which template and which special tokens a folder gives."""

import json
import pickle
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from datalint.errors import TokenizerError
from datalint.tokens import ChatTemplate, load_template


def configure(folder: Path, **values: object) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(values), encoding="utf-8")


def test_the_configuration_holds_the_template(folder: Path) -> None:
    template = load_template(folder, None)
    assert template.template is not None
    assert template.template.startswith("{% for message in messages %}")


def test_special_tokens_are_strings_or_serialised_tokens(folder: Path) -> None:
    template = load_template(folder, None)
    assert template.special_tokens == {
        "bos_token": "<s>",
        "eos_token": "<|im_end|>",
        "image_token": "<image>",
    }


def test_special_tokens_map_counts_beside_an_old_configuration_only(tmp_path: Path) -> None:
    (tmp_path / "special_tokens_map.json").write_text('{"eos_token": {"content": "</s>"}}')
    configure(tmp_path, eos_token="<eos>", extra_special_tokens={"audio_token": "<audio>"})
    assert load_template(tmp_path, None).special_tokens == {"eos_token": "</s>", "audio_token": "<audio>"}
    configure(tmp_path, eos_token="<eos>", added_tokens_decoder={})
    assert load_template(tmp_path, None).special_tokens == {"eos_token": "<eos>"}


def test_template_files_override_the_configuration(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("default é", encoding="utf-8")
    (folder / "chat_templates").mkdir()
    (folder / "chat_templates" / "tool_use.jinja").write_text("tools")
    template = load_template(folder, None)
    assert template.source(tools=False) == "default é"
    assert template.source(tools=True) == "tools"


def test_a_given_file_overrides_the_folder_and_keeps_its_tokens(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("mine")
    template = load_template(folder, path)
    assert template.named == {"default": "mine"}
    assert template.special_tokens["bos_token"] == "<s>"


def test_without_a_folder_the_special_tokens_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("{{ bos_token + messages[0].content }}")
    assert load_template(None, path).special_tokens["bos_token"] == ""


def test_a_list_of_named_templates(tmp_path: Path) -> None:
    named = [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}]
    configure(tmp_path, chat_template=named)
    template = load_template(tmp_path, None)
    assert (template.source(tools=False), template.source(tools=True)) == ("d", "t")


def test_no_template_is_an_error_only_when_it_is_asked_for(tmp_path: Path) -> None:
    template = load_template(tmp_path, None)
    assert template.template is None
    with pytest.raises(TokenizerError, match="no chat template; give one with --chat-template FILE"):
        template.source(tools=False)


def test_named_templates_without_a_default(tmp_path: Path) -> None:
    configure(tmp_path, chat_template=[{"name": "rag", "template": "r"}])
    with pytest.raises(TokenizerError, match="no template is named default \\(there are: rag\\)"):
        load_template(tmp_path, None).source(tools=True)


@pytest.mark.parametrize("value", [3, ["x"], [{"name": "default"}], {"default": 1}])
def test_a_template_that_is_no_text(tmp_path: Path, value: object) -> None:
    configure(tmp_path, chat_template=value)
    with pytest.raises(TokenizerError, match="neither text nor a list"):
        load_template(tmp_path, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "broken JSON"),
        (b"[" * 100_000, "broken JSON"),
        (b"[]", "no JSON object"),
        (b"\xff\xfe{", "not UTF-8"),
    ],
)
def test_a_broken_configuration_is_told_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "tokenizer_config.json").write_bytes(content)
    with pytest.raises(TokenizerError, match=message) as caught:
        load_template(tmp_path, None)
    assert "\n" not in str(caught.value)
    assert "tokenizer_config.json" in str(caught.value)


def test_missing_folder_and_file(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="no such tokenizer folder"):
        load_template(tmp_path / "absent", None)
    with pytest.raises(TokenizerError, match="cannot be read"):
        load_template(None, tmp_path / "absent.jinja")


def test_templates_pickle_and_their_digest_is_their_content(folder: Path) -> None:
    template = load_template(folder, None)
    copy = pickle.loads(pickle.dumps(template))
    assert copy == template
    assert copy.digest == replace(template, path="elsewhere").digest
    others = [
        ChatTemplate({"default": "x"}, template.special_tokens),
        ChatTemplate(template.named, {}),
        replace(template, now=datetime(2026, 1, 2)),
    ]
    assert len({template.digest, *(other.digest for other in others)}) == 4


def test_generation_tags_are_seen() -> None:
    assert ChatTemplate({"default": "{%- generation -%}x{% endgeneration %}"}).has_generation_tags()
    assert not ChatTemplate({"default": "{{ generation }}"}).has_generation_tags()
