"""LAB001."""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Totals, none, option
from datalint_rules.lab.answers import VERDICTS, last_answers


@dataclass(frozen=True)
class LabelImbalance(Rule):
    """One class has nearly all rows, or a class has nearly none.

    ## What it does
    Counts the values of a `label` column, or the answers where all of them are closed (at most 50 different ones of
    at most five words, in less than 5 % as many kinds as rows). Reports when the most frequent class has more than
    80 % of the rows, or the rarest less than a tenth of an even share.

    ## Why is this bad?
    The model learns the frequent answer and never the rare one, and accuracy hides it.

    ## Example
    950 rows answered "no", 50 answered "yes".

    ## Fix safety
    There is no fix: collect rows, or weigh the classes.

    ## Options
    - `top-share`: largest share of one class.
    - `rare-share`: smallest share of a class, as a part of an even share.
    - `min-rows`: fewer rows say nothing about balance.

    ## References
    cleanlab's class imbalance (0.1/K); IBM's and Soup's advice on balance.
    """

    code, name = "LAB001", "label-imbalance"
    severity = "warning"
    message = "{what}"
    splits = ("train",)
    bad = [
        [{"prompt": f"Is ticket {i} urgent?", "completion": "yes" if i % 20 == 0 else "no"} for i in range(100)],
        [{"text": f"ticket {i}", "label": "spam" if i == 7 else f"kind {i % 3}"} for i in range(400)],
    ]
    good = [
        [{"text": f"ticket {i}", "label": f"kind {i % 3}"} for i in range(100)],
        [{"prompt": f"What is {i} + {i}?", "completion": str(i + i)} for i in range(100)],
        [{"prompt": f"Is ticket {i} fine?", "completion": "a bit", "label": True} for i in range(100)],
    ]

    top_share: float = option(0.8, "Largest share of one class.")
    rare_share: float = option(0.1, "Smallest share of a class, as a part of an even share.")
    min_rows: int = option(20, "Fewest rows that say something about balance.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        labels = chunk.rows.filter((pl.col("label") != "") & ~pl.col("format").is_in(VERDICTS))
        count = Counter[tuple[str, str, str | None]](
            ("label", where, label) for where, label in labels.select("label_at", "label").iter_rows()
        )
        for _, _, where, value in chunk.once(last_answers):
            count["answer", where, None if value is None else value.strip()] += 1
        if not count:
            return none()
        lines = [(0, *key, number) for key, number in count.items()]
        names = {"row": pl.UInt32, "source": pl.String, "where": pl.String, "value": pl.String, "count": pl.Int64}
        return pl.DataFrame(lines, schema=names, orient="row")

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        found = []
        for (source, where), part in frame.partition_by("source", "where", as_dict=True, maintain_order=True).items():
            classes = part.group_by("value").agg(pl.col("count").sum()).sort("count", "value", descending=[True, False])
            rows, kinds = int(classes["count"].sum()), classes.height
            few = kinds <= 50 and kinds < 0.05 * rows if source == "answer" else kinds <= max(50, 0.05 * rows)
            if classes["value"].null_count() or rows < self.min_rows or not few:
                continue
            top, rare = classes.row(0), classes.row(-1)
            told = []
            if top[1] > self.top_share * rows:
                told.append(f"{top[0]!r} has {top[1] / rows:.1%} of {rows} rows")
            if kinds > 1 and rare[1] < self.rare_share * rows / kinds:
                told.append(
                    f"{rare[0]!r} has {rare[1]} of {rows} rows; an even share of {kinds} classes is {rows // kinds}"
                )
            if told:
                found.append({"file": part["file"][0], "pointer": where, "what": "; ".join(told)})
        return pl.DataFrame(found) if found else none()
