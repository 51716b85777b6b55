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

SAMPLE = 512  # texts of a chunk that are tokenized whatever their size: all where there are no more
LARGEST = 8  # of a chunk, tokenized besides
BATCH = 8  # rows that are padded to the longest among them

_SCHEMA = pl.Schema(
    {
        "key": pl.UInt64,  # of the text: draws the sample, and the rows of a batch
        "bytes": pl.UInt32,
        "trained_bytes": pl.UInt32,
        "tokens": pl.UInt32,  # null where not tokenized
        "trained": pl.UInt32,  # after the cut
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
    tokens, trained = np.full(len(texts), -1), np.full(len(texts), -1)
    for plain in (False, True):
        some = [at for at in np.flatnonzero(certain | drawn).tolist() if texts[at].plain == plain]
        results = tokenizer.encode([texts[at].text for at in some], add_special_tokens=plain)
        for at, result in zip(some, results, strict=True):
            tokens[at] = len(result.ids)
            trained[at] = _trained(result.offsets, texts[at].spans, _kept(len(result.ids), chunk))
    known = pl.Series(tokens >= 0)
    return (
        pl.DataFrame(
            {
                "key": keys,
                "bytes": sizes,
                "trained_bytes": [
                    sum(len(text.text[a:b].encode("utf-8", "replace")) for a, b in text.spans) for text in texts
                ],
                "tokens": tokens,
                "trained": trained,
                "drawn": drawn,
            }
        )
        .with_columns(pl.when(known).then(pl.col(name)) for name in ("tokens", "trained"))
        .cast(_SCHEMA)
    )


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
    kept = lengths if max_length is None else np.minimum(lengths, max_length)
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


def _kept(tokens: int, chunk: Chunk) -> range:
    limit = chunk.target.max_length
    if limit is None or tokens <= limit:
        return range(tokens)
    return range(limit) if chunk.target.trainer.cut == "keep-start" else range(tokens - limit, tokens)


def _trained(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]], kept: range) -> int:
    """Tokens that begin in a span; those that the tokenizer adds stand for no character."""
    edges = np.array(offsets[kept.start : kept.stop], np.int64).reshape(-1, 2)
    starts = edges[edges[:, 0] < edges[:, 1], 0]
    return int(sum(np.count_nonzero((starts >= start) & (starts < end)) for start, end in spans))


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
