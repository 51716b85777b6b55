"""Bounds of the number of tokens hold for every text, or there are none."""

import json
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, models, normalizers, pre_tokenizers, processors

from datalint.tokens import Tokenizer, load_tokenizer
from datalint.tokens.bounds import Bounds, bounds_of
from datalint.tokens.memory import Memory

DATA = Path(__file__).parents[3] / "shared" / "data" / "tokenizers"
BROKEN = {"added-tokens"}  # does not load

WORDS = ["the lake and the hill", "a  b\n\nc\td", "x\u00a0y\u3000z", "日本語と中文", "▁a▁b", "(a) [b]; 'c'\n", " "]
SPECIAL = ["<s>", "</s>", "<|im_end|>", "<|end|>", "two words"]
TEXTS = st.lists(
    st.text(max_size=12)
    | st.sampled_from([*WORDS, *SPECIAL, "\u0958", "İ", "Å", "e\u0301", "\u0301", "\x00\x1c", "🙂", "\U000e0001"])
    | st.builds(
        lambda part, times: part * times, st.sampled_from([*WORDS, *SPECIAL, "a", "-", "\n"]), st.integers(0, 9)
    ),
    max_size=8,
).map("".join)

SPECIALS = [AddedToken(text, special=True) for text in SPECIAL]
ABSORBING = [AddedToken(text, special=True, lstrip=True, rstrip=True) for text in SPECIAL]
BYTES = list(pre_tokenizers.ByteLevel.alphabet())
CORPUS = ["the lake and the hill and the lake", "a  b\n\nc", "(a) [b]; 'c'", "日本語と中文", "the  lake"] * 5


def trained(
    *,
    normalizer: Any = None,
    splitter: Any = None,
    added: Sequence[AddedToken] = SPECIALS,
    alphabet: Sequence[str] = (),
    **model: Any,
) -> tokenizers.Tokenizer:
    """A BPE that was trained on a few words, with the parts given."""
    tokenizer = tokenizers.Tokenizer(models.BPE(**model))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if splitter is not None:
        tokenizer.pre_tokenizer = splitter
    unknown = [model["unk_token"]] if "unk_token" in model else []
    fallback = [f"<0x{byte:02X}>" for byte in range(256)] if model.get("byte_fallback") else []
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=700, special_tokens=unknown + fallback, initial_alphabet=list(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_tokens(list(added))
    return tokenizer


def byte_level(**options: Any) -> Any:
    return pre_tokenizers.ByteLevel(**{"add_prefix_space": False} | options)


def meta() -> Any:
    return normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])


def sequence(*parts: Any) -> Any:
    return pre_tokenizers.Sequence(list(parts))


MADE = {
    "byte-level": lambda: trained(splitter=byte_level(), alphabet=BYTES),
    "byte-level without words": lambda: trained(splitter=byte_level(use_regex=False), alphabet=BYTES),
    "absorbing tokens": lambda: trained(splitter=byte_level(), alphabet=BYTES, added=ABSORBING),
    "prefix space": lambda: trained(splitter=byte_level(add_prefix_space=True), alphabet=BYTES),
    "prefix space in each piece": lambda: trained(
        splitter=sequence(pre_tokenizers.Digits(), pre_tokenizers.Punctuation(), byte_level(add_prefix_space=True)),
        alphabet=BYTES,
        added=[AddedToken("|")],
    ),
    "missing bytes": lambda: trained(splitter=byte_level(), alphabet=BYTES[:200]),
    "NFC": lambda: trained(normalizer=normalizers.NFC(), splitter=byte_level(), alphabet=BYTES),
    "NFD in lower case": lambda: trained(
        normalizer=normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase()]),
        splitter=byte_level(),
        alphabet=BYTES,
    ),
    "without accents": lambda: trained(
        normalizer=normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
        splitter=byte_level(),
        alphabet=BYTES,
    ),
    "byte fallback": lambda: trained(normalizer=meta(), byte_fallback=True, unk_token="<unk>", fuse_unk=True),
    "byte fallback, one-letter tokens": lambda: trained(
        normalizer=meta(), byte_fallback=True, unk_token="<unk>", added=[AddedToken("q"), AddedToken("▁")]
    ),
    "metaspace": lambda: trained(splitter=pre_tokenizers.Metaspace(), byte_fallback=True, unk_token="<unk>"),
    "other metaspace": lambda: trained(splitter=pre_tokenizers.Metaspace("_"), byte_fallback=True, unk_token="<unk>"),
    "unknown fused": lambda: trained(unk_token="<unk>", fuse_unk=True),
    "unknown apart": lambda: trained(unk_token="<unk>"),
    "unknown dropped": trained,
    "letters dropped": lambda: trained(
        splitter=sequence(pre_tokenizers.Split("a", "removed"), byte_level()), alphabet=BYTES
    ),
    "words replaced": lambda: trained(
        normalizer=normalizers.Replace("lake", " "), splitter=byte_level(), alphabet=BYTES
    ),
    "much for little": lambda: trained(
        normalizer=normalizers.Replace("a", "bcdefgh"), splitter=byte_level(), alphabet=BYTES
    ),
    "by expression": lambda: trained(
        normalizer=normalizers.Replace(tokenizers.Regex("x"), "bc"), splitter=byte_level(), alphabet=BYTES
    ),
    "whole words": lambda: tokenizers.Tokenizer(models.WordLevel({"?": 0}, unk_token="?")),
    "word pieces": lambda: tokenizers.Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "##a": 2}, unk_token="[UNK]")),
    "unigram": lambda: tokenizers.Tokenizer(models.Unigram([("<unk>", 0.0), ("a", -1.0), (" b", -2.0)], unk_id=0)),
}


@cache
def made(name: str) -> Tokenizer:
    backend = MADE[name]()
    config = json.loads(backend.to_str())
    bounds = bounds_of(config, backend.get_vocab(with_added_tokens=False))
    return Tokenizer(Path(), name, {}, {}, bounds, backend, Memory(1 << 20))


def assert_within_bounds(tokenizer: Tokenizer, text: str) -> None:
    count = int(tokenizer.count([text])[0])
    upper = tokenizer.max_tokens(len(text.encode("utf-8", "surrogatepass")))
    assert tokenizer.min_tokens(text) <= count
    assert upper is None or count <= upper


@pytest.mark.parametrize("name", MADE)
def test_bounds_hold_for_tokenizers_of_all_kinds(name: str) -> None:
    tokenizer = made(name)

    @given(text=TEXTS)
    @settings(max_examples=150)
    def holds(text: str) -> None:
        assert_within_bounds(tokenizer, text)

    holds()


@pytest.mark.shared
@pytest.mark.skipif(not DATA.exists(), reason="no development data beside the checkout")
@pytest.mark.parametrize("name", sorted({path.parent.name for path in DATA.glob("*/tokenizer.json")} - BROKEN))
def test_bounds_hold_for_real_tokenizers(name: str) -> None:
    tokenizer = load_tokenizer(DATA / name)
    assert tokenizer is not None
    special = st.sampled_from([*tokenizer.special]) if tokenizer.special else st.nothing()
    vocabulary = st.sampled_from(sorted(tokenizer.backend.get_vocab()))

    @given(
        text=st.lists(TEXTS | special | vocabulary.map(lambda token: tokenizer.decode(tokenizer.ids([token])[0]))).map(
            "".join
        )
    )
    @settings(max_examples=300)
    def holds(text: str) -> None:
        assert_within_bounds(tokenizer, text)

    holds()
    for token in tokenizer.backend.get_vocab():
        assert_within_bounds(tokenizer, token.replace("▁", " ").replace("Ġ", " ") * 3)


@pytest.mark.parametrize(
    "name",
    [
        "missing bytes",
        "without accents",
        "other metaspace",
        "unknown fused",
        "unknown dropped",
        "letters dropped",
        "words replaced",
        "whole words",
        "word pieces",
        "unigram",
    ],
)
def test_there_is_no_lower_bound_where_text_may_vanish(name: str) -> None:
    assert made(name).min_tokens("the lake and the hill " * 1000) == 0


@pytest.mark.parametrize("name", ["byte-level", "absorbing tokens", "prefix space", "NFC", "metaspace"])
def test_long_texts_have_a_lower_bound_by_their_words(name: str) -> None:
    assert made(name).bounds.words == 2  # the added token "two words" has two
    assert made(name).min_tokens("the lake " * 1000) >= 999


def test_long_words_have_a_lower_bound_by_their_letters() -> None:
    bounds = made("byte-level").bounds
    assert bounds.letters is not None
    assert made("byte-level").min_tokens("z" * 1000) == -(-1000 // bounds.letters)
    assert made("NFC").bounds.letters is None  # letters may be joined


def test_a_character_that_counts_is_never_white_space_after_a_normalizer() -> None:
    from datalint.tokens.bounds import letters_and_words

    for point in range(0x110000):
        char = chr(point)
        if not 0xD800 <= point < 0xE000 and letters_and_words(f" {char}".encode())[1]:
            for other in (unicodedata.normalize("NFC", char), unicodedata.normalize("NFD", char), char.lower()):
                assert other[:1].strip(), hex(point)


def test_what_an_expression_puts_in_has_no_upper_bound() -> None:
    assert made("by expression").max_tokens(1) is None
    assert made("much for little").max_tokens(2) == 14


def test_no_bounds_are_no_bounds() -> None:
    bounds = Bounds(factor=None, prefix=0, letters=None, words=None)
    assert bounds.upper(3) is None
    assert bounds.lower(b"a b c" * 1000) == 0


@given(texts=st.lists(TEXTS, max_size=5), limit=st.integers(0, 40), added=st.booleans())
@pytest.mark.parametrize("name", ["byte-level", "byte fallback", "NFC", "unknown dropped", "by expression"])
def test_over_is_the_count_over_the_limit(name: str, texts: list[str], limit: int, added: bool) -> None:
    tokenizer = made(name)
    tokenizer.backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        special_tokens=[(text, tokenizer.backend.token_to_id(text)) for text in ("<s>", "</s>")],
    )
    expected = tokenizer.count(texts, add_special_tokens=added) > limit
    assert tokenizer.over(texts, limit, added=added).tolist() == expected.tolist()
    assert all(not over for text, over in zip(texts, expected, strict=True) if tokenizer.fits(text, limit, added=added))


def test_over_tokenizes_only_what_the_bounds_leave_open() -> None:
    tokenizer = made("byte-level")
    texts = ["short", "the lake and the hill " * 100, "z" * 100_000]
    held = len(tokenizer.memory._entries)
    assert tokenizer.over(texts, 50).tolist() == [False, True, True]
    assert len(tokenizer.memory._entries) == held
    assert tokenizer.over(["zz" * 40], 50).tolist() == [bool(tokenizer.count(["zz" * 40])[0] > 50)]
    assert len(tokenizer.memory._entries) == held + 1
    assert tokenizer.over([], 50).tolist() == []
