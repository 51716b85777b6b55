"""TXT015."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Totals, none, option

_LONGEST = 80  # characters of a common beginning that are followed
_RARE = 0.01  # what fewer rows of a chunk share is not carried on: nine in ten rows of the dataset are looked for


@dataclass(frozen=True)
class SharedAffix(Rule):
    """Nearly all prompts, or nearly all answers, begin or end with the same words.

    ## What it does
    Takes the first prompt and the last answer of each row, and reports a beginning or an end that more than 90 % of
    them share: at least 12 characters of prompts, 5 of answers. Texts that are equal as a whole are not affixes, and
    classes, ready-made texts and rejected answers are left out.

    ## Why is this bad?
    A prompt's standing words cost tokens in every row and teach nothing, and the model may come to depend on them. An
    answer's opening ("Sure! Here is") becomes the opening of all answers.

    ## Example
    950 of 1,000 answers begin with "Sure! Here is".

    ## Fix safety
    There is no fix: whether the words are meant is for the author to say.

    ## Options
    - `share`: smallest share of rows that makes words shared.
    - `prompt-chars`: fewest shared characters of prompts.
    - `answer-chars`: fewest shared characters of answers.
    - `min-rows`: fewer rows share nothing but chance.

    ## References
    openai-python's validators of common prefixes and suffixes; deepchecks' frequent substrings.
    """

    code, name = "TXT015", "shared-affix"
    severity = "info"
    message = "{count} of {rows} {side}s {where} {text!r}"
    splits = ("train",)
    bad = [
        [{"prompt": f"{i} rivers?", "completion": f"Sure! Here is number {i}"} for i in range(20)],
        [{"prompt": f"As an expert of rivers, tell {i}", "completion": f"{i}"} for i in range(20)],
        [
            {
                "messages": [
                    {"role": "user", "content": f"{i}?"},
                    {"role": "assistant", "content": f"{i}. Hope this helps!"},
                ]
            }
            for i in range(20)
        ],
    ]
    good = [
        [{"prompt": f"{i} rivers?", "completion": f"It is number {i}"} for i in range(5)],
        [{"prompt": f"{i} rivers?", "completion": f"{i} it is" if i % 5 else f"Sure! {i}"} for i in range(20)],
        [{"instruction": "Classify the review.", "input": f"{i} stars", "output": "not good"} for i in range(20)],
        [{"text": f"{i} rivers", "label": f"LABEL_{i}"} for i in range(20)],
        [{"text": f"<|user|> tell me of river {i}"} for i in range(20)],
    ]

    share: float = option(0.9, "Smallest share of rows that makes words shared.")
    prompt_chars: int = option(12, "Fewest shared characters of prompts.")
    answer_chars: int = option(5, "Fewest shared characters of answers.")
    min_rows: int = option(10, "Fewest rows that can share words.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        side = pl.when(pl.col("role") == "user").then(pl.lit("prompt")).otherwise(pl.lit("answer"))
        turns = chunk.turns.filter(
            pl.col("role").is_in(["user", "assistant"])
            & pl.col("field").is_in(["text", "label", "rejected", "completions"]).not_()
            & (pl.col("content").fill_null("") != "")
            & pl.col("calls").is_null()
        ).select("row", side=side, text="content")
        # One text a row and side: how a row begins to ask, and how it ends to answer.
        texts = turns.group_by("row", "side", maintain_order=True).agg(
            pl.col("text").first(), last=pl.col("text").last()
        )
        texts = texts.with_columns(text=pl.when(pl.col("side") == "prompt").then("text").otherwise("last"))
        ends = [
            self._counted(texts, side, where) for side in ("prompt", "answer") for where in ("begin with", "end with")
        ]
        kept = [frame for frame in ends if frame.height]
        return pl.concat(kept) if kept else none()

    def _counted(self, texts: pl.DataFrame, side: str, where: str) -> pl.DataFrame:
        """The affixes of a chunk with their counts; an end is kept backwards, as a beginning."""
        chars = self.prompt_chars if side == "prompt" else self.answer_chars
        text = pl.col("text") if where == "begin with" else pl.col("text").str.tail(_LONGEST).str.reverse()
        here = texts.filter(pl.col("side") == side).select("row", head=text.str.head(_LONGEST), whole="text")
        rows = here.height
        long = here.filter(pl.col("head").str.len_chars() >= chars).with_columns(affix=pl.col("head").str.head(chars))
        counts = long.group_by("affix").agg(
            pl.col("row").min(),
            # The longest beginning that all have in common is that of the first and the last in order.
            low=pl.col("head").min(),
            high=pl.col("head").max(),
            kinds=pl.col("whole").n_unique().cast(pl.Int64),
            count=pl.len().cast(pl.Int64),
        )
        counts = counts.filter(pl.col("count") > _RARE * rows)
        total = here.select(pl.col("row").min(), affix=pl.lit(None, pl.String), count=pl.len().cast(pl.Int64))
        found = pl.concat([counts, total.filter(pl.col("count") > 0)], how="diagonal_relaxed")
        return found.select("row", "affix", "low", "high", "kinds", "count", side=pl.lit(side), where=pl.lit(where))

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        found = []
        for (side, where), part in frame.partition_by("side", "where", as_dict=True, maintain_order=True).items():
            rows = int(part.filter(pl.col("affix").is_null())["count"].sum())
            some = part.filter(pl.col("affix").is_not_null())
            if rows < self.min_rows or not some.height:
                continue
            top = some.group_by("affix").agg(
                pl.col("low").min(), pl.col("high").max(), pl.col("kinds", "count").sum(), pl.col("file").min()
            )
            affix, low, high, kinds, count, file = top.sort("count", "affix").row(-1)
            # Equal texts are copies or a class, which other rules report.
            if count <= self.share * rows or kinds <= 0.1 * count or not str(affix).strip():
                continue
            text = _common(low, high)
            text = text if where == "begin with" else text[::-1]
            found.append({"file": file, "side": side, "where": where, "text": text, "count": count, "rows": rows})
        return pl.DataFrame(found, schema_overrides={"file": pl.UInt32}) if found else none()


def _common(low: str, high: str) -> str:
    for at, (one, other) in enumerate(zip(low, high, strict=False)):
        if one != other:
            return low[:at]
    return low if len(low) < len(high) else high
