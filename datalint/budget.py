"""What an epoch over the data costs in tokens: trained, read, cut away, padding.

Tokenizing everything is the cost of a check, so a sample is tokenized and the rest goes by its bytes: the ratio
estimator of survey sampling (Cochran, Sampling Techniques, chapter 6). Rows that may be over the limit, and the
largest, are tokenized whatever the sample is: they tell nothing of the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from datalint.chunk import Chunk
from datalint.views.training import Flags, Ints, Span, kept_tokens, trained_tokens

SAMPLE = 512  # texts of a chunk that are tokenized whatever their size: all where there are no more
LARGEST = 8  # of a chunk, tokenized besides
BATCH = 8  # rows that are padded to the longest among them

_SCHEMA = pl.Schema(
    {
        "key": pl.UInt64,  # of the text: draws the sample, and the rows of a batch
        "bytes": pl.UInt32,
        "trained_bytes": pl.UInt32,
        "tokens": pl.UInt32,  # null where not tokenized
        "kept": pl.UInt32,  # by the cut
        "trained": pl.UInt32,  # of those kept
        "drawn": pl.Boolean,  # by chance, so that it stands for the others
    }
)


@dataclass(frozen=True)
class Budget:
    """Tokens of one epoch, padded in random batches of `BATCH` rows. About right where `tokenized` < `texts`.

    `tokens` = `trained` + `read` + `cut`. `error` is two standard errors of `tokens` as a share of it; `lengths` the
    tokens of a text (uncut) that 50, 95, 99 and 100 % of the texts do not exceed.
    """

    texts: int
    tokenized: int
    tokens: int
    trained: int
    read: int
    cut: int
    padding: int
    error: float
    lengths: tuple[int, int, int, int]
    max_length: int | None

    @property
    def exact(self) -> bool:
        """Every text was tokenized."""
        return self.tokenized == self.texts


def measured(chunk: Chunk) -> pl.DataFrame:
    """One line a trained text of the chunk: bytes, and tokens where it was tokenized; empty without a tokenizer."""
    import xxhash

    tokenizer, limit = chunk.target.tokenizer, chunk.target.max_length
    texts = chunk.trained if tokenizer is not None else []
    if tokenizer is None or not texts:
        return pl.DataFrame(schema=_SCHEMA)
    encoded = [text.text.encode("utf-8", "surrogatepass") for text in texts]
    keys = np.fromiter((xxhash.xxh3_64_intdigest(data) for data in encoded), np.uint64, len(encoded))
    sizes = np.fromiter(map(len, encoded), np.int64, len(encoded))
    certain = np.zeros(len(texts), bool)
    certain[np.argsort(-sizes, kind="stable")[:LARGEST]] = True
    if limit is not None:
        certain |= [not tokenizer.fits(text.text, limit, added=text.plain) for text in texts]
    others = np.flatnonzero(~certain)
    drawn = np.zeros(len(texts), bool)
    drawn[others[np.argsort(keys[others], kind="stable")[:SAMPLE]]] = True
    tokens, kept, trained = (np.full(len(texts), -1) for _ in range(3))
    for plain in (False, True):
        some = [at for at in np.flatnonzero(certain | drawn).tolist() if texts[at].plain == plain]
        results = tokenizer.encode([texts[at].text for at in some], add_special_tokens=plain)
        for at, result in zip(some, results, strict=True):
            tokens[at] = len(result.tokens)
            seen, left = trained_tokens(result.spans, texts[at].spans), _left(chunk, result.spans, texts[at].spans)
            trained[at], kept[at] = np.count_nonzero(seen & left), np.count_nonzero(left)
    inside = [sum(len(text.text[a:b].encode("utf-8", "replace")) for a, b in text.spans) for text in texts]
    columns = (keys, sizes, inside, tokens, kept, trained, drawn)
    frame = pl.DataFrame(dict(zip(_SCHEMA, columns, strict=True)))
    known = pl.col("tokens") >= 0
    counts = (pl.when(known).then(pl.col(name)).alias(name) for name in ("tokens", "kept", "trained"))
    return frame.with_columns(counts).cast(_SCHEMA)


def budget_of(parts: Sequence[pl.DataFrame], max_length: int | None) -> Budget | None:
    """The budget of what `measured` gave for the chunks of a dataset; None where it gave nothing."""
    frame = pl.concat([pl.DataFrame(schema=_SCHEMA), *parts])
    if not frame.height:
        return None
    drawn = frame.filter("drawn")
    known = frame["tokens"].is_not_null().to_numpy()
    rate = _rate(drawn["tokens"], drawn["bytes"])
    trained_rate = _rate(drawn["trained"], drawn["trained_bytes"])
    lengths = _filled(frame["tokens"], frame["bytes"], rate)
    if max_length is not None:  # what was not tokenized is known not to be over the limit
        lengths = np.where(known, lengths, np.minimum(lengths, max_length))
    trained = float(_filled(frame["trained"], frame["trained_bytes"], trained_rate).sum())
    tokens = float(lengths.sum())
    kept = np.where(known, frame["kept"].fill_null(0), lengths)
    cut = float((lengths - kept).sum())
    apart = drawn["tokens"].to_numpy() - rate * drawn["bytes"].to_numpy()
    guessed = int((~known).sum())
    # Of the guessed sum: what the sample leaves open of the rate, and how far the guessed texts lie from it.
    spread = float(apart.std(ddof=1)) * np.sqrt(guessed**2 / len(apart) + guessed) if guessed else 0.0
    quantiles = np.quantile(lengths, (0.5, 0.95, 0.99, 1.0), method="higher")
    return Budget(
        texts=frame.height,
        tokenized=int(known.sum()),
        tokens=round(tokens),
        trained=round(trained),
        read=max(round(tokens) - round(cut) - round(trained), 0),
        cut=round(cut),
        padding=round(_padding(kept[np.argsort(frame["key"].to_numpy(), kind="stable")])),
        error=float(2 * spread / max(tokens, 1)),
        lengths=(int(quantiles[0]), int(quantiles[1]), int(quantiles[2]), int(quantiles[3])),
        max_length=max_length,
    )


def _left(chunk: Chunk, spans: Ints, inside: Sequence[Span]) -> Flags:
    """Which tokens the trainer's cut leaves."""
    limit = chunk.target.max_length
    return kept_tokens(spans, inside, len(spans) if limit is None else limit, chunk.target.trainer.cut)


def _rate(tokens: pl.Series, sizes: pl.Series) -> float:
    return float(tokens.to_numpy().sum() / max(sizes.to_numpy().sum(), 1))


def _filled(known: pl.Series, sizes: pl.Series, rate: float) -> npt.NDArray[np.float64]:
    return np.where(known.is_null(), sizes * rate, known.fill_null(0))


def _padding(lengths: npt.NDArray[np.float64]) -> float:
    """Tokens that fill batches up to their longest row."""
    lengths = np.concatenate([lengths, np.zeros(-len(lengths) % BATCH)])
    batches = lengths.reshape(-1, BATCH)
    real = batches > 0  # the last batch may be smaller
    return float((np.where(real, batches.max(axis=1, keepdims=True), 0) - batches).sum())
