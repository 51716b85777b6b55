"""TOK002."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Rule, Sample, none
from datalint.training import TrainedText

_WORDS = (
    '{"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"}, '
    '"model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}}'
)
_TEMPLATE = "{% for m in messages %}<{{ m.role }}> {{ m.content }} <end>\n{% endfor %}"


def _sample(rows: list[dict[str, Any]], **options: Any) -> Sample:
    files = {
        "train.jsonl": rows,
        "tokenizer/tokenizer.json": _WORDS,
        "tokenizer/chat_template.jinja": _TEMPLATE,
    }
    return Sample(files, {"tokenizer": "tokenizer", "max_length": 10, **options})


def _talk(*contents: str) -> list[dict[str, Any]]:
    roles = ("system", "user", "assistant")
    return [{"messages": [{"role": r, "content": c} for r, c in zip(roles, contents, strict=True)]}]


_NOTHING = "no trained token is left"


@dataclass(frozen=True)
class AnswerTruncated(Rule):
    """The trainer's cut takes away the answer, or its end.

    ## What it does
    Tokenizes each row as the trainer does, cuts it at `--max-length` keeping the start, and looks at what is
    left of what the loss sees (`--loss`): nothing is an error; a last answer without its end is a warning.
    Rows with message lists are rendered by the chat template, others are prompt and completion, or the text.
    Rows of no more bytes than `--max-length` need no tokenizing.

    ## Why is this bad?
    Trainers skip a row without trained tokens in silence, or fail on a loss that is not a number; an answer
    without its end teaches the model not to stop.

    ## Example
    A system turn of 3,000 tokens and `--max-length 2048`.

    ## Fix safety
    Unsafe: a row without any trained token left is dropped. An answer that is only cut is left for a person.

    ## Options
    None.

    ## References
    unsloth issue #3019; TRL issues #1053, #3927 and #6548.
    """

    code, name = "TOK002", "answer-truncated"
    severity = "error"
    message = "{what}: {tokens} tokens, the trainer keeps the first {limit}"
    fix = Fix("drop", "unsafe")
    fix_title = "drops rows without a trained token"
    needs = ("tokenizer", "max-length")
    bad = [
        _sample(_talk("a b c d e f g h", "q", "r")),
        _sample(_talk("a", "b", "c d e f g h i")),
        _sample([{"prompt": "a b c d e f g h i j", "completion": " k"}]),
        _sample([{"text": "a b c d e f g h i j k"}]),
    ]
    good = [
        _sample(_talk("a", "b", "c")),
        _sample(_talk("a", "b", "a-long-word-that-has-more-bytes-than-the-limit")),
        _sample([{"prompt": "a b c d e f g h i", "completion": " j"}]),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """Rows that the cut hurts."""
        tokenizer, limit = chunk.target.tokenizer, chunk.target.max_length
        if tokenizer is None or limit is None:
            return none()
        texts = chunk.trained
        found = []
        for plain in (True, False):
            some = [t for t in texts if t.plain == plain and not tokenizer.fits(t.text, limit, added=plain)]
            encoded = tokenizer.encode([t.text for t in some], add_special_tokens=plain)
            for text, tokens in zip(some, encoded, strict=True):
                kept = max((end for _, end in tokens.offsets[:limit]), default=0)
                what = _hurt(text, kept) if len(tokens.ids) > limit else None
                if what is not None:
                    fault = ("error", "drop", text.first) if what == _NOTHING else ("warning", None, text.last)
                    found.append((text.row, what, len(tokens.ids), limit, *fault))
        names = ("row", "what", "tokens", "limit", "severity", "fix_kind", "pointer")
        types = (pl.UInt32, pl.String, pl.Int64, pl.Int64, pl.String, pl.String, pl.String)
        frame = pl.DataFrame(found, schema=dict(zip(names, types, strict=True)), orient="row")
        # Both sides of a preference row can be too long: the worse one counts.
        return frame.sort("row", "severity").unique("row", keep="first", maintain_order=True)


def _hurt(text: TrainedText, kept: int) -> str | None:
    if min(start for start, _ in text.spans) >= kept:
        return _NOTHING
    return f"the end of the {text.tail} is cut" if text.spans[-1][1] > kept else None
