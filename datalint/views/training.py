"""What a trainer tokenizes of a row, which characters of it the loss sees, and what is left of it after the cut."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from datalint.formats import Shape
from datalint.profiles import Cut
from datalint.target import Target
from datalint.tokens import Rendered, RenderError
from datalint.views.conversation import Dialogue
from datalint.views.turns import REASONING_KEYS, Turn, content_text, escape

Ints = np.ndarray[Any, np.dtype[np.int32]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Span = tuple[int, int]
Talk = tuple[Dialogue, Rendered | RenderError]

# Formats whose rows are strings that a trainer joins, and what it puts between them.
_JOINED = {"prompt-completion": "", "preference": "", "unpaired": "", "alpaca": "\n", "text": ""}
_CONVERSATIONS = ("chat", "sharegpt")  # formats without a side that is the answer
_ANSWERS = ("completion", "chosen", "rejected")
_CONTEXT = ("messages", "prompt")
_WORD = re.compile(r"\w+")
_LONG = 16  # characters of a text that stands by chance nowhere else


class TrainedText(NamedTuple):
    """One text of a row; `spans` are [start, end) characters, `tail` is what ends at the last of them."""

    row: int
    text: str
    spans: list[Span]
    first: str  # pointer to the first trained part
    last: str
    tail: str
    plain: bool  # no template: the tokenizer adds its own special tokens
    format: str = ""
    tools: bool = False  # the row declares tools


def trained_texts(
    rendered: Sequence[Talk],
    talks: set[int],
    shapes: Sequence[Shape | None],
    turn_lists: Sequence[list[Turn]],
    loss: str | None,
) -> Iterator[TrainedText]:
    """The texts of some rows: renders of rows with message lists, prompt and completion or the text of others.

    `talks` are the rows with message lists; they are left out where there is no template or it raises. Rows
    without a trained part are left out too. `loss` None is what fits: the assistant's turns of a conversation, the
    answer where a row has a side for it, all of a text.
    """
    for dialogue, result in rendered:
        shape = shapes[dialogue.row]
        if isinstance(result, Rendered) and shape is not None:
            fits = "assistant" if shape.format in _CONVERSATIONS else "completion"
            yield from _of_dialogue(dialogue, result, shape, loss or fits)
    for row, (shape, turns) in enumerate(zip(shapes, turn_lists, strict=True)):
        if shape is not None and shape.format in _JOINED and row not in talks:
            yield from _of_strings(row, turns, shape.format, loss or "completion")


def as_trained(text: TrainedText, target: Target) -> TrainedText:
    """The text as the target's trainer has it: its loss where the user named none, its end token. Idempotent."""
    trainer = target.trainer
    if target.loss is None and text.format in _CONVERSATIONS:
        if trainer.loss == "all":
            text = text._replace(spans=[(0, len(text.text.rstrip()))])
        elif trainer.loss == "completion" or (trainer.only_last_with_tools and text.tools):
            text = text._replace(spans=text.spans[-1:], first=text.last)
    eos = target.tokenizer.eos if text.plain and trainer.appends_eos and target.tokenizer is not None else None
    if eos and not text.text.endswith(eos):
        whole = text.text + eos
        text = text._replace(text=whole, spans=[*text.spans[:-1], (text.spans[-1][0], len(whole))])
    return text


def trained_tokens(tokens: Ints, spans: Sequence[Span]) -> Flags:
    """Which tokens the loss sees, shape [n], bool. `tokens` are the [start, end) characters of each, int32 [n, 2].

    A token that stands for nothing in the text is the tokenizer's own; one at the very end ends what stands before it.
    """
    starts, ends = np.array(sorted(spans), dtype=np.int64).reshape(-1, 2).T
    place = np.searchsorted(ends, tokens[:, 0], side="right")
    begins = np.append(starts, np.iinfo(np.int64).max)[place]
    real = tokens[:, 0] < tokens[:, 1]
    seen = real & (begins < tokens[:, 1])
    last = int(np.flatnonzero(real)[-1]) if real.any() else -1
    seen[last + 1 :] = bool(seen[last]) if last >= 0 else False
    return seen


def kept_tokens(tokens: Ints, spans: Sequence[Span], limit: int, cut: Cut) -> Flags:
    """Which tokens of a text a trainer keeps, shape [n], bool; all where there are no more than `limit`.

    `tokens` are the [start, end) characters of each token, int32 [n, 2], `spans` the trained ones of the text.
    """
    total = len(tokens)
    kept = np.zeros(total, dtype=np.bool_)
    if total <= limit or cut == "none":
        kept[:] = True
    elif cut == "keep-start":
        kept[:limit] = True
    elif cut == "keep-end":
        kept[total - limit :] = True
    elif cut == "by-turn":
        for some in _by_turn(np.maximum.accumulate(tokens[:, 0]), spans, limit):
            kept[some] = True
    return kept


def _by_turn(starts: Ints, spans: Sequence[Span], limit: int) -> Iterator[slice]:
    """LLaMA-Factory's cut: each answer with what stands before it shares what is left, the shorter one whole."""
    before = 0
    for span in spans:
        first, after = (int(place) for place in np.searchsorted(starts, span))
        asked, told = first - before, after - first
        if told * 2 < limit:
            room = limit
        elif asked * 2 < limit:
            room = limit - asked
        else:
            room = limit * told // (asked + told)
        told = min(told, room)
        asked = min(asked, limit - told)
        yield from (slice(before, before + asked), slice(first, first + told))
        before, limit = after, limit - asked - told
        if limit <= 0:
            return


def _of_dialogue(dialogue: Dialogue, render: Rendered, shape: Shape, loss: str) -> Iterator[TrainedText]:
    text, last = render.text, len(dialogue.contents) - 1
    end = len(text.rstrip())
    trained = [index for index, sees in enumerate(dialogue.trained) if sees]
    if loss == "all":
        spans, trained = [(0, end)], list(range(last + 1))
    elif not trained:
        spans = []
    elif loss == "assistant" and render.spans:
        spans = list(render.spans)
    else:
        places = _places(dialogue, text)
        if loss == "completion":
            trained = _answer(dialogue, shape) or trained[-1:]
            spans = [(places[trained[0]][0], places[trained[-1]][1])]
            # What the template marks is exact; what it marks before the answer is not trained.
            spans = [span for span in render.spans if span[1] > spans[0][0]] or spans
        else:
            spans = [places[index] for index in trained]
        if trained[-1] == last and not render.spans:
            spans[-1] = (spans[-1][0], max(end, spans[-1][0]))  # what follows the last content ends the turn
        spans = [span for span in spans if span[0] < span[1]] or spans[-1:]
    if spans:
        first, final = dialogue.contents[trained[0]], dialogue.contents[trained[-1]]
        tools, form = bool(dialogue.conversation.tools), shape.format
        yield TrainedText(dialogue.row, text, spans, first, final, "last answer", plain=False, format=form, tools=tools)


def _answer(dialogue: Dialogue, shape: Shape) -> list[int]:
    """The messages of the side that is the answer; none where the row has but a conversation, or two whole ones."""
    if not any(field in shape.fields for field in _CONTEXT) or shape.format in _CONVERSATIONS:
        return []
    columns = tuple("/" + escape(shape.fields[field]) + "/" for field in _ANSWERS if field in shape.fields)
    return [index for index, place in enumerate(dialogue.contents) if place.startswith(columns)]


def _places(dialogue: Dialogue, text: str) -> list[Span]:
    """Where each message's content stands in the render.

    Searched in the order of the messages; behind a message that the template has changed beyond recognition, from
    the end as well, since a short text may stand in what was not recognised. Such a message fills its gap, if it left
    a trace there.
    """
    parts = [_searched(message) for message in dialogue.conversation.messages]
    places = _forward(parts, text)
    if None in places:
        doubtful = places.index(None)
        places[doubtful:] = _backward(parts[doubtful:], text, places[doubtful - 1] if doubtful else None)
    sizes = [1 + sum(map(len, wanted)) for wanted in parts]
    known: list[Span] = []
    for index, place in enumerate(places):
        if place is None:
            upto = next((number for number in range(index, len(places)) if places[number] is not None), len(places))
            after = len(text.rstrip()) if upto == len(places) else (places[upto] or (0, 0))[0]
            start = known[-1][1] if known else 0
            gap = text[start:after]
            # Several in one gap share it by their sizes. What leaves no trace in it is not rendered at all.
            size = len(gap) * sizes[index] // sum(sizes[index:upto])
            place = (start, start + size) if _leaves_trace(parts[index], gap) else (start + len(gap),) * 2
        known.append(place)
    return known


def _leaves_trace(wanted: Sequence[str], gap: str) -> bool:
    """Some word of what a message says stands in the gap."""
    folded = gap.casefold()
    return any(word in folded for part in wanted for word in _WORD.findall(part.casefold()))


def _forward(parts: Sequence[list[str]], text: str) -> list[Span | None]:
    places: list[Span | None] = []
    position = 0
    for wanted in parts:
        place = None
        for part in wanted:
            start, end = _find(text, part, position)
            if start >= 0:
                position = end
                place = (start if place is None else place[0], end)
        places.append(place)
    return places


def _backward(parts: Sequence[list[str]], text: str, before: Span | None) -> list[Span | None]:
    places: list[Span | None] = []
    floor, ceiling = before[1] if before else 0, len(text)
    for wanted in reversed(parts):
        place = None
        for part in reversed(wanted):
            form = next((form for form in _forms(part) if text.find(form, floor, ceiling) >= 0), None)
            if form is not None:
                ceiling = text.rfind(form, floor, ceiling)
                place = (ceiling, ceiling + len(form) if place is None else place[1])
        places.append(place)
    return places[::-1]


def _find(text: str, part: str, position: int) -> Span:
    """The next place of a text, as it is or escaped; of a short one rather where it is no part of a word."""
    for form in _forms(part):
        start = first = text.find(form, position)
        while len(form) < _LONG and start >= 0 and _within_word(text, start, start + len(form)):
            start = text.find(form, start + 1)
        start = first if start < 0 else start
        if start >= 0:
            return start, start + len(form)
    return -1, -1


def _within_word(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return (text[start].isalnum() and before.isalnum()) or (text[end - 1].isalnum() and after.isalnum())


def _forms(part: str) -> Iterator[str]:
    """A text as templates write it: as it is, or in JSON."""
    yield part
    if not part.isascii() or not part.isprintable() or '"' in part or "\\" in part:
        for ascii_only in (False, True):
            yield json.dumps(part, ensure_ascii=ascii_only)[1:-1]


def _searched(message: dict[str, Any]) -> list[str]:
    """Parts of a message that templates write as they are, in their order: reasoning, content, names of calls."""
    content = message.get("content")
    blocks = content if isinstance(content, list) else [content]
    texts = [block.get("text") if isinstance(block, dict) else content_text(block) for block in blocks]
    said = [piece for text in texts if isinstance(text, str) for piece in _thought(text)]
    reasoning = [message[key] for key in REASONING_KEYS if isinstance(message.get(key), str)][:1]
    calls = message.get("tool_calls")
    called = [call.get("function", call) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    names = [function.get("name") for function in called if isinstance(function, dict)]
    return [part.strip() for part in (*reasoning, *said, *names) if isinstance(part, str) and part.strip()]


def _thought(text: str) -> Iterator[str]:
    """Reasoning and answer apart: templates write the tags between them as they like, and may leave the former out."""
    before, tag, answer = text.rpartition("</think>")
    if tag:
        yield before.rpartition("<think>")[2]
    yield answer


def _of_strings(row: int, turns: list[Turn], form: str, loss: str) -> Iterator[TrainedText]:
    joint = _JOINED[form]
    before = joint.join(turn.content or "" for turn in turns if not turn.trained)
    for turn in turns:
        if turn.trained and turn.content:
            start = len(before + joint) if before else 0
            text = before + joint + turn.content if before else turn.content
            tail = "text" if turn.field == "text" else "last answer"
            span = (0 if loss == "all" else start, len(text))
            yield TrainedText(row, text, [span], turn.pointer, turn.pointer, tail, plain=True, format=form)
