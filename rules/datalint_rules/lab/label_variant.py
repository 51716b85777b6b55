"""LAB002."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import replace, resolve
from datalint.rule import Fix, Found, Rule, Totals, none
from datalint_rules.lab.answers import VERDICTS, last_answers

# A string that could also be a number, a truth value or a structure written as text.
_MAYBE_NO_TEXT = r"^(?:[-\d{\[]|true$|false$)"
_LONGEST = 100  # characters of a label; what is longer names no class
_PAIRS = {'"': '"', "'": "'", "`": "`", "(": ")", "[": "]", "*": "*", "\u201c": "\u201d", "\u2018": "\u2019"}
# Between a letter and a letter or digit, not between digits: 3-1 is not 3 1.
_SEPARATOR = re.compile(r"(?<=[^\W\d_])[\s_-]+(?=\w)|(?<=\d)[\s_-]+(?=[^\W\d_])")
_LINE = pl.Schema(
    {"row": pl.UInt32(), "pointer": pl.String(), "source": pl.String(), "column": pl.String(), "value": pl.String()}
)


@dataclass(frozen=True)
class LabelVariant(Rule):
    """A class is written in several ways.

    ## What it does
    Compares the values of a `label` column, or the answers where all of them are closed (at most 50 different ones of
    at most five words, in less than 5 % as many kinds as rows), without case, outer white space and punctuation;
    a space, `_` and `-` within are the same. Every row that does not have the most frequent spelling is reported.
    All splits count together.

    ## Why is this bad?
    The model learns two classes where there is one, counts of classes are wrong, and an evaluation that compares
    texts marks right answers as wrong.

    ## Example
    30 rows are labelled `yes`, 20 `Yes ` with a space at its end.

    ## Fix safety
    Safe: the label takes the most frequent spelling. Where two are as frequent, the one without white space around
    it, then the one that comes first.

    ## Options
    None.

    ## References
    openai-python's validators offer to lowercase prompts and completions; cleanlab counts such labels as classes.
    """

    code, name = "LAB002", "label-variant"
    severity = "warning"
    message = "'{label}' is another spelling of '{usual}', which {rows} rows have"
    fix = Fix("rewrite", "safe")
    fix_title = "takes the most frequent spelling"
    within = "dataset"
    bad = [
        [
            {"text": "well made", "label": "Positive"},
            {"text": "works", "label": "Positive"},
            {"text": "fine", "label": "positive "},
        ],
        [
            {"prompt": f"Is ticket {i} urgent?", "completion": "no" if i % 3 else "Yes " if i % 2 else "yes"}
            for i in range(120)
        ],
        [{"text": f"ticket {i}", "label": "lost_card" if i else "Lost card."} for i in range(9)],
        [
            {
                "messages": [
                    {"role": "user", "content": f"Is {i} even?"},
                    {"role": "assistant", "content": "Yes" if i % 2 == 0 else "no" if i % 3 else "No."},
                ]
            }
            for i in range(120)
        ],
    ]
    good = [
        [{"text": f"ticket {i}", "label": ["C", "C++", "C#", "+", "-", "-1", "1"][i % 7]} for i in range(70)],
        [{"text": f"ticket {i}", "label": i % 2} for i in range(70)],
        [
            {"prompt": f"Who wrote book {i}?", "completion": f"Author {i}" if i % 2 else f"author {i - 1}"}
            for i in range(9)
        ],
        [{"prompt": "a", "completion": "b", "label": True}, {"prompt": "c", "completion": "d", "label": "true"}],
        [{"prompt": f"Is {i} even?", "completion": "yes" if i % 2 else "Yes"} for i in range(60)]
        + [{"prompt": "Why?", "completion": "Because it can be divided by two, and nothing is left of it."}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        lines = [
            (row, pointer, "answer", "/" + pointer.split("/")[1], value)
            for row, pointer, _, value in chunk.once(last_answers)
        ]
        answers = pl.DataFrame(lines, schema=_LINE, orient="row")
        if answers["value"].null_count() == 0:
            answers = answers.join(_no_texts(chunk, answers), on="row", how="anti", maintain_order="left")
        else:
            # One open answer shows that answers are no classes: nothing else of them is of use.
            answers = answers.unique("column", maintain_order=True).with_columns(value=pl.lit(None, pl.String))
        if chunk.rows["label"].null_count() == chunk.rows.height:
            return answers
        labels = chunk.rows.filter(
            ~pl.col("format").is_in(VERDICTS)
            & (pl.col("label").str.strip_chars() != "")
            & (pl.col("label").str.len_chars() <= _LONGEST)
        )
        labels = labels.select("row", pointer="label_at", source=pl.lit("label"), column="label_at", value="label")
        unsure = labels.filter(pl.col("value").str.contains(_MAYBE_NO_TEXT))
        labels = labels.join(_no_texts(chunk, unsure), on="row", how="anti", maintain_order="left")
        return pl.concat([labels.cast(_LINE), answers])

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        found = []
        for (source, _), part in frame.partition_by("source", "column", as_dict=True, maintain_order=True).items():
            spellings = part.sort("file", "row").group_by("value", maintain_order=True).agg(pl.len().alias("rows"))
            most = max(50, part.height // 20)
            # Variants of a class are few, so many more spellings than classes may be are no classes.
            if spellings["value"].null_count() or spellings.height > 10 * most:
                continue
            spellings = spellings.with_columns(kind=pl.Series([_folded(value) for value in spellings["value"]]))
            kinds = spellings["kind"].n_unique()
            if kinds > most or (source == "answer" and (kinds > 50 or kinds >= 0.05 * part.height)):
                continue
            outside = pl.col("value") != pl.col("value").str.strip_chars()
            ranked = spellings.with_columns(outside=outside).sort(
                "rows", "outside", descending=[True, False], maintain_order=True
            )
            usual = ranked.group_by("kind", maintain_order=True).agg(pl.col("value", "rows").first())
            odd = spellings.join(usual, on="kind", suffix="_usual").filter(pl.col("value") != pl.col("value_usual"))
            odd = odd.select("value", usual="value_usual", rows="rows_usual")
            found.append(part.join(odd, on="value", maintain_order="left"))
        if not found:
            return none()
        return pl.concat(found).select("file", "row", "pointer", "usual", "rows", label="value")

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for item in found:
            row = replace(row, item.pointer or "", item.args["usual"])
        return row


def _no_texts(chunk: Chunk, lines: pl.DataFrame) -> pl.DataFrame:
    """The rows in which the pointer leads to something else than a string."""
    # Few: labels that look like numbers, or answers of a chunk that has closed ones alone.
    places = lines.select("row", "pointer").iter_rows()
    rows = [row for row, pointer in places if not isinstance(resolve(chunk.values[row], pointer), str)]
    return pl.DataFrame({"row": rows}, schema={"row": pl.UInt32})


def _folded(label: str) -> str:
    """A label without case, outer white space, quotes, brackets and closing punctuation; separators as one space."""
    text = unicodedata.normalize("NFKC", label).casefold().strip()
    bare = text.rstrip(".,;:! ")
    while len(bare) > 2 and _PAIRS.get(bare[0]) == bare[-1]:
        bare = bare[1:-1].strip().rstrip(".,;:! ")
    # Signs alone, such as + and -, or :-) and :-(, are labels of their own.
    return _SEPARATOR.sub(" ", bare) if re.search(r"\w", bare) else text
