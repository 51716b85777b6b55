"""Conversations as token ids, with the tokens that the loss sees."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from datalint.errors import InputError, TokenizerError
from datalint.formats import shape_of
from datalint.tokens import ChatTemplate, Conversation, Rendered, Tokenizer, load_template, load_tokenizer, render_rows
from datalint.views.conversation import dialogues_of
from datalint_trainer.rows import BoolArray, IntArray, Row

Span = tuple[int, int]
NEIGHBOURS = 8


@dataclass(frozen=True)
class Tokens:
    """One conversation.

    - ids: int (length,).
    - trained: bool (length,), what the assistant says, its end-of-turn tokens included.
    - answer: first token of the last trained answer; it ends where the trained tokens end.
    - trained_bytes, answer_bytes: UTF-8 bytes of all trained answers, and of the last one.
    """

    ids: IntArray
    trained: BoolArray
    answer: int
    trained_bytes: int
    answer_bytes: int

    @property
    def end(self) -> int:
        """One past the last trained token; what follows is nobody's answer."""
        return int(np.flatnonzero(self.trained)[-1]) + 1


@dataclass(frozen=True)
class Reader:
    """Renders rows with the model's own template and tokenizer, as its users will."""

    tokenizer: Tokenizer
    template: ChatTemplate
    columns: Mapping[str, str]

    @classmethod
    def load(
        cls,
        folder: Path,
        tokenizer: str | Path | None,
        chat_template: str | Path | None,
        columns: Mapping[str, str] | None,
    ) -> "Reader":
        """Raises TokenizerError if there is no tokenizer.json or no chat template."""
        where = Path(tokenizer) if tokenizer else folder
        loaded = load_tokenizer(where)
        if loaded is None:
            raise TokenizerError(f"{where}: has no tokenizer.json; name a folder that has one with --tokenizer")
        template = load_template(where, Path(chat_template) if chat_template else None)
        template.source(tools=False)
        return cls(loaded, template, columns or {})

    def read(self, rows: Sequence[Row], max_length: int) -> tuple[list[Tokens | None], Counter[str]]:
        """Tokens of each row, None for a row that cannot be trained on; and how often for which reason."""
        dialogues = [self._dialogue(row) for row in rows]
        spans = self._spans(dialogues)
        encoded = iter(self.tokenizer.encode([found[0] for found in spans if not isinstance(found, str)]))
        result: list[Tokens | None] = []
        reasons: Counter[str] = Counter()
        for (conversation, trained), found in zip(dialogues, spans, strict=True):
            tokens = found if isinstance(found, str) else _masked(next(encoded), found[1], conversation, trained)
            if not isinstance(tokens, str) and len(tokens.ids) > max_length:
                tokens = f"longer than {max_length:,} tokens"
            if isinstance(tokens, str):
                reasons[tokens] += 1
            result.append(None if isinstance(tokens, str) else tokens)
        return result, reasons

    def _dialogue(self, row: Row) -> tuple[Conversation, tuple[bool, ...]]:
        assert row.example is not None
        example = row.example
        shape = shape_of(example.value, self.columns, example.format)
        for dialogue in dialogues_of(example.row, example.value, shape, example.turns):
            return dialogue.conversation, dialogue.trained
        # Strings of Alpaca and prompt-completion files: what they say, in the roles that they mean.
        messages = [{"role": turn.role, "content": turn.content or ""} for turn in example.turns]
        return Conversation(messages), tuple(turn.trained for turn in example.turns)

    def _spans(self, dialogues: Sequence[tuple[Conversation, tuple[bool, ...]]]) -> list[tuple[str, list[Span]] | str]:
        """The rendered text of each dialogue and the characters that its trained messages take, or what is wrong.

        A message's characters are what rendering it adds to rendering the messages before it with a generation
        prompt. Templates for which that is not so (they rewrite earlier turns) mark nothing reliably.
        """
        jobs: list[Conversation] = []
        for conversation, trained in dialogues:
            jobs.append(conversation)
            for i in np.flatnonzero(trained).tolist():
                before = replace(conversation, messages=conversation.messages[:i], add_generation_prompt=True)
                jobs += [before, replace(conversation, messages=conversation.messages[: i + 1])]
        rendered = iter(render_rows(self.template, jobs))
        return [self._located(trained, rendered) for _, trained in dialogues]

    @staticmethod
    def _located(trained: Sequence[bool], rendered: Any) -> tuple[str, list[Span]] | str:
        whole, pairs = next(rendered), [(next(rendered), next(rendered)) for _ in range(sum(trained))]
        if not isinstance(whole, Rendered):
            return "not rendered by the chat template"
        spans = []
        for before, after in pairs:
            if not isinstance(before, Rendered) or not isinstance(after, Rendered):
                return "not rendered by the chat template"
            if not (whole.text.startswith(after.text) and after.text.startswith(before.text)):
                return "with earlier turns that the chat template rewrites"
            spans.append((len(before.text), len(after.text)))
        return whole.text, spans


def _masked(encoded: Any, spans: Sequence[Span], conversation: Conversation, trained: Sequence[bool]) -> Tokens | str:
    starts = np.array([start for start, _ in encoded.offsets], dtype=np.int64)
    ends = np.array([end for _, end in encoded.offsets], dtype=np.int64)
    inside = [(starts >= start) & (ends <= end) & (ends > starts) for start, end in spans]
    if not spans or not inside[-1].any() or not inside[-1].argmax():
        return "without a token of an answer"
    contents = [
        str(message.get("content") or "") for message, seen in zip(conversation.messages, trained, strict=True) if seen
    ]
    sizes = [len(content.encode(errors="surrogatepass")) for content in contents]
    if not sizes[-1]:
        return "with an empty answer"
    mask = np.logical_or.reduce(inside)
    return Tokens(np.array(encoded.ids, dtype=np.int64), mask, int(inside[-1].argmax()), sum(sizes), sizes[-1])


def padded(rows: Sequence[Tokens]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids int64 and trained bool of some rows, each (rows, longest).

    Padding goes to the right, where causal attention never looks; its value plays no part.
    """
    longest = max(len(row.ids) for row in rows)
    ids = np.stack([np.pad(row.ids, (0, longest - len(row.ids))) for row in rows])
    trained = np.stack([np.pad(row.trained, (0, longest - len(row.ids))) for row in rows])
    return torch.from_numpy(ids), torch.from_numpy(trained)


def swapped(tokens: Sequence[Tokens], group: IntArray, max_length: int) -> list[Tokens]:
    """Each row's last answer after another row's prompt: same answer tokens, prompts of nearly the same length.

    The other row is drawn, with a fixed seed, among the neighbours in prompt length that are no near copy. A prompt
    that is too long loses its beginning: an answer must never lose tokens to a longer foreign prompt, which would look
    like insensitivity.

    - group: int (rows,), near-copy groups of the prompts.
    """
    draw = np.random.default_rng(0)
    order = np.argsort([row.answer for row in tokens], kind="stable")
    result = list(tokens)
    for place, i in enumerate(order.tolist()):
        near = order[max(0, place - NEIGHBOURS) : place + NEIGHBOURS + 1]
        near = near[group[near] != group[i]]
        others = near if len(near) else np.flatnonzero(group != group[i])
        own, other = tokens[i], tokens[draw.choice(others)] if len(others) else tokens[i]
        answer = own.ids[own.answer : own.end]
        prompt = other.ids[: other.answer][-(max_length - len(answer)) :]
        ids = np.concatenate([prompt, answer])
        result[i] = replace(own, ids=ids, trained=np.arange(len(ids)) >= len(prompt), answer=len(prompt))
    return result


def check_vocabulary(reader: Reader, size: int) -> None:
    """Raises InputError if the tokenizer has ids that the model has no embedding for."""
    if reader.tokenizer.size > size:
        raise InputError(
            f"{reader.tokenizer.folder}: {reader.tokenizer.size:,} tokens, but the model has {size:,} embeddings; "
            "give the model's own tokenizer with --tokenizer"
        )
