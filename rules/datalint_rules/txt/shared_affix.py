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
        row, role = pl.col("row"), pl.col("role")
        turns = chunk.turns.filter(
            role.is_in(["user", "assistant"])
            & pl.col("field").is_in(["text", "label", "rejected", "completions"]).not_()
            & (pl.col("content") != "")
            & pl.col("calls").is_null()
        ).select("row", "role", text="content")
        # One text a row and side: how a row begins to ask, and how it ends to answer.
        prompts = turns.filter(role == "user").filter(row != row.shift(1, fill_value=len(chunk)))
        answers = turns.filter(role == "assistant").filter(row != row.shift(-1, fill_value=len(chunk)))
        sides = (("prompt", prompts, self.prompt_chars), ("answer", answers, self.answer_chars))
        ends = [(*side, where) for side in sides if side[1].height for where in ("begin with", "end with")]
        if not ends:
            return none()
        counts = pl.concat([_frequent(*end) for end in ends]).group_by("side", "where", "affix", maintain_order=True)
        found = counts.agg(
            row.min(),
            # The longest beginning that all have in common is that of the first and the last in order.
            low=pl.col("head").min(),
            high=pl.col("head").max(),
            kinds=pl.col("text").n_unique().cast(pl.Int64),
            count=pl.len().cast(pl.Int64),
        )
        # A line without an affix says how many rows there are.
        total = [(side, where, texts["row"][0], texts.height) for side, texts, _, where in ends]
        schema = {"side": pl.String, "where": pl.String, "row": pl.UInt32, "count": pl.Int64}
        return pl.concat([found, pl.DataFrame(total, schema=schema, orient="row")], how="diagonal")

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
            if len(text) == _LONGEST:  # it may end within a word, and that be a key
                text = f"{text.rpartition(' ')[0]} …"
            text = text if where == "begin with" else text[::-1]
            found.append({"file": file, "side": side, "where": where, "text": text, "count": count, "rows": rows})
        return pl.DataFrame(found, schema_overrides={"file": pl.UInt32}) if found else none()


def _frequent(side: str, texts: pl.DataFrame, chars: int, where: str) -> pl.DataFrame:
    """Those of some rows (row, text) whose affix is not rare among them: row, text, affix, head, side, where."""
    text = pl.col("text").str
    begins = where == "begin with"
    affix = texts.select(affix=text.head(chars) if begins else text.tail(chars))["affix"]
    counts = affix.value_counts().filter(pl.col("count") > _RARE * texts.height)
    # Hardly any is: all else is done for few rows.
    some = texts.with_columns(affix).filter(
        pl.col("affix").is_in(counts["affix"].implode()) & (pl.col("affix").str.len_chars() == chars)
    )
    # An end is kept backwards, as a beginning: both grow to their right.
    head = text.head(_LONGEST) if begins else text.tail(_LONGEST).str.reverse()
    return some.select("row", "text", "affix", head=head, side=pl.lit(side), where=pl.lit(where))


def _common(low: str, high: str) -> str:
    for at, (one, other) in enumerate(zip(low, high, strict=False)):
        if one != other:
            return low[:at]
    return low if len(low) < len(high) else high
