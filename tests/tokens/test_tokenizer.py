"""Token ids, offsets and special tokens of tokenizer.json."""

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datalint.errors import TokenizerError
from datalint.tokens import Tokenizer, load_tokenizer

DATA = Path(__file__).parents[3] / "shared" / "data" / "tokenizers"


@pytest.fixture
def tokenizer(folder: Path) -> Tokenizer:
    tokenizer = load_tokenizer(folder)
    assert tokenizer is not None
    return tokenizer


def test_a_folder_without_the_file_gives_none(tmp_path: Path) -> None:
    assert load_tokenizer(tmp_path) is None


def test_special_and_added_tokens_without_those_of_white_space(tokenizer: Tokenizer) -> None:
    assert tokenizer.special == {"<s>": 0, "</s>": 1, "<pad>": 2, "<|im_start|>": 3, "<|im_end|>": 4}


def test_named_tokens_have_texts_and_ids(tokenizer: Tokenizer) -> None:
    assert (tokenizer.bos, tokenizer.bos_id) == ("<s>", 0)
    assert (tokenizer.eos, tokenizer.eos_id) == ("<|im_end|>", 4)
    assert (tokenizer.pad, tokenizer.pad_id) == (None, None)


def test_counts_and_ids_leave_out_what_the_post_processor_adds(tokenizer: Tokenizer) -> None:
    assert tokenizer.ids(["<|im_end|>", ""]) == [[4], []]
    assert tokenizer.ids(["<|im_end|>"], add_special_tokens=True) == [[0, 4]]
    counts = tokenizer.count(["the lake", "", "the lake and"])
    assert counts.shape == (3,)
    assert counts.tolist() == [len(ids) for ids in tokenizer.ids(["the lake", "", "the lake and"])]


def test_offsets_are_characters(tokenizer: Tokenizer) -> None:
    text = "é<|im_end|>😀the"
    encoded = tokenizer.encode([text])[0]
    assert encoded.ids == tokenizer.ids([text])[0]
    assert [text[start:end] for start, end in encoded.offsets if text[start] == "<"] == ["<|im_end|>"]
    assert encoded.offsets[-1][1] == len(text)


def test_lone_surrogates_count_as_replacement_characters(tokenizer: Tokenizer) -> None:
    assert tokenizer.ids(["a\ud83db"]) == tokenizer.ids(["a\ufffdb"])


def test_truncation_and_padding_of_the_file_are_off(folder: Path) -> None:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["truncation"] = {"max_length": 2, "strategy": "LongestFirst", "direction": "Right", "stride": 0}
    padding = {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None}
    content["padding"] = padding | {"pad_id": 2, "pad_type_id": 0, "pad_token": "<pad>"}
    path.write_text(json.dumps(content), encoding="utf-8")
    tokenizer = load_tokenizer(folder)
    assert tokenizer is not None
    assert tokenizer.ids(["<s></s><s>"]) == [[0, 1, 0]]


def test_pickles_as_its_folder(tokenizer: Tokenizer, folder: Path) -> None:
    data = pickle.dumps(tokenizer)
    assert len(data) < 1000
    assert pickle.loads(data).ids(["the"]) == tokenizer.ids(["the"])


def test_a_file_that_changed_between_processes_is_an_error(tokenizer: Tokenizer, folder: Path) -> None:
    data = pickle.dumps(tokenizer)
    path = folder / "tokenizer.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(TokenizerError, match="changed while datalint ran"):
        pickle.loads(data)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"model": {"type": "BPE"}}', b"\xff"])
def test_a_broken_file_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(TokenizerError, match=r"tokenizer\.json: does not load in tokenizers") as caught:
        load_tokenizer(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="no such tokenizer folder"):
        load_tokenizer(tmp_path / "absent")


@given(text=st.text(max_size=60) | st.sampled_from(["<|im_end|>" * 5, "\u0958" * 9, "İ" * 9, " " * 9]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_bytes_bound_tokens(tokenizer: Tokenizer, text: str) -> None:
    bound = tokenizer.max_tokens(len(text.encode("utf-8", "replace")) + 2 * text.count("\ufffd"))
    assert bound is not None
    assert tokenizer.count([text])[0] <= bound


@pytest.mark.shared
@pytest.mark.skipif(not DATA.exists(), reason="no development data beside the checkout")
@pytest.mark.parametrize("name", ["phi-2", "phi-3-mini", "falcon", "olmo-dolma2", "torchtitan-test"])
def test_bytes_bound_tokens_of_real_tokenizers(name: str) -> None:
    tokenizer = load_tokenizer(DATA / name)
    assert tokenizer is not None

    @given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
    @settings(deadline=None, max_examples=200)
    def holds(text: str) -> None:
        bound = tokenizer.max_tokens(len(text.encode()))
        assert bound is None or tokenizer.count([text])[0] <= bound

    holds()


@pytest.mark.shared
@pytest.mark.skipif(not DATA.exists(), reason="no development data beside the checkout")
def test_real_ids_and_a_real_broken_file() -> None:
    falcon = load_tokenizer(DATA / "falcon")
    assert falcon is not None
    expected = json.loads((DATA / "expected-ids" / "falcon_encoded.json").read_text(encoding="utf-8"))
    assert falcon.ids([expected["text"]])[0] == expected["token_ids"]
    with pytest.raises(TokenizerError, match="does not load"):
        load_tokenizer(DATA / "added-tokens")
