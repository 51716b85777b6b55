"""TOK011."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, none, option
from datalint.tokens import Tokenizer
from datalint.views.training import TrainedText
from datalint_rules.tok.seams import has_seams, last_seam, next_seam, spells

# Rows whose text is what a trainer gets; what it puts around the fields of others, nobody can see here.
_FORMATS = frozenset({"chat", "sharegpt", "text", "prompt-completion"})
_SHOWN = 60
_WORDS = (
    '{"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"}, '
    '"model": {"type": "WordLevel", "unk_token": "?", "vocab": '
    '{"?": 0, "Answer:": 1, "yes": 2, "Answer:no": 3, "Question:": 4, "Reply:": 5}}}'
)
_TEMPLATE = "{% for m in messages %}{{ 'Question: ' if m.role == 'user' else 'Answer: ' }}{{ m.content }}\n{% endfor %}"
_TALK = {"messages": [{"role": "user", "content": "Warm?"}, {"role": "assistant", "content": "yes"}]}


def _sample(row: dict[str, Any], marker: str = "Answer:") -> Sample:
    files = {"train.jsonl": [row], "model/tokenizer.json": _WORDS, "model/chat_template.jinja": _TEMPLATE}
    return Sample(files, {"tokenizer": "model", "rules": {"TOK011": {"response-marker": marker}}})


@dataclass(frozen=True)
class ResponseMarkerMissing(Rule):
    """The tokens of the configured response marker are not among the row's.

    ## What it does
    Tokenizes the marker by itself, as trainers do that look for it, and looks for these tokens in each row as the
    trainer tokenizes it: messages as the chat template renders them, `text`, and prompt with completion. Says whether
    the text of the marker is missing or is there and has other tokens, and if so, whether the marker without the white
    space around it would be found. Rows of other formats are put together by the trainer and left out.

    ## Why is this bad?
    A trainer that finds no marker masks the whole row, with a warning in a log: nothing is learnt from it. A marker has
    other tokens in a text when its last characters go together with what follows (`": "` and `"yes"`), or its first
    ones with what stands before.

    ## Example
    `response-marker = "### Answer: "` and a text that goes on with `yes`: the space is part of the token ` yes`.

    ## Fix safety
    No fix: the marker or the text is wrong, and only a person knows which.

    ## Options
    - `response-marker`: the text after which the loss begins.

    ## References
    TRL issues #588, #598, #1183, #1820 and #1920; unsloth's train_on_responses_only.
    """

    code, name = "TOK011", "response-marker-missing"
    severity = "error"
    message = "the response marker {marker} {what}, so the trainer masks the whole row"
    needs = ("tokenizer",)
    bad = [
        _sample({"text": "Question: Warm? Answer:no"}),
        _sample({"text": "Question: Warm? yes"}),
        _sample({"prompt": "Question: Warm?", "completion": " yes"}),
        _sample(_TALK, "Reply:"),
    ]
    good = [
        _sample({"text": "Question: Warm? Answer: yes"}),
        _sample({"prompt": "Question: Warm? Answer:", "completion": " yes"}),
        _sample({"instruction": "Warm?", "input": "", "output": "yes"}),
        _sample(_TALK),
        _sample({"text": "Question: Warm?"}, ""),
    ]

    response_marker: str = option("", "The text after which the loss begins; nothing is checked without one.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """A finding for each row without the marker's tokens."""
        tokenizer, marker = chunk.target.tokenizer, self.response_marker
        if tokenizer is None or not marker:
            return none()
        trained = [text for text in chunk.trained if _format(chunk, text.row) in _FORMATS]
        forms = dict.fromkeys((marker, marker.rstrip(), marker.strip()))
        wanted = {form: ids for form, ids in zip(forms, tokenizer.ids(list(forms)), strict=True) if ids}
        found = []
        for text, pieces in zip(trained, _tokens(tokenizer, trained, marker), strict=True):
            there = [form for form, ids in wanted.items() if any(_holds(piece, ids) for piece in pieces)]
            if marker not in there:
                what = _why(text.text, marker, there)
                place = text.first if _format(chunk, text.row) == "text" else None
                found.append((text.row, place, repr(marker)[:_SHOWN], what))
        schema = {"row": pl.UInt32, "pointer": pl.String, "marker": pl.String, "what": pl.String}
        return pl.DataFrame(found, schema=schema, orient="row")


def _format(chunk: Chunk, row: int) -> str:
    shape = chunk.shapes[row]
    return "unknown" if shape is None else shape.format


def _why(text: str, marker: str, there: list[str]) -> str:
    if marker not in text:
        return "is not in the text"
    hint = f" ({there[0]!r} would be found)" if there else ""
    return f"is in the text, but has other tokens there than alone{hint}"


def _tokens(tokenizer: Tokenizer, trained: Sequence[TrainedText], marker: str) -> Iterator[list[list[int]]]:
    """Of each text, the tokens of all pieces of it that can hold those of the marker."""
    near = has_seams(tokenizer) and spells(tokenizer)
    pieces = [list(_around(text.text, marker)) if near else [text.text] for text in trained]
    known = dict.fromkeys(piece for some in pieces for piece in some)
    ids = dict(zip(known, tokenizer.ids(list(known)), strict=True))
    return ([ids[piece] for piece in some] for some in pieces)


def _around(text: str, marker: str) -> Iterator[str]:
    """The words around each place where the marker stands."""
    at = text.find(marker)
    while at >= 0:
        yield text[last_seam(text, at + 1) : next_seam(text, at + len(marker))]
        at = text.find(marker, at + 1)


def _holds(ids: list[int], wanted: list[int]) -> bool:
    """Whether `wanted` is a run of `ids`."""
    return any(ids[at : at + len(wanted)] == wanted for at, token in enumerate(ids) if token == wanted[0])
