"""TOK002."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from datalint.chunk import Chunk
from datalint.profiles import Profile
from datalint.rule import Fix, Rule, Sample, none
from datalint.tokens import Encoded
from datalint.views.training import TrainedText, kept_tokens, trained_tokens
from datalint_rules.tok.lengths import too_long

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
_KEEPS = {
    "keep-start": "keeps the first {:,}",
    "keep-end": "keeps the last {:,}",
    "drop": "drops rows of more than {:,}",
    "by-turn": "shortens the turns to {:,}",
}


@dataclass(frozen=True)
class AnswerTruncated(Rule):
    """The trainer's cut takes away the answer, or its end.

    ## What it does
    Tokenizes each row as the trainer does, cuts it at `--max-length`, and looks at what is left of what the loss
    sees (`--loss`): nothing is an error; a last answer without its end is a warning. Rows with message lists are
    rendered by the chat template, others are prompt and completion, or the text. The start of a row is kept, unless
    the profile says that the trainer keeps the end (where an answer always has its end), drops the row, shortens each
    turn, or loses nothing. An end token that the profile's trainer appends is cut like any other. Rows of no more
    bytes than `--max-length` need no tokenizing.

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
    message = "{what}: {tokens} tokens, the trainer {keeps}"
    fix = Fix("drop", "unsafe")
    fix_title = "drops rows without a trained token"
    needs = ("tokenizer", "max-length")
    bad = [
        _sample(_talk("a b c d e f g h", "q", "r")),
        _sample(_talk("a", "b", "c d e f g h i")),
        _sample([{"prompt": "a b c d e f g h i j", "completion": " k"}]),
        _sample([{"text": "a b c d e f g h i j k"}]),
        _sample(_talk("a", "b", "c d e f g h i"), profile="axolotl"),
    ]
    good = [
        _sample(_talk("a", "b", "c")),
        _sample(_talk("a", "b", "a-long-word-that-has-more-bytes-than-the-limit")),
        _sample([{"prompt": "a b c d e f g h i", "completion": " j"}]),
        _sample(_talk("a b c d e f g h", "q", "r"), profile="mistral-finetune"),
        _sample([{"prompt": "a b c d e f g h i j", "completion": " k"}], profile="llamafactory"),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """Rows that the cut hurts."""
        tokenizer, limit, trainer = chunk.target.tokenizer, chunk.target.max_length, chunk.target.trainer
        if tokenizer is None or limit is None or trainer.cut == "none":
            return none()
        texts = chunk.trained
        long = [texts[place] for place in too_long(tokenizer, [(text.text, text.plain) for text in texts], limit)]
        found = []
        for plain in (True, False):
            some = [text for text in long if text.plain == plain]
            encoded = tokenizer.encode([text.text for text in some], add_special_tokens=plain)
            for text, tokens in zip(some, encoded, strict=True):
                fault = _hurt(text, tokens, limit, trainer)
                if fault is not None:
                    found.append((text.row, *fault, len(tokens.spans), limit, _KEEPS[trainer.cut].format(limit)))
        names = ("row", "what", "severity", "fix_kind", "pointer", "tokens", "limit", "keeps")
        types = (pl.UInt32, pl.String, pl.String, pl.String, pl.String, pl.Int64, pl.Int64, pl.String)
        frame = pl.DataFrame(found, schema=dict(zip(names, types, strict=True)), orient="row")
        # Both sides of a preference row can be too long: the worse one counts.
        return frame.sort("row", "severity").unique("row", keep="first", maintain_order=True)


def _hurt(text: TrainedText, tokens: Encoded, limit: int, trainer: Profile) -> tuple[str, str, str | None, str] | None:
    """What, severity, kind of the fix, and place; None where the cut takes no answer or end of it."""
    trained = np.flatnonzero(trained_tokens(tokens.spans, text.spans))
    left = trained[kept_tokens(tokens.spans, text.spans, limit, trainer.cut)[trained]]
    if not left.size:
        what = f"{_NOTHING}, and the row is left out in silence" if trainer.drops_untrained else _NOTHING
        return what, "error", "drop", text.first
    if left[-1] < trained[-1]:
        return f"the end of the {text.tail} is cut", "warning", None, text.last
    return None
