"""White space around the texts of messages, and what a template makes of it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from datalint.chunk import Chunk
from datalint.tokens import Conversation, Rendered, RenderError, render_rows
from datalint.views.conversation import Dialogue
from datalint_rules.tpl.parts import turn_of
from datalint_rules.tpl.thoughts import spoken


class Edge(NamedTuple):
    """White space around a text of a message; `before` is what stands before it, reasoning with its line ends."""

    message: int
    block: int | None
    before: str
    lead: str
    core: str
    trail: str

    def pointer(self, dialogue: Dialogue) -> str:
        place = dialogue.contents[self.message]
        return place if self.block is None else f"{place}/{self.block}/text"

    def whose(self, dialogue: Dialogue) -> str:
        return turn_of(dialogue.conversation.messages[self.message].get("role"))

    def start(self) -> str:
        return f"ZqS{self.message}Z{self.block}Z"

    def end(self) -> str:
        return f"ZqE{self.message}Z{self.block}Z"


def edges_of(dialogue: Dialogue) -> Iterator[Edge]:
    """The texts of a conversation with the white space around them; blank ones are left out."""
    for index, message in enumerate(dialogue.conversation.messages):
        content, answer = message.get("content"), message.get("role") == "assistant"
        if isinstance(content, str):
            yield from _edge(index, None, content, answer=answer)
        elif isinstance(content, list):
            for number, block in enumerate(content):
                text = block.get("text") if isinstance(block, dict) else None
                if isinstance(text, str):
                    yield from _edge(index, number, text, answer=answer)


def _edge(message: int, block: int | None, text: str, *, answer: bool) -> Iterator[Edge]:
    before, piece = "", text
    if answer and "<" in text:
        piece = spoken(text)[-1]
        piece = piece if len(piece) == len(text) else piece.lstrip("\n")
        before = text[: len(text) - len(piece)]
    core = piece.strip()
    if core:
        lead = piece[: len(piece) - len(piece.lstrip())]
        yield Edge(message, block, before, lead, core, piece[len(lead) + len(core) :])


def is_changed_inside(core: str, text: str) -> bool:
    """Whether a render holds a text only with other white space."""
    return core not in text and " ".join(core.split()) in " ".join(text.split())


def fates_of(chunk: Chunk, some: list[tuple[Dialogue, list[Edge]]]) -> list[list[tuple[str, str]]]:
    """What becomes of the white space at the start and at the end of each text: kept, partly, lost."""
    template = chunk.target.template
    if template is None or not some:
        return []
    with_edges, without = (
        render_rows(template, [_marked(dialogue, edges, bare=bare) for dialogue, edges in some])
        for bare in (False, True)
    )
    return [
        [(_before(one, other, edge), _after(one, other, edge)) for edge in edges]
        for (_, edges), one, other in zip(some, with_edges, without, strict=True)
    ]


def _before(one: Rendered | RenderError, other: Rendered | RenderError, edge: Edge) -> str:
    texts = [result.text.partition(edge.start()) for result in (one, other) if isinstance(result, Rendered)]
    return _fate([before[::-1] for before, mark, _ in texts if mark], edge.lead[::-1])


def _after(one: Rendered | RenderError, other: Rendered | RenderError, edge: Edge) -> str:
    texts = [result.text.partition(edge.end()) for result in (one, other) if isinstance(result, Rendered)]
    return _fate([after for _, mark, after in texts if mark], edge.trail)


def _fate(texts: list[str], white: str) -> str:
    """What became of white space: two texts that begin where it stands, rendered with it and without."""
    if not white or len(texts) < 2:
        return "kept"
    one, other = (text[: len(white) + 1] for text in texts)
    if one == other:
        return "lost"
    left, own = (len(text) - len(text.lstrip()) for text in texts)
    # A template that writes JSON has signs for white space here.
    same = texts[0][left : left + 4] == texts[1][own : own + 4]
    return "partly" if same and own < left < own + len(white) else "kept"


def _marked(dialogue: Dialogue, edges: list[Edge], *, bare: bool) -> Conversation:
    """A copy of the conversation with marks around the texts, inside of their white space or in its place."""
    messages = list(dialogue.conversation.messages)
    for edge in edges:
        marked = edge.start() + edge.core + edge.end()
        text = edge.before + (marked if bare else edge.lead + marked + edge.trail)
        message = messages[edge.message]
        if edge.block is None:
            messages[edge.message] = {**message, "content": text}
        else:
            blocks = list(message["content"])
            blocks[edge.block] = {**blocks[edge.block], "text": text}
            messages[edge.message] = {**message, "content": blocks}
    return replace(dialogue.conversation, messages=messages)
