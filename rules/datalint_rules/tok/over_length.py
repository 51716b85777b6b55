"""TOK001."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Rule, Sample, none
from datalint.tokens import Rendered
from datalint_rules.tok.lengths import too_long

_WORDS = (
    '{"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"}, '
    '"model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}}'
)
_SCHEMA = {"row": pl.UInt32, "tokens": pl.Int64}
_TEMPLATE = "{% for m in messages %}<{{ m.role }}> {{ m.content }} <end>\n{% endfor %}"


def _sample(*rows: dict[str, Any]) -> Sample:
    files = {
        "train.jsonl": list(rows),
        "tokenizer/tokenizer.json": _WORDS,
        "tokenizer/chat_template.jinja": _TEMPLATE,
    }
    return Sample(files, {"tokenizer": "tokenizer", "max_length": 8})


def _talk(asked: str, told: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": told}]}


@dataclass(frozen=True)
class OverLength(Rule):
    """A row has more tokens than the trainer takes.

    ## What it does
    Counts the tokens of each row as the trainer tokenizes it: rows with message lists as the chat template renders
    them, others as prompt and completion, or the text; of a preference row the longer side. More than `--max-length`
    are reported, as information only where the profile's trainer lets long rows continue in the next sequence. What is
    lost of such a row is told by TOK002. Rows of few bytes need no tokenizing.

    ## Why is this bad?
    The trainer cuts the row, or leaves it out: what is paid for and curated is not what is trained.

    ## Example
    A transcript of 30,000 tokens and `--max-length 8192`.

    ## Fix safety
    Unsafe: the row is dropped.

    ## Options
    None.

    ## References
    LLaMA-Factory and unsloth drop such rows with a log line; NeMo Curator's and OpenAI's length filters.
    """

    code, name = "TOK001", "over-length"
    severity = "error"
    message = "{tokens} tokens, the limit is {limit}"
    fix = Fix("drop", "unsafe")
    fix_title = "drops the row"
    needs = ("tokenizer", "max-length")
    bad = [
        _sample(_talk("a b c d", "e")),
        _sample({"prompt": "a b c d e f g h", "completion": " i"}),
        _sample({"text": "a b c d e f g h i"}),
        _sample({"prompt": "a b c d e", "chosen": " f", "rejected": " f g h i"}),
    ]
    good = [
        _sample(_talk("a b", "c d")),
        _sample({"prompt": "a b c d e f g", "completion": " h"}),
        _sample({"text": "a-word-of-many-bytes-is-one-token-of-this-tokenizer"}),
        _sample({"instruction": "a b c", "input": "d e f g", "output": "h"}),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        tokenizer, limit = chunk.target.tokenizer, chunk.target.max_length
        if tokenizer is None or limit is None:
            return none()
        rendered = [(talk.row, result.text, False) for talk, result in chunk.rendered if isinstance(result, Rendered)]
        strings = (text for text in chunk.trained if text.plain)
        texts = [*rendered, *((text.row, text.text, True) for text in strings)]
        long = [texts[place] for place in too_long(tokenizer, [text[1:] for text in texts], limit)]
        # Of rows so long few have to be counted again: what `over` has counted is remembered.
        counts = [tokenizer.count([text], add_special_tokens=plain).item() for _, text, plain in long]
        frame = pl.DataFrame({"row": [row for row, _, _ in long], "tokens": counts}, schema=_SCHEMA)
        split = chunk.target.trainer.cut == "none"
        return (
            frame.group_by("row", maintain_order=True)
            .max()
            .with_columns(
                limit=pl.lit(limit),
                severity=pl.lit("info" if split else "error"),
                fix_kind=pl.lit(None if split else "drop", dtype=pl.String),
            )
        )
