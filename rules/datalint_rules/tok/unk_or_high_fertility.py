"""TOK008."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from datalint.brief import part
from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, Totals, none, option
from datalint.tokens import Encoded, Tokenizer
from datalint_rules.tok.seams import has_seams, of_bytes

_SHOWN = 20
_LISTED = 20  # rows that are told one by one where most are alike
_LATIN = (
    "Plain prose of everyday words, as a letter to a friend has it: the weather was fine this morning, so we walked "
    "along the river, bought bread and cheese in the old town, and came home before the rain began. In the evening "
    "there was music in the garden of the school, and everybody stayed until it was dark."
)
# The most frequent words of a few texts make up most of all the others.
_SAMPLE, _FREQUENT = 50, 200
_WORD = re.compile(r"(?<=\w) ([A-Za-z]{2,12})(?= )")
_WORDS = '"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "Name": 1, "a": 2, "lake.": 3, "Baikal.": 4}'
_BYTES = ", ".join(f'"<0x{byte:02X}>": {byte}' for byte in range(256))
_BYTES = f'"type": "BPE", "unk_token": "?", "byte_fallback": true, "merges": [], "vocab": {{"?": 256, {_BYTES}}}'
_HUGE = 1 << 40
_TOLD = {"row": pl.UInt32, "pointer": pl.String, "start": pl.UInt32, "end": pl.UInt32, "what": pl.String}


def _sample(model: str, *answers: str) -> Sample:
    split = '"pre_tokenizer": {"type": "WhitespaceSplit"}'
    tokenizer = f'{{"version": "1.0", "added_tokens": [], {split}, "model": {{{model}}}}}'
    rows = [{"prompt": "Name a lake.", "completion": answer} for answer in answers]
    return Sample({"train.jsonl": rows, "model/tokenizer.json": tokenizer}, {"tokenizer": "model"})


@dataclass(frozen=True)
class UnkOrHighFertility(Rule):
    """The tokenizer does not know the text: it has unknown tokens, or a token for nearly every character.

    ## What it does
    Tokenizes what a row says. Reports texts with a token that stands for what the vocabulary has not, and texts that a
    tokenizer of bytes drops; and rows of `min-chars` characters that need more than `max-tokens-per-char` tokens for
    each, and more than twice what Latin text needs. If most rows of a dataset are so, a finding for the dataset says
    it, and rows are listed only up to twenty. Rows whose frequent words show that they need fewer are not tokenized.

    ## Why is this bad?
    What is an unknown token the model cannot read and must not learn to write. A script in which each character costs a
    token or more fills the context with a third of the text, trains slowly, and the base model hardly knows it.

    ## Example
    Thai text and the tokenizer of an English model: two tokens for each character.

    ## Fix safety
    No fix: another base model is needed, or other data.

    ## Options
    - `max-tokens-per-char`: tokens for a character above which a row is reported.
    - `min-chars`: characters that a row must have for that.

    ## References
    NeMo Curator's tokenizer fertility filter; deepchecks' check for unknown tokens.
    """

    code, name = "TOK008", "unk-or-high-fertility"
    severity = "warning"
    message = "{what}"
    needs = ("tokenizer",)
    bad = [
        _sample(_WORDS, "Lake Baikal."),
        _sample(_BYTES, "ทะเลสาบไบคาล" * 20),
        _sample(_BYTES, *["湖" * 200] * 3),
    ]
    good = [
        _sample(_WORDS, "Baikal."),
        _sample(_BYTES, "Lake Baikal is the deepest lake of all. " * 6),
        _sample(_BYTES, "ทะเลสาบไบคาล"),
    ]

    max_tokens_per_char: float = option(0.9, "Tokens for each character above which a row is reported.")
    min_chars: int = option(200, "Characters that a row must have for that.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """Findings about rows, `over` where too many tokens are the reason, and a line with how many were `judged`."""
        tokenizer = chunk.target.tokenizer
        if tokenizer is None:
            return none()
        said = chunk.turns.select("row", "pointer", text="content").filter(pl.col("text").str.len_bytes() > 0)
        if not said.height:
            return none()
        latin = int(tokenizer.count([_LATIN])[0]) / len(_LATIN)
        limit = max(self.max_tokens_per_char, 2 * latin)
        unknown = pl.DataFrame(list(_unknown(tokenizer, said)), schema=_TOLD, orient="row")
        rows = _rows(said, most=_most_tokens(tokenizer, said)).filter(pl.col("chars") >= self.min_chars)
        open_ = said.join(rows.filter(pl.col("most") > limit * pl.col("chars")), on="row", how="semi")
        counted = _rows(open_, most=pl.Series(tokenizer.count(open_["text"].to_list()), dtype=pl.Int64))
        over = counted.filter(pl.col("most") > limit * pl.col("chars")).select(
            pl.col("row").cast(pl.UInt32),
            "pointer",
            what=pl.format(
                "{} tokens for {} characters: {} for each, and Latin text needs {}",
                "most",
                "chars",
                (pl.col("most") / pl.col("chars")).round(2),
                pl.lit(round(latin, 2)),
            ),
            over=pl.lit(value=True),
        )
        judged = pl.DataFrame(
            {"row": [0], "judged": [rows.height], "limit": [limit]}, schema_overrides={"row": pl.UInt32}
        )
        return pl.concat([unknown, over, judged], how="diagonal")

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        """The rows, or the dataset where most rows are so."""
        counts = frame.filter(pl.col("judged").is_not_null())
        told = frame.filter(pl.col("judged").is_null()).drop("judged", "limit")
        over, judged = int(told["over"].sum()), int(counts["judged"].sum())
        if 2 * over <= judged or not over:
            return told.drop("over")
        what = f"{over:,} of {judged:,} rows need more than {counts['limit'][0]:.2g} tokens for each character"
        whole = {"file": told["file"][0], "what": f"{what}: the tokenizer was not made for this script"}
        rows = told if over <= _LISTED else told.filter(pl.col("over").is_null())
        return pl.concat(
            [pl.DataFrame([whole], schema_overrides={"file": told["file"].dtype}), rows.drop("over")], how="diagonal"
        )


def _rows(said: pl.DataFrame, *, most: pl.Series) -> pl.DataFrame:
    """Each row's characters and sum of `most`, and the place of the text with the most of these."""
    lines = said.with_columns(chars=pl.col("text").str.len_chars(), most=most)
    worst = pl.col("pointer").get(pl.col("most").arg_max())
    return lines.group_by("row", maintain_order=True).agg(worst, pl.col("chars", "most").sum())


def _most_tokens(tokenizer: Tokenizer, said: pl.DataFrame) -> pl.Series:
    """How many tokens each text can have at most: one a byte, but for frequent words that are known to be one token.

    Only where such a word is tokenized alone, between spaces that are seams; else there is no bound.
    """
    text = said["text"]
    if not has_seams(tokenizer):
        return pl.repeat(_HUGE, said.height, dtype=pl.Int64, eager=True)
    words = Counter(word for one in text.head(_SAMPLE) for word in _WORD.findall(one))
    frequent = [word for word, _ in words.most_common(_FREQUENT)]
    single = [
        word
        for word, ids in zip(frequent, tokenizer.ids([f" {word}" for word in frequent]), strict=True)
        if len(ids) == 1
    ]
    if tokenizer.backend.normalizer is not None:
        text = text.str.normalize("NFC")
    if single:
        text = text.str.replace_all(rf"\b (?:{'|'.join(single)}) ", "- ")
    return text.str.len_bytes().cast(pl.Int64)


def _unknown(tokenizer: Tokenizer, said: pl.DataFrame) -> Iterator[tuple[int, str, int, int, str]]:
    """Lines of _TOLD: each row with text that has no token, where its first is."""
    token, drops = _blind_spot(tokenizer)
    if token is None and not drops:
        return
    texts = said["text"].to_list()
    if token is not None:
        known = zip(texts, tokenizer.ids(texts), strict=True)
        said = said.filter(pl.Series([token in ids for _, ids in known], dtype=pl.Boolean))
    found: dict[int, list[tuple[str, str, int, int]]] = {}
    for (row, place, text), encoded in zip(said.iter_rows(), tokenizer.encode(said["text"].to_list()), strict=True):
        spans = _gaps(text, encoded.offsets) if token is None else _spans(text, encoded, token, tokenizer)
        for start, end in spans:
            found.setdefault(row, []).append((place, text, start, end))
    for row, places in found.items():
        place, text, start, end = places[0]
        shown = repr(part(text, start, min(end, start + _SHOWN)))
        what = "text without a token, which is dropped," if token is None else "the unknown token"
        yield row, place, start, end, f"{what} in {len(places)} place{'s' * (len(places) > 1)}, first for {shown}"


def _spans(text: str, encoded: Encoded, token: int, tokenizer: Tokenizer) -> list[tuple[int, int]]:
    """What an unknown token stands for; one that is spelt out is TOK006's."""
    name = tokenizer.backend.id_to_token(token)
    pairs = zip(encoded.ids, encoded.offsets, strict=True)
    return [(start, end) for number, (start, end) in pairs if number == token and text[start:end].strip() != name]


def _gaps(text: str, offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Visible characters between tokens."""
    gaps, last = [], 0
    for start, end in [*offsets, (len(text), len(text))]:
        if text[last:start].strip():
            gaps.append((last, start))
        last = max(last, end)
    return gaps


def _blind_spot(tokenizer: Tokenizer) -> tuple[int | None, bool]:
    """The id of the token for what is unknown, and whether that is dropped instead; (None, False): nothing is."""
    from tokenizers import pre_tokenizers

    model, find = tokenizer.backend.model, tokenizer.backend.token_to_id
    kind = type(model).__name__
    state = model.__getstate__() if kind == "Unigram" else b""  # the library tells no more of this model
    spelt = pre_tokenizers.ByteLevel.alphabet() if of_bytes(tokenizer) else [f"<0x{byte:02X}>" for byte in range(256)]
    falls_back = of_bytes(tokenizer) or getattr(model, "byte_fallback", False) or b'"byte_fallback":true' in state
    if falls_back and all(find(piece) is not None for piece in spelt):
        return None, False
    if kind == "Unigram":
        number = re.match(rb'{"type":"Unigram","unk_id":(\d+)', state)
        return (int(number[1]) if number else None), False
    token = find(model.unk_token) if model.unk_token is not None else None
    return token, kind == "BPE" and token is None
