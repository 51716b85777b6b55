"""TPL010."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Totals, none, option

# Family -> what begins a turn; a row belongs to the family that it names first. Plain words need both speakers.
_FAMILIES = {
    "ChatML": r"<\|im_start\|>",
    "Llama 2": r"\[INST\]",
    "Llama 3": r"<\|start_header_id\|>",
    "Gemma": r"<start_of_turn>",
    "Phi or Zephyr": r"<\|(?:system|user|assistant)\|>",
    "harmony": r"<\|start\|>(?:system|developer|user|assistant)",
    "DeepSeek": "<｜(?:User|Assistant)｜>",
    "Cohere": r"<\|START_OF_TURN_TOKEN\|>",
    "Granite": r"<\|start_of_role\|>",
    "Alpaca": r"(?s)### Instruction:.*### Response:",
    "### Human": r"(?s)###\s?Human:.*###\s?Assistant:",
    "### User": r"(?s)### User:.*### Assistant:",
    "Vicuna": r"(?s)\bUSER: .*\bASSISTANT:",
    "Human and Assistant": r"(?ms)^Human: .*^(?:Assistant|AI):",
    "User and Assistant": r"(?ms)^User: .*^Assistant:",
}


@dataclass(frozen=True)
class MixedTemplates(Rule):
    """Rows of `text` were written with different chat templates.

    ## What it does
    Sorts the rows of `text` by the markers that begin a turn (ChatML, Llama 2 and 3, Gemma, Phi and Zephyr, harmony,
    DeepSeek, Cohere, Granite, Alpaca, `### Human:`, Vicuna and the like); a row with several counts for the first of
    them. Reports a dataset in which two or more families have more than 1 % of these rows each. Text without
    markers is of no family.

    ## Why is this bad?
    A model speaks one template. Rows in another teach it to write markers that nobody reads, and not to stop.

    ## Example
    One half `[INST] ... [/INST]`, the other `<|im_start|>user`.

    ## Fix safety
    No fix: the rows have to be taken apart into messages and rendered again.

    ## Options
    - `share`: smallest share of the rows of `text` that makes a family count.

    ## References
    The templates that model families publish.
    """

    code, name = "TPL010", "mixed-templates"
    severity = "warning"
    message = "rows of text are in several chat templates: {what}"
    within = "dataset"
    bad = [
        [{"text": f"[INST] {i} + 1? [/INST] {i + 1}" if i % 2 else f"<|im_start|>user\n{i} + 1?"} for i in range(8)],
        [{"text": f"### Human: {i}?### Assistant: no"} for i in range(9)] + [{"text": "<|user|>\nten?<|end|>"}],
    ]
    good = [
        [{"text": f"<|im_start|>user\nWhat is [INST]? {i}<|im_end|>"} for i in range(4)],
        [{"text": f"[INST] {i} + 1? [/INST] {i + 1}"} for i in range(4)] + [{"text": "A plain text."}],
        [{"text": f"[INST] {i} + 1? [/INST] {i + 1}"} for i in range(200)] + [{"text": "<|im_start|>user\nwhy?"}],
        [{"text": "USER guide, in short."}, {"text": "### Response: none"}, {"text": "<|im_start|>user\nwhy?"}],
    ]

    share: float = option(0.01, "Smallest share of the rows of text that makes a family count.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """Rows of text by family, and the first row of each."""
        formats = chunk.rows.filter(format="text").select("row")
        texts = chunk.turns.filter(field="text").join(formats, on="row", how="semi").select("row", text="content")
        if not texts.height:
            return none()
        places = [pl.col("text").str.find(pattern).alias(family) for family, pattern in _FAMILIES.items()]
        at = texts.lazy().select("row", *places).collect()
        families = list(_FAMILIES)
        first = pl.min_horizontal(families)
        family = pl.coalesce(pl.when(pl.col(name) == first).then(pl.lit(name)) for name in families)
        return at.select("row", family=family).group_by("family").agg(pl.col("row").min(), count=pl.len()).sort("row")

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        """One finding where several families count."""
        rows = int(frame["count"].sum())
        families = frame.sort("file", "row").group_by("family", maintain_order=True)
        each = families.agg(pl.col("count").sum(), pl.col("file", "row").first())
        known = each.filter(pl.col("family").is_not_null() & (pl.col("count") > self.share * rows))
        known = known.sort("count", "family", descending=[True, False])
        if known.height < 2:
            return none()
        what = ", ".join(f"{name} {count / rows:.1%}" for name, count in known.select("family", "count").iter_rows())
        second = known.row(1, named=True)
        found = {
            "file": second["file"],
            "what": f"{what} of {rows} rows",
            "related_file": second["file"],
            "related_row": second["row"],
        }
        return pl.DataFrame([found])
