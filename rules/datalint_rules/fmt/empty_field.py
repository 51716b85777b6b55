"""FMT011."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Rule, none, option

# White space, and characters that show nothing: zero-width, joiners, soft hyphen, BOM.
_INVISIBLE = r"\s\u{200B}-\u{200F}\u{2060}-\u{2064}\u{00AD}\u{FEFF}\u{180E}"
_FEW = 20  # a regular expression that repeats more often than some hundred times is refused


@dataclass(frozen=True)
class EmptyField(Rule):
    """A field that is trained on, or the prompt, has no visible text.

    ## What it does
    Looks at every assistant turn, completion, chosen or rejected answer, label and `text` for content that is empty,
    null or white space. A turn with tool calls or reasoning is not empty. An empty prompt or user turn is a warning.

    ## Why is this bad?
    The loss trains the model to answer with silence, or to answer nothing in particular.

    ## Example
    `{"prompt": "Name a river in Peru.", "completion": ""}`

    ## Fix safety
    Unsafe: the row is dropped.

    ## Options
    - `min-chars`: fewest visible characters that count as text.

    ## References
    openai-python's fine-tuning validators drop rows with an empty completion; EAGLE issue #51 shows what happens
    when a conversation without an answer reaches training.
    """

    code, name = "FMT011", "empty-field"
    severity = "error"
    message = "{side} has {n} visible characters"
    fix = Fix("drop", "unsafe")
    fix_title = "drops the row"
    bad = [
        [{"prompt": "Name a river in Peru.", "completion": ""}],
        [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": " \n\u200b"}]}],
        [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": None}]}],
        [{"instruction": "Say hi.", "input": "", "output": "\t"}],
        [{"prompt": " ", "completion": "An answer to nothing."}],
        [{"text": "refund please", "label": ""}],
    ]
    good = [
        [{"instruction": "Name a river in Peru.", "input": "", "output": "The Ucayali."}],
        [
            {
                "messages": [
                    {"role": "system", "content": ""},
                    {"role": "user", "content": "Weather?"},
                    {
                        "role": "assistant",
                        "content": "",
                        "tool_calls": [{"function": {"name": "w", "arguments": "{}"}}],
                    },
                    {"role": "tool", "content": ""},
                    {"role": "assistant", "content": "Rain."},
                ]
            }
        ],
        [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "weight": 0}]}],
        [{"prompt": "2 + 2 =", "completion": "4"}],
    ]

    min_chars: int = option(1, "Fewest visible characters that count as text.")

    def _shows(self, text: pl.Expr) -> pl.Expr:
        if self.min_chars > _FEW:
            return text.str.replace_all(f"[{_INVISIBLE}]+", "").str.len_chars() >= self.min_chars
        # Stops at the first characters that show, where counting them would read every text to its end.
        some = f"{{{max(self.min_chars, 0)}}}"
        return text.str.contains(rf"^[{_INVISIBLE}]*(?:[^{_INVISIBLE}][{_INVISIBLE}]*){some}")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        shows = self._shows(pl.col("content")).fill_null(value=False)
        rows = chunk.turns.select(pl.col("row").filter(~shows)).to_series()
        if rows.is_empty():
            return none()
        turns = chunk.turns.filter(pl.col("row").is_in(rows.implode())).with_columns(shows=shows)
        trained, talk = pl.col("trained"), pl.col("field") == "messages"
        # An empty instruction with a filled input is a prompt: one cell that shows is enough for all of it.
        filled = pl.col("shows").any().over("row", talk, "role")
        asks = (pl.col("role") == "user") & (talk | ~filled & (pl.col("field") != "input"))
        # A null cell is a missing field (FMT005); a null message is an empty one.
        given = pl.col("content").is_not_null() | talk
        silent = pl.col("calls").is_null() & pl.col("reasoning").fill_null("").str.strip_chars().eq("")
        empty = turns.filter(~pl.col("shows") & (trained | asks) & given & silent)
        return empty.select(
            "row",
            "pointer",
            n=pl.col("content").fill_null("").str.replace_all(rf"[{_INVISIBLE}]+", "").str.len_chars(),
            side=pl.when(trained).then(pl.lit("the trained side")).otherwise(pl.lit("the prompt")),
            severity=pl.when(trained).then(pl.lit("error")).otherwise(pl.lit("warning")),
        )
