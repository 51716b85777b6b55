"""Token ids, offsets and special tokens of tokenizer.json."""

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datalint.errors import TokenizerError
from datalint.tokens import Tokenizer, load_tokenizer
from datalint.tokens.memory import Memory

DATA = Path(__file__).parents[3] / "shared" / "data" / "tokenizers"


@pytest.fixture
def tokenizer(folder: Path) -> Tokenizer:
    tokenizer = load_tokenizer(folder)
    assert tokenizer is not None
    return tokenizer


def test_a_folder_without_the_file_gives_none(tmp_path: Path) -> None:
    assert load_tokenizer(tmp_path) is None


def test_special_and_added_tokens_without_those_of_white_space(tokenizer: Tokenizer) -> None:
    of_the_file = {"<s>": 0, "</s>": 1, "<pad>": 2, "<|im_start|>": 3, "<|im_end|>": 4}
    assert tokenizer.special == {**of_the_file, "<image>": tokenizer.size - 1}  # the configuration names it


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


def test_arrays_and_lists_are_the_same_tokens(tokenizer: Tokenizer) -> None:
    texts = ["the lake", "", "é<|im_end|>"]
    encoded = tokenizer.encode(texts)
    assert [one.tolist() for one in tokenizer.arrays(texts)] == tokenizer.ids(texts) == [one.ids for one in encoded]
    assert [one.spans.tolist() for one in encoded] == [list(map(list, one.offsets)) for one in encoded]
    assert [len(one.tokens) for one in encoded] == tokenizer.count(texts).tolist()


class Counting:
    """A backend that notes what it is asked to encode."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    def encode_batch_fast(self, texts: list[str], **options: Any) -> Any:
        self.asked += texts
        return self.backend.encode_batch_fast(texts, **options)

    def encode_batch(self, texts: list[str], **options: Any) -> Any:
        self.asked += texts
        return self.backend.encode_batch(texts, **options)


@pytest.fixture
def counting(tokenizer: Tokenizer) -> tuple[Tokenizer, list[str]]:
    backend = Counting(tokenizer.backend)
    return replace(tokenizer, backend=backend, memory=Memory(1 << 20)), backend.asked


def test_a_text_is_encoded_once(counting: tuple[Tokenizer, list[str]]) -> None:
    tokenizer, asked = counting
    first = tokenizer.ids(["the", "hill", "the"])
    assert tokenizer.ids(["hill", "the"]) == [first[1], first[0]]
    tokenizer.count(["the", "hill"])
    tokenizer.over(["the hill" * 9], 3)
    assert asked == ["the", "hill"]
    tokenizer.ids(["the"], add_special_tokens=True)  # another question
    tokenizer.encode(["the"])  # offsets were not known
    tokenizer.encode(["the"])
    tokenizer.ids(["the"])
    assert asked == ["the", "hill", "the", "the"]


def test_what_was_remembered_cannot_be_changed(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="read-only"):
        tokenizer.arrays(["the"])[0][0] = 0


def test_the_memory_has_a_bound() -> None:
    memory = Memory(10_000)
    ids = np.zeros(100, dtype=np.int32)
    for number in range(100):
        memory.put(b"%d" % number, ids, None)
        memory.get(b"0", spans=False)
    assert memory.size <= 10_000
    assert memory.get(b"0", spans=False) is not None  # asked for again and again
    assert memory.get(b"1", spans=False) is None
    assert memory.get(b"99", spans=True) is None  # nobody wanted offsets
    memory.put(b"large", np.zeros(10_000, dtype=np.int32), None)
    assert memory.get(b"large", spans=False) is None
    assert memory.get(b"99", spans=False) is not None


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


def test_a_panic_of_the_library_is_told_in_one_line(folder: Path) -> None:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["normalizer"] = {"type": "Replace", "pattern": {"Regex": "x?"}, "content": "bc"}
    path.write_text(json.dumps(content), encoding="utf-8")
    tokenizer = load_tokenizer(folder)
    assert tokenizer is not None
    with pytest.raises(TokenizerError, match="fails on this tokenizer") as caught:
        tokenizer.ids(["abc"])
    assert "\n" not in str(caught.value)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="no such tokenizer folder"):
        load_tokenizer(tmp_path / "absent")


@pytest.mark.shared
@pytest.mark.skipif(not DATA.exists(), reason="no development data beside the checkout")
def test_real_ids_and_a_real_broken_file() -> None:
    falcon = load_tokenizer(DATA / "falcon")
    assert falcon is not None
    expected = json.loads((DATA / "expected-ids" / "falcon_encoded.json").read_text(encoding="utf-8"))
    assert falcon.ids([expected["text"]])[0] == expected["token_ids"]
    with pytest.raises(TokenizerError, match="does not load"):
        load_tokenizer(DATA / "added-tokens")


def test_tokens_that_only_the_configuration_names_are_added(folder: Path, tokenizer: Tokenizer) -> None:
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    listed = {"999": {"content": "<tool>", "special": True, "lstrip": False, "rstrip": False, "normalized": False}}
    config |= {"added_tokens_decoder": listed, "pad_token": "<fill>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    more = load_tokenizer(folder)
    assert more is not None
    assert more.digest != tokenizer.digest
    # Listed ones first, then those that have a name: what transformers 5 does.
    first = tokenizer.special["<image>"]
    assert [more.special[token] for token in ("<tool>", "<fill>", "<image>")] == [first, first + 1, first + 2]
    assert more.special["<tool>"] in more.ids(["a<tool>b"])[0]
