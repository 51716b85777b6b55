"""What to change in a message list that a template refuses; also how TPL001 finds out why it refuses.

Messages are dicts in the chat form (role, content) or the ShareGPT form (from, value). Each function returns
a new list, or None where there is nothing for it to change.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from datalint.chunk import Chunk
from datalint.location import parts
from datalint.tokens import Rendered, render_rows
from datalint.views.conversation import Dialogue
from datalint.views.turns import ROLES, content_text

Messages = list[dict[str, Any]]


def role_of(message: dict[str, Any]) -> Any:
    """The role that a message means; as written where it means none of ours."""
    said = message.get("role", message.get("from"))
    return ROLES.get(said, said) if isinstance(said, str) else said


def _key(message: dict[str, Any]) -> str:
    return "value" if "from" in message and "role" not in message else "content"


def _joined(first: Any, second: Any) -> Any:
    """Two contents as one: texts with a blank line between, lists of blocks end to end; None if neither."""
    if isinstance(first, str) and isinstance(second, str):
        return "\n\n".join(text for text in (first, second) if text)
    blocks = [[{"type": "text", "text": side}] if isinstance(side, str) else side for side in (first, second)]
    return blocks[0] + blocks[1] if all(isinstance(side, list) for side in blocks) else None


def without_system(messages: Messages) -> Messages | None:
    """Each system text put before the user turn that follows it, with a blank line between."""
    done: Messages = []
    waiting: Any = ""
    for message in messages:
        content = message.get(_key(message))
        if role_of(message) == "system":
            waiting = _joined(waiting, content)
        elif role_of(message) == "user" and waiting:
            done.append({**message, _key(message): _joined(waiting, content)})
            waiting = ""
        else:
            done.append(message)
    lost = waiting or any(message.get(_key(message), "") is None for message in done)
    return None if lost or waiting is None or len(done) == len(messages) else done


def alternating(messages: Messages) -> Messages | None:
    """Neighbours of one role made one turn, with a blank line between; turns with tool calls stay apart."""
    done: Messages = []
    for message in messages:
        before = done[-1] if done else {}
        both = _joined(before.get(_key(before)), message.get(_key(message))) if done else None
        same = role_of(before) == role_of(message) and role_of(message) in ("system", "user", "assistant")
        if same and both is not None and not _has_calls(before) and not _has_calls(message):
            done[-1] = {**before, _key(before): both}
        else:
            done.append(message)
    return None if len(done) == len(messages) else done


def _has_calls(message: dict[str, Any]) -> bool:
    return bool(message.get("tool_calls")) or message.get("from") == "function_call"


def both(messages: Messages) -> Messages | None:
    """Without system turns, and then alternating."""
    folded = without_system(messages)
    return None if folded is None else alternating(folded)


def other_arguments(messages: Messages) -> Messages | None:
    """Tool arguments in the other form: objects as JSON text, JSON text as objects."""
    done = [{**m, "tool_calls": [_turned(c) for c in m["tool_calls"]]} if _calls(m) else m for m in messages]
    return None if done == messages else done


def _calls(message: dict[str, Any]) -> bool:
    calls = message.get("tool_calls")
    return isinstance(calls, list) and all(isinstance(call, dict) for call in calls)


def _turned(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    if isinstance(function, dict):
        return {**call, "function": _turned(function)}
    arguments = call.get("arguments")
    if isinstance(arguments, str):
        try:
            return {**call, "arguments": msgspec.json.decode(arguments)}
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return call  # TOOL001's
    return {**call, "arguments": msgspec.json.encode(arguments).decode()} if arguments is not None else call


def without_null(messages: Messages) -> Messages | None:
    """Missing and null contents as empty text."""
    done = [m if m.get(_key(m)) is not None else {**m, _key(m): ""} for m in messages]
    return None if done == messages else done


def without_lists(messages: Messages) -> Messages | None:
    """Lists of content blocks as their text."""
    done = [{**m, _key(m): content_text(m[_key(m)])} if isinstance(m.get(_key(m)), list) else m for m in messages]
    return None if done == messages else done


def with_lists(messages: Messages) -> Messages | None:
    """Texts as lists of one content block, which templates of models that see images want."""
    texts = [isinstance(m.get(_key(m)), str) for m in messages]
    done = [
        {**m, _key(m): [{"type": "text", "text": m[_key(m)]}]} if text else m
        for m, text in zip(messages, texts, strict=True)
    ]
    return done if any(texts) else None


def without_tools(messages: Messages) -> Messages | None:
    """Without tool results and the calls before them."""
    done = [m for m in messages if role_of(m) != "tool" and not _has_calls(m)]
    return None if len(done) == len(messages) else alternating(done) or done


# In the order of asking: the first whose change lets the template render names the cause.
REPAIRS: Sequence[tuple[str, Callable[[Messages], Messages | None]]] = (
    ("system turn unsupported", without_system),
    ("turns do not alternate", alternating),
    ("system turn unsupported and turns do not alternate", both),
    ("form of tool arguments", other_arguments),
    ("null content", without_null),
    ("content is a list", without_lists),
    ("content is no list", with_lists),
    ("tool turns unsupported", without_tools),
)
FIXABLE = dict(REPAIRS[:3])


def causes_of(chunk: Chunk, failed: list[Dialogue]) -> dict[int, tuple[str, str | None]]:
    """By the id of a dialogue: what has to change for the template to render it, and where that begins.

    The place is None where the change cannot be made in the row: its messages stand in more than one column.
    """
    template = chunk.target.template
    assert template is not None
    left = [d for d in failed if all(isinstance(message, dict) for message in d.conversation.messages)]
    causes: dict[int, tuple[str, str | None]] = {id(d): ("the row as a whole", None) for d in failed}
    for cause, repair in REPAIRS:
        tried = [(d, repaired) for d in left if (repaired := repair(d.conversation.messages)) is not None]
        renders = render_rows(template, [replace(d.conversation, messages=repaired) for d, repaired in tried])
        for (dialogue, repaired), result in zip(tried, renders, strict=True):
            if isinstance(result, Rendered):
                causes[id(dialogue)] = cause, _place(dialogue, repaired, joined=repair is alternating)
        left = [d for d in left if causes[id(d)][1] is None and causes[id(d)][0] not in dict(REPAIRS)]
    return causes


def _place(dialogue: Dialogue, repaired: Messages, *, joined: bool) -> str | None:
    columns = {parts(pointer)[0] for pointer in dialogue.contents} - {"system"}
    if len(columns) > 1:
        return None
    pairs = zip(dialogue.conversation.messages, repaired, strict=False)
    changed = [at for at, (before, after) in enumerate(pairs) if before != after]
    # Of two turns that are made one, the second is the one at fault.
    places = [dialogue.contents[min(at + joined, len(dialogue.contents) - 1)] for at in changed]
    return next((pointer for pointer in places if pointer != "/system"), dialogue.contents[-1])
