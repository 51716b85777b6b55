"""PREF008."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Totals, none, option
from datalint_rules.pref.pairs import answers, has_sides

_ENDS = [
    *("</s>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<end_of_turn>", "<eos>", "<|end|>"),
    "<|return|>",
]
_REFUSAL = (
    r"(?i)^\W*(?:i['’]?m (?:so |very |really )?sorry|i am (?:so |very )?sorry|sorry,|i apologi[sz]e|my apologies"
    r"|(?:unfortunately,? )?i (?:can['’]?t|cannot|can not|won['’]?t|will not|am unable|am not able|must decline)"
    r"|i['’]m (?:unable|not able|not allowed)|as an (?:ai|artificial)|as a (?:large )?language model)"
)
_MARKDOWN = r"(?m)^ {0,3}#{1,6} |^ *[-*+] |^ *\d+[.)] |^ *```|\*\*[^*\n]+\*\*|^\|.*\|$"
_SCRIPTS = {
    "Latin": r"[A-Za-z]{2}",
    "Cyrillic": r"\p{Cyrillic}",
    "Greek": r"\p{Greek}",
    "Arabic": r"\p{Arabic}",
    "Hebrew": r"\p{Hebrew}",
    "Devanagari": r"\p{Devanagari}",
    "Thai": r"\p{Thai}",
    "Chinese": r"\p{Han}",
    "Japanese": r"[\p{Hiragana}\p{Katakana}]",
    "Korean": r"\p{Hangul}",
}


@dataclass(frozen=True)
class OneSidedArtifact(Rule):
    """One cheap feature tells the chosen from the rejected answers.

    ## What it does
    Takes from every answer of a dataset of pairs: whether it opens as a refusal, holds a literal end-of-sequence
    token, begins or ends with white space, ends with a mark; its scripts; how much Markdown it has and how long it is
    (both in doublings). Reports features by which a chosen answer is told from a rejected one with an area
    under the ROC curve of 0.9 or more, by ranks, whichever side has more of it.

    ## Why is this bad?
    The pairs are trivially separable: the loss falls to nothing, and the model has learned the feature, not what
    makes an answer good.

    ## Example
    Every rejected answer ends with `</s>`, no chosen one does.

    ## Fix safety
    There is no fix: remove the feature from both sides, or make pairs that differ in what they say.

    ## Options
    - `auc`: smallest area under the ROC curve that is reported.
    - `min-rows`: fewer pairs say nothing.

    ## References
    gradients-ai's G.O.D, issue #1344 (trivially separable pairs). The area is Mann and Whitney's U over the number
    of pairs of answers, ties as half.
    """

    code, name = "PREF008", "one-sided-artifact"
    severity = "warning"
    message = "{feature} tells chosen from rejected (AUC {auc}): {chosen} in chosen, {rejected} in rejected answers"
    splits = ("train",)
    bad = [
        [{"prompt": f"{i}?", "chosen": f"It is {i}.", "rejected": f"It is {-i}.</s>"} for i in range(12)],
        [{"prompt": f"{i}?", "chosen": f"It is {i}.", "rejected": f"I'm sorry, not {i}."} for i in range(12)],
        [{"prompt": f"{i}?", "chosen": f"It is {i}.", "rejected": f"这是{i}."} for i in range(12)],
        [{"prompt": f"{i}?", "chosen": f"**It** is\n- {i}.", "rejected": f"Maybe it is {i}."} for i in range(12)],
        [
            {
                "prompt": [{"role": "user", "content": f"{i}?"}],
                "chosen": [{"role": "assistant", "content": f"It is {i}. "}],
                "rejected": [{"role": "assistant", "content": f"It is {-i}."}],
            }
            for i in range(12)
        ],
    ]
    good = [
        [{"prompt": f"{i}?", "chosen": f"It is {i}.</s>", "rejected": f"It is {-i}.</s>"} for i in range(12)],
        [
            {"prompt": f"{i}?", "chosen": f" It is {i}", "rejected": f" It was {i}" + " " * (i % 3 == 0)}
            for i in range(12)
        ],
        [{"prompt": f"{i}?", "chosen": f"It is {i}.", "rejected": f"It is {-i}.</s>"} for i in range(3)],
    ]

    auc: float = option(0.9, "Smallest area under the ROC curve that is reported.")
    min_rows: int = option(10, "Fewest pairs that say something.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        found = chunk.once(answers) if has_sides(chunk) else none()
        if not found.height:
            return none()
        found = found.unpivot(["chosen", "rejected"], variable_name="side", value_name="text")
        counted = [
            part.group_by("feature", "value").agg(
                chosen=(pl.col("side") == "chosen").sum().cast(pl.Int64),
                rejected=(pl.col("side") == "rejected").sum().cast(pl.Int64),
            )
            for part in _features(found)
        ]
        return pl.concat(counted).with_columns(row=pl.lit(0, dtype=pl.UInt32))

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        counts = frame.group_by("feature", "value").agg(pl.col("chosen", "rejected").sum()).sort("feature", "value")
        chosen, rejected, value = pl.col("chosen"), pl.col("rejected"), pl.col("value")
        below = rejected.cum_sum() - rejected / 2
        ranked = counts.group_by("feature", maintain_order=True).agg(
            rows=chosen.sum(),
            auc=(chosen * below).sum() / (chosen.sum() * rejected.sum()),
            chosen_mean=(chosen * value).sum() / chosen.sum(),
            rejected_mean=(rejected * value).sum() / rejected.sum(),
            counted=value.max() > 1,
        )
        apart = ranked.with_columns(auc=pl.max_horizontal("auc", 1 - pl.col("auc")))
        apart = apart.filter((pl.col("auc") >= self.auc) & (pl.col("rows") >= self.min_rows))
        return apart.select(
            pl.lit(frame["file"].min()).alias("file"),
            "feature",
            pl.col("auc").round(2),
            chosen=_shown("chosen_mean"),
            rejected=_shown("rejected_mean"),
        )


def _features(found: pl.DataFrame) -> list[pl.DataFrame]:
    """The answers with the values of one feature each: side, feature, value."""
    text = pl.col("text").str
    tail = text.tail(20)
    values = {
        "an opening refusal": text.head(200).str.contains(_REFUSAL),
        "an end-of-sequence token": text.contains_any(_ENDS),
        "white space at the start": text.contains(r"^\s"),
        "white space at the end": tail.str.contains(r"\s$"),
        "a mark at the end": tail.str.contains(r"[\p{P}\p{S}]\s*$"),
        "the amount of Markdown": _steps(text.count_matches(_MARKDOWN)),
        "the length": _steps(text.len_chars()),
    }
    # Most texts are ASCII, and have no script but the one.
    ascii_only = text.len_bytes() == text.len_chars()
    plain, other = found.filter(ascii_only), found.filter(~ascii_only)
    frames = [found.select("side", feature=pl.lit(name), value=value.cast(pl.Int64)) for name, value in values.items()]
    for script, pattern in _SCRIPTS.items() if other.height else ():
        feature = pl.lit(f"{script} script")
        frames.append(other.select("side", feature=feature, value=text.contains(pattern).cast(pl.Int64)))
        frames.append(plain.select("side", feature=feature, value=pl.lit(int(script == "Latin"), dtype=pl.Int64)))
    return frames


def _steps(count: pl.Expr) -> pl.Expr:
    """A number in doublings: 0, 1 to 2, 3 to 6, 7 to 14 and so on."""
    return (count + 1).cast(pl.Float64).log(2).floor()


def _shown(mean: str) -> pl.Expr:
    """A share, or for what is counted a typical number."""
    number = (pl.lit(2.0).pow(pl.col(mean) + 0.5) - 1).round(0).cast(pl.Int64)
    share = pl.format("{}%", (pl.col(mean) * 100).round(0).cast(pl.Int64))
    return pl.when("counted").then(pl.format("about {}", number)).otherwise(share)
