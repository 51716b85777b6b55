"""TOK007, TOK008 and TOK011, and the seams by which they need not tokenize whole rows."""

import json
from collections.abc import Callable
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Backend

from datalint.rule import Found
from datalint.run import check
from datalint.tokens import Tokenizer, load_tokenizer
from datalint_rules.tok import boundary_merge, unk_or_high_fertility
from datalint_rules.tok.boundary_merge import BoundaryMerge
from datalint_rules.tok.seams import has_seams, last_seam, next_seam

Find = Callable[..., list[dict[str, Any]]]
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "tokenizers"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PROSE = [
    "Question: What is 2 + 2?\nAnswer: it's four, isn't it.\n\n",
    "The river ran by the old town; the yes and the no of it.",
    "Answer: yes\nAnswer: no\n\n### Response:\nyes, the answer is 42",
    "Él caminó por el río y compró pan en la ciudad.",
]


def of_bytes(splitter: Any, *added: AddedToken, normalizer: Any = None) -> Backend:
    """A byte-level BPE that has merges over spaces, line feeds and words."""
    backend = Backend(models.BPE())
    backend.pre_tokenizer = splitter
    if normalizer is not None:
        backend.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    backend.train_from_iterator(PROSE * 20, trainer)
    backend.add_tokens(list(added))
    return backend


def split_by(pattern: str, behavior: str = "isolated", *, invert: bool = False) -> Any:
    first = pre_tokenizers.Split(Regex(pattern), behavior, invert=invert)
    return pre_tokenizers.Sequence([first, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False)
WITH_SEAMS = {
    "gpt2": lambda: of_bytes(BYTE_LEVEL, AddedToken("<|end|>"), AddedToken("  ", normalized=True)),
    "cl100k": lambda: of_bytes(split_by(CL100K, "removed", invert=True), AddedToken("<|end|>", lstrip=True)),
    "qwen": lambda: of_bytes(split_by(CL100K.replace("{1,3}", "")), normalizer=normalizers.NFC()),
    "o200k": lambda: of_bytes(split_by(O200K)),
}
WITHOUT = {
    "takes the space behind it": lambda: of_bytes(BYTE_LEVEL, AddedToken("<|end|>", rstrip=True)),
    "a seam inside": lambda: of_bytes(BYTE_LEVEL, AddedToken("end of text")),
    "a space before each piece": lambda: of_bytes(pre_tokenizers.ByteLevel(add_prefix_space=True)),
    "no words": lambda: of_bytes(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)),
    "pairs of words": lambda: of_bytes(split_by(r"\p{L}+ \p{L}+|\s+")),
    "anything": lambda: of_bytes(split_by(r"[^\r\n]+|\s+")),
    "not letters": lambda: of_bytes(split_by(r"\P{L}+|\p{L}+|\s+")),
    "glued": lambda: of_bytes(split_by(GPT2, "merged_with_previous")),
    "another normalizer": lambda: of_bytes(BYTE_LEVEL, normalizer=normalizers.Lowercase()),
    "sentencepiece": lambda: of_bytes(pre_tokenizers.Metaspace()),
}


@cache
def tokenizer(name: str) -> Tokenizer:
    """One of the above, loaded as a folder is."""
    import tempfile

    folder = Path(tempfile.mkdtemp())
    (folder / "tokenizer.json").write_text((WITH_SEAMS | WITHOUT)[name]().to_str(), encoding="utf-8")
    loaded = load_tokenizer(folder)
    assert loaded is not None
    return loaded


@pytest.mark.parametrize("name", [*WITH_SEAMS, *WITHOUT])
def test_which_tokenizers_are_known_to_have_seams(name: str) -> None:
    assert has_seams(tokenizer(name)) == (name in WITH_SEAMS)


LETTERS = ["a", "The", "yes", "'s", "'", ".", ":", "(", "42", "é", "e\u0301", "你好", "🎉", "<|end|>"]
BLANKS = [" ", "  ", "\n", "\t", "\r\n", "\u00a0", "\u2028", "\x1c", "\x85", "\u180e", "\u200b"]
PIECES = st.sampled_from([*LETTERS, *BLANKS])
TEXTS = st.lists(PIECES, max_size=20).map("".join)


@settings(max_examples=300)
@given(name=st.sampled_from(list(WITH_SEAMS)), text=TEXTS)
def test_what_is_between_seams_can_be_tokenized_alone(name: str, text: str) -> None:
    cuts, at = [0], 0
    while at < len(text):
        at = next_seam(text, at + 1)
        assert last_seam(text, at) == cuts[-1]
        cuts.append(at)
    pieces = [text[start:end] for start, end in pairwise(cuts)]
    assert list(chain(*tokenizer(name).ids(pieces))) == tokenizer(name).ids([text])[0]


@settings(max_examples=300)
@given(name=st.sampled_from(list(WITH_SEAMS)), prompt=TEXTS, completion=TEXTS)
def test_the_words_around_a_boundary_tell_what_the_whole_tells(name: str, prompt: str, completion: str) -> None:
    place = [(prompt + completion, len(prompt))]
    inside = boundary_merge._inside
    assert inside(tokenizer(name), place, local=True) == inside(tokenizer(name), place, local=False)


@settings(max_examples=200)
@given(
    name=st.sampled_from([*WITH_SEAMS, *WITHOUT]),
    texts=st.lists(TEXTS | st.sampled_from(PROSE), min_size=1, max_size=6),
)
def test_the_bound_of_tokens_is_one(name: str, texts: list[str]) -> None:
    said = pl.DataFrame({"text": texts * 2}, schema={"text": pl.String})
    most = unk_or_high_fertility._most_tokens(tokenizer(name), said)
    assert (most >= pl.Series(tokenizer(name).count(texts * 2))).all()


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Findings on rows with a tokenizer of this module or a folder, and options of the rule."""

    def found(
        code: str, model: str | Path, *rows: dict[str, Any], rule: Any = None, **options: Any
    ) -> list[dict[str, Any]]:
        data = tmp_path / "train.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        folder = model if isinstance(model, Path) else tokenizer(model).folder
        options |= {"rules": {code: rule}} if rule else {}
        return check(str(data), select=[code], tokenizer=str(folder), isolated=True, **options).findings.to_dicts()

    return found


def pair(prompt: Any, completion: Any) -> dict[str, Any]:
    return {"prompt": prompt, "completion": completion}


# TOK007


@pytest.mark.parametrize(
    ("name", "prompt", "completion", "fixed"),
    [
        ("gpt2", "Answer: ", "yes", ("Answer:", " yes")),
        ("cl100k", "Answer:  ", "yes", ("Answer:", "  yes")),
        ("cl100k", "Answer:\n ", "yes", ("Answer:\n", " yes")),  # the line feed belongs to the colon
        ("gpt2", "42\n\n", "yes", ("42", "\n\nyes")),
        ("cl100k", "the answ", "er", None),
        ("gpt2", " ", "yes", None),  # nothing would be left
    ],
)
def test_white_space_moves_where_that_mends_the_boundary(
    find: Find, name: str, prompt: str, completion: str, fixed: tuple[str, str] | None
) -> None:
    (finding,) = find("TOK007", name, pair(prompt, completion))
    assert (finding["pointer"], finding["fix"]) == ("/prompt", "rewrite" if fixed else None)
    if fixed:
        start = len(fixed[0])
        found = [Found("/prompt", start, len(prompt), json.loads(finding["args"]))]
        made = BoundaryMerge().rewrite(pair(prompt, completion), found)
        assert made == pair(*fixed)
        assert BoundaryMerge().rewrite(made, found) == made
        assert find("TOK007", name, made) == []


def test_only_columns_that_are_joined_as_they_are(find: Find) -> None:
    row = {"question": "Answer: ", "answer": "yes"}
    assert find("TOK007", "gpt2", row) == []
    assert len(find("TOK007", "gpt2", row, columns={"prompt": "question", "completion": "answer"})) == 1
    assert find("TOK007", "gpt2", pair("", "yes"), pair("Answer: ", ""), pair("Answer:", " yes"), {"text": "a"}) == []
    talk = [{"role": "user", "content": "Answer: "}], [{"role": "assistant", "content": "yes"}]
    assert find("TOK007", "gpt2", pair(*talk)) == []


# TOK011

MARKED = {"response-marker": "### Answer: "}


def test_a_marker_is_found_by_its_tokens(find: Find) -> None:
    rows = [
        {"text": "Question: q\n### Answer: yes"},
        {"text": "Question: q\n### Reply: yes"},
        {"text": "Question: q\n### Answer:  yes"},
        {"text": "Question: ### Answer: no\n### Answer: \nyes"},
    ]
    found = find("TOK011", "cl100k", *rows, rule=MARKED)
    assert [(finding["row"], finding["pointer"]) for finding in found] == [(0, "/text"), (1, "/text")]
    told = [finding["message"] for finding in found]
    assert "other tokens" in told[0]
    assert "'### Answer:' would be found" in told[0]
    assert "is not in the text" in told[1]


@given(text=TEXTS, marker=st.sampled_from(["yes", ": ", "The", " \n", "a "]))
@settings(max_examples=200)
def test_the_words_around_a_marker_tell_what_the_whole_tells(text: str, marker: str) -> None:
    from datalint.views.training import TrainedText
    from datalint_rules.tok import response_marker_missing as rule

    known = tokenizer("gpt2")
    trained = TrainedText(0, text, [(0, len(text))], "/text", "/text", "text", plain=True)
    (wanted,), (whole,) = known.ids([marker]), known.ids([text])
    (pieces,) = rule._tokens(known, [trained], marker)
    assert any(rule._holds(piece, wanted) for piece in pieces) == rule._holds(whole, wanted)


def test_without_a_marker_or_a_text_of_the_trainers_nothing_is_said(find: Find) -> None:
    assert find("TOK011", "gpt2", {"text": "a"}) == []
    rows = [{"instruction": "a", "input": "", "output": "b"}, {"prompt": "a", "chosen": "b", "rejected": "c"}]
    assert find("TOK011", "gpt2", *rows, rule=MARKED) == []
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert find("TOK011", "gpt2", {"messages": talk}, rule=MARKED) == []  # no template


# TOK008


def test_rows_that_need_a_token_for_each_character(find: Find) -> None:
    rows = [pair("Name a lake.", word * 40) for word in ("Baikal, ", "ทะเลสาบ", "Lake of the old town, ")]
    (finding,) = find("TOK008", "gpt2", *rows)
    assert (finding["row"], finding["pointer"]) == (1, "/completion")
    assert find("TOK008", "gpt2", *rows, rule={"min-chars": 1000}) == []
    assert find("TOK008", "gpt2", *rows, rule={"max-tokens-per-char": 3.5}) == []


def test_where_most_rows_are_so_it_is_the_dataset(find: Find) -> None:
    rows = [pair("a", f"ทะเลสาบ{number}" * 40) for number in range(30)]
    (finding,) = find("TOK008", "gpt2", *rows, pair("a", "the river " * 40))
    assert finding["row"] is None
    assert finding["message"].startswith("30 of 31 rows need more than ")
    assert [f["row"] for f in find("TOK008", "gpt2", *rows[:2])] == [None, 0, 1]


def words() -> Backend:
    backend = Backend(models.WordLevel({"[?]": 0, "yes": 1, "no": 2}, unk_token="[?]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return backend


def unigram() -> Backend:
    backend = Backend(models.Unigram([("<unk>", 0.0), ("▁yes", -1.0), ("▁no", -1.0)], unk_id=0))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.add_special_tokens(["<unk>"])
    return backend


def few_letters() -> Backend:
    backend = Backend(models.BPE({"y": 0, "e": 1, "s": 2, "n": 3, "o": 4, "Ġ": 5}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return backend


@pytest.mark.parametrize("make", [words, unigram, few_letters])
def test_unknown_text_is_shown_where_it_stands(find: Find, tmp_path: Path, make: Callable[[], Backend]) -> None:
    (tmp_path / "tokenizer.json").write_text(make().to_str(), encoding="utf-8")
    talk = [{"role": "user", "content": "yes yes"}, {"role": "assistant", "content": "no ☃ yes"}]
    (finding,) = find("TOK008", tmp_path, {"messages": talk}, pair("yes", "no"))
    assert (finding["row"], finding["pointer"]) == (0, "/messages/1/content")
    assert "☃" in finding["message"]


def test_an_unknown_token_that_is_spelt_out_is_no_unknown_text(find: Find, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(unigram().to_str(), encoding="utf-8")
    assert find("TOK008", tmp_path, pair("yes", "<unk> no")) == []


@pytest.mark.shared
@pytest.mark.skipif(not REAL.exists(), reason="no development data beside the checkout")
def test_real_tokenizers(find: Find) -> None:
    seams = dict.fromkeys(("olmo-dolma2", "phi-2", "falcon", "torchtitan-test"), True) | {"phi-3-mini": False}
    for name, expected in seams.items():
        loaded = load_tokenizer(REAL / name)
        assert loaded is not None
        assert has_seams(loaded) == expected
    rows = [pair("Answer: ", "yes"), pair("Answer:", " yes"), pair("Answer:\n", "yes")]
    for name in ("olmo-dolma2", "phi-2", "falcon", "phi-3-mini"):
        (finding,) = find("TOK007", REAL / name, *rows)
        assert (finding["row"], finding["fix"]) == (0, "rewrite")
