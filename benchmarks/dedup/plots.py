"""The two plots of docs/how-duplicates-are-found.md. Needs matplotlib; writes the same files every time.

    python benchmarks/dedup/plots.py --data DIR [--out docs/images]

recall.svg: copies of real rows with more and more of their words edited, and which of them a search finds.
candidates.svg: how likely MinHash bands propose a pair, in theory and on pairs of random sets.
"""

import argparse
import random
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import polars as pl
from common import POOL, SEED, distinct, texts
from definitions import Found, datalint, word_shingles, words
from matplotlib import pyplot as plt

from datalint.dedup.lsh import PERMUTATIONS, band_keys, rows_per_band
from datalint.dedup.ragged import Ragged

ROWS = 1_500
PAIRS = 4_000
ITEMS = 200
"""Of the union of two random sets."""

STYLE = {
    "svg.hashsalt": "datalint",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "legend.frameon": False,
}


def edit(text: str, percent: int, vocabulary: list[str], rng: random.Random) -> str:
    """The text with so many per cent of its words replaced, left out or followed by another; numbers stay."""
    tokens = text.split(" ")
    places = [place for place, token in enumerate(tokens) if not re.search(r"\d", token)]
    for place in rng.sample(places, min(round(percent / 100 * len(tokens)), len(places))):
        other = rng.choice(vocabulary)
        tokens[place] = rng.choice((other, other, "", f"{tokens[place]} {other}"))
    return " ".join(token for token in tokens if token)


def real_rows(data: Path) -> tuple[list[str], list[str]]:
    """Rows of 20 to 400 words, and the words that edits put in. Without the tool prompts: their lines are shared."""
    pool = pl.concat([texts(data / source) for source in POOL if "toolformer" not in source]).drop_nulls()
    rows = [text for (text,) in distinct([(text,) for text in pool]) if 20 <= len(words(text)) <= 400]
    rng = random.Random(SEED)
    vocabulary = [word for row in rng.sample(rows, 2_000) for word in row.split() if not re.search(r"\d", word)]
    return rng.sample(rows, ROWS), vocabulary


def recall(data: Path) -> tuple[list[int], dict[str, list[float]]]:
    """Per cent of the copies found, by per cent of the words edited."""
    rows, vocabulary = real_rows(data)
    percents = list(range(0, 31, 2))
    curves: dict[str, list[float]] = {}
    for percent in percents:
        rng = random.Random(SEED + percent)
        copies = [edit(row, percent, vocabulary, rng) for row in rows]
        both = pl.Series([*rows, *copies])
        found = {
            "datalint": linked(datalint(both)),
            "datalint, threshold 0.75": linked(datalint(both, threshold=0.75)),
            "runs of five words, 0.5": shingled(rows, copies, 0.5),
            "runs of five words, 0.8": shingled(rows, copies, 0.8),
        }
        for name, hits in found.items():
            curves.setdefault(name, []).append(100 * sum(hits) / ROWS)
    return percents, curves


def linked(found: Found) -> list[bool]:
    return [found.group[row] == found.group[ROWS + row] for row in range(ROWS)]


def shingled(rows: list[str], copies: list[str], threshold: float) -> list[bool]:
    pairs = ((word_shingles(row, 5), word_shingles(copy, 5)) for row, copy in zip(rows, copies, strict=True))
    return [len(one & other) >= threshold * len(one | other) for one, other in pairs]


def proposed(similarity: float, rows: int, rng: np.random.Generator) -> tuple[float, float]:
    """The Jaccard of PAIRS pairs of random sets, and the share of them that meet in some band."""
    shared = round(similarity * ITEMS)
    alone = (ITEMS - shared) // 2
    items = rng.integers(0, 1 << 32, (PAIRS, 2, shared + alone), np.uint32)
    items[:, 1, :shared] = items[:, 0, :shared]
    lengths = np.full(2 * PAIRS, shared + alone)
    keys = band_keys(Ragged.of(items.reshape(-1), lengths), rows)
    return shared / (shared + 2 * alone), float((keys[:, 0::2] == keys[:, 1::2]).any(axis=0).mean())


def draw_recall(percents: list[int], curves: dict[str, list[float]], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 4))
    for (name, values), style in zip(curves.items(), ("-", "--", "-.", ":"), strict=True):
        axes.plot(percents, values, style, label=name, linewidth=2)
    axes.set(xlabel="words of the copy that were edited, %", ylabel="copies found, %", xlim=(0, 30), ylim=(0, 102))
    axes.legend(loc="upper left", bbox_to_anchor=(0.62, 1.02))
    save(figure, path)


def draw_candidates(path: Path) -> None:
    rows = rows_per_band(0.8)
    bands = PERMUTATIONS // rows
    rng = np.random.default_rng(SEED)
    measured = [proposed(similarity, rows, rng) for similarity in np.arange(0.1, 1.0, 0.05)]
    line = np.linspace(0, 1, 201)
    figure, axes = plt.subplots(figsize=(7, 4))
    axes.plot(line, 1 - (1 - line**rows) ** bands, linewidth=2, label=f"theory: {bands} bands of {rows}")
    axes.plot(*zip(*measured, strict=True), "o", label=f"measured on {PAIRS:,} pairs each")
    axes.axvline(0.8, color="#888888", linestyle=":", label="threshold")
    axes.set(
        xlabel="Jaccard similarity of the pair", ylabel="probability that it is compared", xlim=(0, 1), ylim=(0, 1.02)
    )
    axes.legend()
    save(figure, path)


def save(figure: plt.Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "docs/images")
    options = parser.parse_args()
    mpl.use("svg")
    mpl.rcParams.update(STYLE)
    options.out.mkdir(parents=True, exist_ok=True)
    percents, curves = recall(options.data)
    for name, values in curves.items():
        print(f"{name}: " + ", ".join(f"{p} %: {v:.1f}" for p, v in zip(percents, values, strict=True)))
    draw_recall(percents, curves, options.out / "recall.svg")
    draw_candidates(options.out / "candidates.svg")


if __name__ == "__main__":
    main()
