"""What a trainer tokenizes of a row, and which characters of it the loss sees."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from datalint.conversation import Dialogue
from datalint.formats import Shape
from datalint.tokens import Rendered, RenderError
from datalint.turns import Turn, content_text

# Formats whose rows are strings that a trainer joins, and what it puts between them.
_JOINED = {"prompt-completion": "", "preference": "", "unpaired": "", "alpaca": "\n", "text": ""}


class TrainedText(NamedTuple):
    """One text of a row; `spans` are [start, end) characters, `tail` is what ends at the last of them."""

    row: int
    text: str
    spans: list[tuple[int, int]]
    first: str  # pointer to the first trained part
    last: str
    tail: str
    plain: bool  # no template: the tokenizer adds its own special tokens


def trained_texts(
    rendered: Sequence[tuple[Dialogue, Rendered | RenderError]],
    talks: set[int],
    shapes: Sequence[Shape | None],
    turn_lists: Sequence[list[Turn]],
    loss: str | None,
) -> Iterator[TrainedText]:
    """The texts of some rows: renders of rows with message lists, prompt and completion or the text of others.

    `talks` are the rows with message lists; they are left out where there is no template or it raises. Rows
    without a trained part are left out too. `loss` None is what fits: assistant for messages, else completion.
    """
    for dialogue, result in rendered:
        if isinstance(result, Rendered):
            yield from _of_dialogue(dialogue, result, loss or "assistant")
    for row, (shape, turns) in enumerate(zip(shapes, turn_lists, strict=True)):
        if shape is not None and shape.format in _JOINED and row not in talks:
            yield from _of_strings(row, turns, _JOINED[shape.format], loss or "completion")


def _of_dialogue(dialogue: Dialogue, render: Rendered, loss: str) -> Iterator[TrainedText]:
    text, end = render.text, len(render.text.rstrip())
    trained = [index for index, sees in enumerate(dialogue.trained) if sees]
    if loss == "all" or not trained:
        spans = [(0, end)] if loss == "all" else []
        trained = list(range(len(dialogue.contents)))
    elif loss == "assistant" and render.spans:
        spans = list(render.spans)
    else:
        trained = trained[-1:] if loss == "completion" else trained
        places = _places(dialogue, text)
        spans = [place for index in trained if (place := places[index]) is not None]
        if spans and trained[-1] == len(dialogue.contents) - 1:
            spans[-1] = (spans[-1][0], end)  # what follows the last content ends the turn
    if spans:
        first, last = dialogue.contents[trained[0]], dialogue.contents[trained[-1]]
        yield TrainedText(dialogue.row, text, spans, first, last, "last answer", plain=False)


def _places(dialogue: Dialogue, text: str) -> list[tuple[int, int] | None]:
    """Where each message's content stands in the render, searched in the order of the messages."""
    places: list[tuple[int, int] | None] = []
    position = 0
    for message in dialogue.conversation.messages:
        place = None
        for part in _searched(message):
            start = text.find(part, position)
            if start >= 0:
                position = start + len(part)
                place = (start if place is None else place[0], position)
        places.append(place)
    return places


def _searched(message: dict[str, object]) -> list[str]:
    """Parts of a message that templates write as they are, in their order: content, then names of calls."""
    content = (content_text(message.get("content")) or "").rpartition("</think>")[2].strip()
    calls = message.get("tool_calls")
    functions = (
        [call.get("function", call) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    )
    names = [function.get("name") for function in functions if isinstance(function, dict)]
    return [part for part in (content, *names) if isinstance(part, str) and part]


def _of_strings(row: int, turns: list[Turn], joint: str, loss: str) -> Iterator[TrainedText]:
    before = joint.join(turn.content or "" for turn in turns if not turn.trained)
    for turn in turns:
        if turn.trained and turn.content:
            start = len(before + joint) if before else 0
            text = before + joint + turn.content if before else turn.content
            tail = "text" if turn.field == "text" else "last answer"
            span = (0 if loss == "all" else start, len(text))
            yield TrainedText(row, text, [span], turn.pointer, turn.pointer, tail, plain=True)
