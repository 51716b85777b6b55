"""DUP001."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Rule

# Where a row says how often it counts, dropping its copy changes what is trained.
_WEIGHTS = frozenset({"weight", "weights", "sample_weight", "repeat", "repeats"})


@dataclass(frozen=True)
class ExactDuplicate(Rule):
    """A row says what an earlier row of its split says already.

    ## What it does
    Compares the roles, contents, tool calls and labels of rows after Unicode NFKC, case folding and folding of white
    space, across all files of a split. The finding is at the later copy and names the first.

    ## Why is this bad?
    Repeated rows are learnt by heart and weigh more than they should; in an evaluation they count twice.

    ## Example
    The same question and answer in two shards.

    ## Fix safety
    Safe where the two records are the same bytes and no column weighs or repeats rows: the copy is dropped. Unsafe
    where they differ in case, white space or other columns.

    ## Options
    None.

    ## References
    The duplicate checks of openai-python, axolotl and datasets-lint; WizardLM issue #8, openai-cookbook issue #941.
    """

    code, name = "DUP001", "exact-duplicate"
    severity = "warning"
    message = "says what an earlier row says{how}"
    fix = Fix("drop", "safe")
    fix_title = "keeps the first"
    key = ("whole_key",)
    bad = [
        [
            {"prompt": "Name a sea.", "completion": "The Baltic."},
            {"prompt": "Name a sea.", "completion": "The Baltic."},
        ],
        [
            {"prompt": "Name a sea.", "completion": "The Baltic."},
            {"prompt": "name a\u00a0sea. ", "completion": "THE BALTIC."},
        ],
        [{"text": "refund", "label": "a"}, {"text": "Refund", "label": "a"}],
    ]
    good = [
        [
            {"prompt": "Name a sea.", "completion": "The Baltic."},
            {"prompt": "Name a sea.", "completion": "The Aral."},
        ],
        [{"text": "refund", "label": "a"}, {"text": "refund", "label": "b"}],
        [
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
            {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]},
        ],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        weighted = [row for form in chunk.forms if not _WEIGHTS.isdisjoint(form.types) for row in form.rows]
        return chunk.keys.with_columns(plain=~pl.col("row").is_in(weighted))

    def reduce(self, frame: pl.DataFrame) -> pl.DataFrame:
        again = frame.filter(pl.len().over("whole_key") > 1).sort("file", "row")
        place = ("file", "row")
        first = [pl.col(c).first().over("whole_key").alias(f"first_{c}") for c in place]
        twin = [pl.col(c).first().over("whole_key", "raw_key").alias(f"twin_{c}") for c in place]
        later = again.with_columns(
            *first,
            *twin,
            index=pl.int_range(pl.len()).over("whole_key"),
            copy=pl.int_range(pl.len()).over("whole_key", "raw_key"),
        ).filter(pl.col("index") > 0)
        # A copy of the same bytes stays safe to drop even when the two differ from the first row of their group.
        same = pl.col("copy") > 0
        return later.select(
            "file",
            "row",
            related_file=pl.when(same).then("twin_file").otherwise("first_file"),
            related_row=pl.when(same).then("twin_row").otherwise("first_row"),
            how=pl.when(same)
            .then(pl.lit(", byte for byte"))
            .otherwise(pl.lit(", but for case, spaces or other columns")),
            fix_kind=pl.lit("drop"),
            fix_safety=pl.when(same & pl.col("plain")).then(pl.lit("safe")).otherwise(pl.lit("unsafe")),
        )
