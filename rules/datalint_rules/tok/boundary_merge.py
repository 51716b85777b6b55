"""TOK007."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.brief import part
from datalint.chunk import Chunk
from datalint.location import pointer
from datalint.rule import Fix, Found, Rule, Sample, none
from datalint.tokens import Tokenizer
from datalint_rules.tok.seams import has_seams, last_seam, next_seam

_SHOWN = 20  # characters on each side of the boundary
# Bytes as GPT-2 writes them (" " is Ġ, a line feed Ċ); tokens of their own: " yes", ":\n" and "\n\n".
_BYTES = '{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}'
_PIECES = ["Ġ", "y", "e", "s", ":", "A", "Ċ", "n", "o", "ye", "yes", "Ġyes", "ĊĊ"]
_VOCABULARY = ", ".join(f'"{piece}": {number}' for number, piece in enumerate(_PIECES))
_TOKENIZER = (
    f'{{"version": "1.0", "added_tokens": [], "pre_tokenizer": {_BYTES}, "model": {{"type": "BPE", '
    f'"vocab": {{{_VOCABULARY}}}, "merges": [["y", "e"], ["ye", "s"], ["Ġ", "yes"], ["Ċ", "Ċ"]]}}}}'
)


def _sample(prompt: str, completion: str) -> Sample:
    rows = [{"prompt": prompt, "completion": completion}]
    return Sample({"train.jsonl": rows, "model/tokenizer.json": _TOKENIZER}, {"tokenizer": "model"})


@dataclass(frozen=True)
class BoundaryMerge(Rule):
    """A token reaches over the boundary of prompt and completion, so the prompt alone has other tokens.

    ## What it does
    Tokenizes prompt and completion together, as trainers do, and the prompt alone, as at the time of use, and
    reports rows whose prompt's tokens are not the first ones of both. Only rows of strings: where there are
    messages, the chat template makes the boundary (TPL007). Where the tokenizer is known to cut at spaces, only
    the words around the boundary are tokenized.

    ## Why is this bad?
    The trainer finds the end of the prompt by counting its tokens, so it masks a token of the answer or trains one
    of the prompt. And the model learns to go on after tokens that it never gets: after `"Answer: "` it has learnt
    nothing, since in training the space was part of `" yes"`.

    ## Example
    The prompt `"Answer: "` and the completion `"yes"`; better: `"Answer:"` and `" yes"`.

    ## Fix safety
    Safe: white space at the end of the prompt goes to the beginning of the completion, so that both together are the
    same text. Only where that mends the boundary and leaves a prompt; other boundaries are left for a person.

    ## Options
    None.

    ## References
    TRL issue #1153 and the warning of its SFTTrainer; OpenAI's advice to begin completions with a space.
    """

    code, name = "TOK007", "boundary-merge"
    severity = "warning"
    message = "the tokenizer joins the end of the prompt {tail} and the start of the completion {head}"
    needs = ("tokenizer",)
    fix = Fix("rewrite", "safe")
    fix_title = "moves white space from the prompt's end to the completion"
    bad = [_sample("yes: ", "yes"), _sample("A:\n", "\n yes"), _sample("A: y", "es")]
    good = [
        _sample("yes:", " yes"),
        _sample("A:\n", "yes"),
        _sample("no ", "\n"),
        _sample("", "yes"),
        Sample(
            {
                "train.jsonl": [{"instruction": "yes: ", "input": "", "output": "yes"}],
                "model/tokenizer.json": _TOKENIZER,
            },
            {"tokenizer": "model"},
        ),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """A finding for each row whose boundary is inside of a token."""
        tokenizer = chunk.target.tokenizer
        if tokenizer is None:
            return none()
        rows = list(_string_pairs(chunk))
        local = has_seams(tokenizer)
        inside = _inside(
            tokenizer, [(prompt + completion, len(prompt)) for _, _, prompt, completion in rows], local=local
        )
        hits = [row for row, hit in zip(rows, inside, strict=True) if hit]
        # What can be moved, in the order of trial: spaces alone, then line feeds too.
        moves = [(number, n) for number, (_, _, prompt, _) in enumerate(hits) for n in _movable(prompt)]
        places = [(hits[number][2] + hits[number][3], len(hits[number][2]) - n) for number, n in moves]
        still = _inside(tokenizer, places, local=local)
        mended = {number: n for (number, n), merges in reversed(list(zip(moves, still, strict=True))) if not merges}
        found = []
        for number, (row, columns, prompt, completion) in enumerate(hits):
            start, kind = len(prompt) - mended.get(number, 0), "rewrite" if number in mended else None
            sides = repr(part(prompt, max(len(prompt) - _SHOWN, 0))), repr(part(completion, 0, _SHOWN))
            found.append((row, pointer(columns[0]), start, len(prompt), *sides, *columns, kind))
        names = ("row", "pointer", "start", "end", "tail", "head", "prompt", "completion", "fix_kind")
        types = (pl.UInt32, pl.String, pl.UInt32, pl.UInt32, *[pl.String] * 5)
        return pl.DataFrame(found, schema=dict(zip(names, types, strict=True)), orient="row")

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        """The row with the end of its prompt moved, if the prompt is still the one that was found."""
        for one in found:
            first, second = one.args["prompt"], one.args["completion"]
            prompt, completion = row.get(first), row.get(second)
            if not isinstance(prompt, str) or not isinstance(completion, str):
                continue
            # Once its end has moved, the prompt is shorter than it was found.
            if len(prompt) == one.end and not prompt[one.start :].strip():
                row = {**row, first: prompt[: one.start], second: prompt[one.start :] + completion}
        return row


def _string_pairs(chunk: Chunk) -> Iterator[tuple[int, tuple[str, str], str, str]]:
    """(row, (prompt column, completion column), prompt, completion) of rows where both are text and go together.

    Only columns of these names, or that the user calls so: what is named otherwise no trainer joins as it is.
    """
    for row, (value, shape) in enumerate(zip(chunk.values, chunk.shapes, strict=True)):
        if value is not None and shape is not None and shape.format == "prompt-completion":
            columns = shape.fields["prompt"], shape.fields["completion"]
            prompt, completion = value[columns[0]], value[columns[1]]
            named = all(at in (name, chunk.columns.get(name)) for name, at in shape.fields.items())
            if named and isinstance(prompt, str) and isinstance(completion, str) and prompt and completion:
                yield row, columns, prompt, completion


def _movable(prompt: str) -> list[int]:
    """How many characters of white space can be moved from the end of a prompt, in the order of trial."""
    counts = dict.fromkeys(len(prompt) - len(prompt.rstrip(blanks)) for blanks in (" \t", None))
    return [n for n in counts if n and prompt[:-n].strip()]


def _inside(tokenizer: Tokenizer, places: Sequence[tuple[str, int]], *, local: bool) -> list[bool]:
    """Whether the tokens of text[:at] are not the first ones of text, for each (text, at)."""
    windows = [_window(text, at) if local else (text[:at], text) for text, at in places]
    known = dict.fromkeys(side for window in windows for side in window)
    ids = dict(zip(known, tokenizer.ids(list(known)), strict=True))
    return [ids[whole][: len(ids[first])] != ids[first] for first, whole in windows]


def _window(text: str, at: int) -> tuple[str, str]:
    """What of text[:at] and of the text can differ: that between the seams around `at`."""
    end = next_seam(text, at)
    start = at if end == at else last_seam(text, at)
    return text[start:at], text[start:end]
