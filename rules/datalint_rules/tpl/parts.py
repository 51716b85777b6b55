"""What a template must show of a conversation, and the same conversation with a tag in each such part.

A text that is missing from a render is easily seen, unless it is short or stands elsewhere too: the name of a
tool in the list of tools, the answer in the question. A tag stands nowhere else.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from datalint.chunk import Chunk
from datalint.tokens import Conversation, Rendered, render_rows
from datalint.views.conversation import Dialogue
from datalint.views.turns import REASONING_KEYS
from datalint_rules.tpl.thoughts import spoken, thoughts

_TOOLS_TAG = "ZqTools"


class Part(NamedTuple):
    """Something that must be in the render: all values of one of `groups`.

    `key` is the same in all conversations of one form; `tag` is None where the part carries none. `thought` is the
    number of the message whose reasoning this is.
    """

    key: tuple[Any, ...]
    pointer: str
    what: str
    groups: list[list[Any]]
    tag: str | None = None
    thought: int | None = None


def form_of(dialogue: Dialogue) -> tuple[Any, ...]:
    """What a template can tell of a conversation beside its texts: templates drop by form."""
    talk = dialogue.conversation
    messages = [(m.get("role"), *_types(m), len(_calls(m))) for m in talk.messages]
    variables = repr([pair for pair in talk.variables.items() if pair[0] != "documents"]) if talk.variables else ""
    return bool(talk.tools), variables, *messages


def _types(message: dict[str, Any]) -> tuple[Any, ...]:
    return tuple((key, type(value), bool(value)) for key, value in message.items())


def _calls(message: dict[str, Any]) -> list[Any]:
    calls = message.get("tool_calls")
    return calls if isinstance(calls, list) else []


def losses(chunk: Chunk) -> list[tuple[Dialogue, Part]]:
    """Each part of a conversation that its render does not show. For `Chunk.once`."""
    seen = [(dialogue, result.text) for dialogue, result in chunk.rendered if isinstance(result, Rendered)]
    parts = [parts_of(dialogue) for dialogue, _ in seen]
    lost = [{part.key for part in some if not _shows(text, part)} for (_, text), some in zip(seen, parts, strict=True)]
    # One tagged conversation of each form tells what the template drops; rows where that would be news are
    # tagged themselves, since templates also look into texts.
    forms = [form_of(dialogue) for dialogue, _ in seen]
    first = {form: number for number, form in reversed(list(enumerate(forms)))}
    dropped = dict(zip(first, _dropped(chunk, [(seen[n][0], parts[n]) for n in first.values()]), strict=True))
    doubtful = [number for number, form in enumerate(forms) if dropped[form] - lost[number]]
    for number, keys in zip(doubtful, _dropped(chunk, [(seen[n][0], parts[n]) for n in doubtful]), strict=True):
        lost[number] |= keys
    return [
        (dialogue, part)
        for (dialogue, _), some, keys in zip(seen, parts, lost, strict=True)
        for part in (some if keys else ())
        # A call that is dropped takes its arguments along.
        if part.key in keys and not (len(part.key) > 2 and part.key[:2] in keys)
    ]


def _dropped(chunk: Chunk, some: list[tuple[Dialogue, list[Part]]]) -> list[set[tuple[Any, ...]]]:
    """Keys of the parts whose tags are not in the render of the tagged conversation; none where that raises."""
    template = chunk.target.template
    assert template is not None or not some
    renders = render_rows(template, [tagged(dialogue) for dialogue, _ in some]) if template and some else []
    return [
        {part.key for part in parts if part.tag is not None and part.tag not in result.text}
        if isinstance(result, Rendered)
        else set()
        for (_, parts), result in zip(some, renders, strict=True)
    ]


def parts_of(dialogue: Dialogue) -> list[Part]:
    """The parts of a conversation."""
    parts: list[Part] = []
    for index, (message, place) in enumerate(zip(dialogue.conversation.messages, dialogue.contents, strict=True)):
        content, role = message.get("content"), message.get("role")
        answer = role == "assistant"
        what = "the tool result" if role == "tool" else f"the content of {turn_of(role)}"
        if len(message) == 2 and type(content) is str and not (answer and "<" in content):
            # The plain message, by far the most frequent one.
            if content and not content.isspace():
                parts.append(Part((index,), place, what, [[content]], f"ZqC{index}Z"))
            continue
        values = list(_texts(content, answer=answer))
        if any(str(value).strip() for value in values):
            holds = isinstance(content, str) or (isinstance(content, list) and any(map(_has_text, content)))
            parts.append(Part((index,), place, what, [values], f"ZqC{index}Z" if holds else None))
        if answer:
            parts += _reasoning(index, message, place)
        if _calls(message):
            base = place.rpartition("/")[0] + "/tool_calls/"
            for number, call in enumerate(_calls(message)):
                parts += _parts_of_call(call, (index, number), place if dialogue.mapped else f"{base}{number}")
    tools = dialogue.conversation.tools or []
    names = [[name] for tool in tools if isinstance(name := function_of(tool).get("name"), str)]
    return [*parts, Part((), "/tools", "the list of tools", names, _TOOLS_TAG)] if names else parts


def turn_of(role: Any) -> str:
    """What a message is called in a finding."""
    return "the turn without a role" if role is None else f"the {role} turn"


def tagged(dialogue: Dialogue) -> Conversation:
    """A copy of a conversation that carries the tags of its parts."""
    messages = []
    for index, message in enumerate(dialogue.conversation.messages):
        answer = message.get("role") == "assistant"
        copy = (
            {**message, "content": _tagged(message["content"], index, answer=answer)}
            if "content" in message
            else message
        )
        if answer:
            said = {key: f"{text} ZqK{index}Z" for key in REASONING_KEYS if _is_text(text := message.get(key))}
            copy = {**copy, **said}
        if _calls(message):
            calls = enumerate(_calls(message))
            copy = {**copy, "tool_calls": [_renamed(call, _call_tag(index, number)) for number, call in calls]}
        messages.append(copy)
    tools = dialogue.conversation.tools
    return replace(dialogue.conversation, messages=messages, tools=tools and [_renamed(t, _TOOLS_TAG) for t in tools])


def _call_tag(index: int, number: int) -> str:
    return f"ZqT{index}Z{number}Z"


def _reasoning(index: int, message: dict[str, Any], place: str) -> Iterator[Part]:
    """The reasoning of an answer: between tags, in blocks, and under keys of its own."""
    content = message.get("content")
    texts = [content] if isinstance(content, str) else []
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    texts += [text for block in blocks if not _thinks(block) and isinstance(text := block.get("text"), str)]
    inside = [text[span.inside : span.outside] for text in texts for span in thoughts(text)]
    inside += [text for block in blocks if _thinks(block) for text in _thinking(block)]
    if any(text.strip() for text in inside):
        yield Part(("inside", index), place, "reasoning", [inside], f"ZqR{index}Z", index)
    said = [(key, text) for key in REASONING_KEYS if _is_text(text := message.get(key))]
    if said:
        # They are names of one thing: a template gets the first of them.
        beside = f"{place.rpartition('/')[0]}/{said[0][0]}"
        yield Part(("beside", index), beside, "reasoning", [[text] for _, text in said], f"ZqK{index}Z", index)


def _thinks(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") in ("thinking", "reasoning")


def _thinking(block: dict[str, Any]) -> list[str]:
    return [text for key in ("thinking", "reasoning", "text") if isinstance(text := block.get(key), str)][:1]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _tagged(content: Any, index: int, *, answer: bool) -> Any:
    if _is_text(content):
        return _with_tags(content, index) if answer else f"{content} ZqC{index}Z"
    if isinstance(content, list):
        return [_tagged_block(block, index, answer=answer) if isinstance(block, dict) else block for block in content]
    return content


def _tagged_block(block: dict[str, Any], index: int, *, answer: bool) -> dict[str, Any]:
    if answer and _thinks(block):
        return {
            **block,
            **{key: f"{block[key]} ZqR{index}Z" for key in ("thinking", "reasoning", "text") if key in block},
        }
    return {**block, "text": _tagged(block["text"], index, answer=answer)} if _has_text(block) else block


def _with_tags(text: str, index: int) -> str:
    """An answer with a tag at the end of its reasoning and one at the end of what it says."""
    pieces, spans = spoken(text), thoughts(text)
    last = max((number for number, piece in enumerate(pieces) if piece.strip()), default=len(pieces) - 1)
    pieces[last] = f"{pieces[last]} ZqC{index}Z"
    inner = [
        text[s.start : s.inside] + text[s.inside : s.outside] + f" ZqR{index}Z" + text[s.outside : s.end] for s in spans
    ]
    return "".join(piece + thought for piece, thought in zip(pieces, [*inner, ""], strict=True))


def _has_text(block: Any) -> bool:
    return isinstance(block, dict) and isinstance(block.get("text"), str)


def _parts_of_call(call: Any, key: tuple[int, int], pointer: str) -> Iterator[Part]:
    name, arguments = function_of(call).get("name"), function_of(call).get("arguments")
    if not isinstance(name, str):
        return
    yield Part(key, pointer, f"the tool call {name}", [[name]], _call_tag(*key))
    raw = [[arguments]] if isinstance(arguments, str) else []
    values = _decoded(arguments) if isinstance(arguments, str) else arguments
    for argument, value in values.items() if isinstance(values, dict) else []:
        what = f"the argument {argument} of the tool call {name}"
        yield Part((*key, argument), pointer, what, [*raw, list(_leaves(value))])


def function_of(item: Any) -> dict[str, Any]:
    """The function of a tool or tool call, wrapped as the API has it or bare."""
    inner = item.get("function", item) if isinstance(item, dict) else None
    return inner if isinstance(inner, dict) else {}


def _renamed(item: Any, tag: str) -> Any:
    name = function_of(item).get("name")
    if not isinstance(name, str):
        return item
    if isinstance(item.get("function"), dict):
        return {**item, "function": {**item["function"], "name": name + tag}}
    return {**item, "name": name + tag}


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return {"(all)": text}  # TOOL001's


def _texts(content: Any, *, answer: bool) -> Iterator[Any]:
    """The texts of a message, reasoning left out of an assistant's."""
    if isinstance(content, str):
        yield from spoken(content) if answer and "<" in content else [content]
    elif isinstance(content, list):
        blocks = [b.get("text") if isinstance(b, dict) else b for b in content if not (answer and _thinks(b))]
        yield from (text for block in blocks if block is not None for text in _texts(block, answer=answer))
    else:
        yield from _leaves(content)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    elif value is not None:
        yield value


def _shows(text: str, part: Part) -> bool:
    """Whether a rendered text holds the part; white space is collapsed, escapes are allowed for."""
    return any(all(_is_in(text, value) for value in group) for group in part.groups)


def _is_in(text: str, value: Any) -> bool:
    if str(value).strip() in text:
        return True
    folded = " ".join(text.split())
    return any(" ".join(form.split()) in folded for form in _forms(value))


def _forms(value: Any) -> list[str]:
    """How templates write a value: as it is, in JSON once or twice, as Python shows it."""
    if not isinstance(value, str):
        return [json.dumps(value)]
    once = json.dumps(value, ensure_ascii=False)[1:-1]
    return [value, once, json.dumps(once, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1], repr(value)[1:-1]]
