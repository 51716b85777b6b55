"""What a provider refuses of one row, beyond what the rules about form report of every row.

Not here, since other rules tell it: an unknown role (FMT101), no answer (FMT102), turns in a row of one role (FMT104),
a second system turn (FMT105), a weight that is none (FMT106), further columns and keys (FMT006), tools without a name
(TOOL006), reserved words (FMT109).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from datalint.brief import part
from datalint.formats import Shape
from datalint.location import pointer
from datalint.profiles import Profile
from datalint.views.turns import as_text, role_of

# Columns that hold conversations, ours and the providers' own.
_TALKS = ("messages", "conversations", "interactions", "contents", "prompt", "completion", "chosen", "rejected")
_ANSWERS = ("preferred_output", "non_preferred_output")
_ROLES = ("system", "developer", "user", "assistant", "tool")  # other names are FMT101's
_ODD = {"user", "tool"}
_TYPES: Mapping[type, str] = {str: "text", dict: "an object", list: "a list"}


class Fault(NamedTuple):
    """Something a provider does not take: where, what it takes, and what is there."""

    pointer: str
    limit: str
    value: str


class _Talk(NamedTuple):
    place: tuple[str, ...]
    messages: Sequence[dict[str, Any]]  # what is no object counts as an empty one

    def at(self, index: int, *rest: str | int) -> str:
        return pointer(*self.place, index, *rest)


def column_fault(columns: Sequence[str], shape: Shape, profile: Profile) -> Fault | None:
    """The columns of a row are none of those that the profile takes, or those of two kinds of rows."""
    if not profile.columns:
        return None
    held = [kind for kind in profile.columns if set(kind) <= set(columns)]
    held = [kind for kind in held if not any(set(kind) < set(other) for other in held)]
    if len(held) == 1 or (held and shape.also):
        return None
    kinds = " or ".join("+".join(kind) for kind in profile.columns)
    return Fault("", f"takes rows of {kinds}", part(f"the columns are {', '.join(columns)}", 0, 120))


def row_faults(row: Mapping[str, Any], profile: Profile) -> Iterator[Fault]:
    """One fault for each kind of limit that the row violates."""
    talks = list(_talks(row))
    checks = (
        _roles(talks, profile) if profile.roles and "reference_answer" not in row else (),
        _order(talks, profile) if profile.turn_order else (),
        _prompt_end(row, profile) if profile.prompt_ends else (),
        _blocks(talks) if profile.content_blocks and "reference_answer" not in row else (),
        _reasoning(talks, profile) if profile.reasoning_roles else (),
        _ids(talks) if profile.tool_ids else (),
        _arguments(talks, profile) if profile.tool_arguments else (),
        _tool_names(row) if profile.unique_tools else (),
        _candidates(talks, profile.min_candidates) if profile.min_candidates else (),
        _single(row) if profile.single_answers else (),
        _chars(row, profile.max_chars) if profile.max_chars else (),
    )
    for check in checks:
        yield from list(check)[:1]


def _talks(row: Mapping[str, Any]) -> Iterator[_Talk]:
    cells: list[tuple[tuple[str, ...], Any]] = [((column,), row.get(column)) for column in (*_TALKS, *_ANSWERS)]
    asked = row.get("input")
    if isinstance(asked, dict):
        cells.append((("input", "messages"), asked.get("messages")))
    for place, cell in cells:
        if isinstance(cell, list) and any(isinstance(item, dict) for item in cell):
            yield _Talk(place, [item if isinstance(item, dict) else {} for item in cell])


def _said(message: Mapping[str, Any]) -> str:
    return as_text(message.get("role", message.get("from", "")))


def _roles(talks: Sequence[_Talk], profile: Profile) -> Iterator[Fault]:
    for talk in talks:
        for index, message in enumerate(talk.messages):
            said = _said(message)
            # In columns that no format of ours has nobody else looks at names.
            known = said in _ROLES or talk.place[0] in ("contents", "interactions")
            if said and known and said not in profile.roles:
                yield Fault(
                    talk.at(index), f"knows the roles {', '.join(profile.roles)}", f"this is {part(said, 0, 40)!r}"
                )


def _order(talks: Sequence[_Talk], profile: Profile) -> Iterator[Fault]:
    for talk in talks:
        roles = [role_of(_said(message)) for message in talk.messages]
        if profile.turn_order == "alternate":
            for index, (before, role) in enumerate(pairwise(roles)):
                if before == role == "tool":
                    yield Fault(talk.at(index + 1), "takes no two turns of one role in a row", "two tool results are")
        elif talk.place[0] in ("messages", "conversations"):
            yield from _odd_even(talk, roles)


def _odd_even(talk: _Talk, roles: Sequence[str]) -> Iterator[Fault]:
    """After the system turn: user or tool result, then the assistant. Results of one turn of OpenAI's form are one."""
    by_from = any("from" in message for message in talk.messages)
    first = int(roles[:1] == ["system"])
    position = 0
    for index, role in enumerate(roles[first:], first):
        before = roles[index - 1] if index > first else ""
        if role == "system":
            return  # FMT105's
        if role == before == "tool" and not by_from:
            continue
        if (role in _ODD) == (position % 2 == 1):
            # Repeated users and assistants, and an assistant that speaks first, are FMT104's.
            if before and (role != before or role == "tool"):
                limit = "takes a user or tool turn and an assistant's by turns and skips other rows"
                yield Fault(talk.at(index), limit, f"{_said(talk.messages[index])} follows {before}")
            return
        position += 1


def _prompt_end(row: Mapping[str, Any], profile: Profile) -> Iterator[Fault]:
    prompt = row.get("prompt")
    if isinstance(prompt, list) and prompt and isinstance(prompt[-1], dict):
        said = _said(prompt[-1])
        if said in _ROLES and said not in profile.prompt_ends:
            limit = f"takes prompts that end with {', '.join(profile.prompt_ends)}"
            yield Fault(pointer("prompt", len(prompt) - 1), limit, f"the last message is {said}'s")


def _blocks(talks: Sequence[_Talk]) -> Iterator[Fault]:
    for talk in talks:
        for index, message in enumerate(talk.messages):
            content = message.get("content")
            if content is not None and not isinstance(content, list):
                yield Fault(talk.at(index, "content"), "takes content as a list of blocks", "this is no list")


def _content(message: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    blocks = message.get("content")
    if isinstance(blocks, list):
        yield from ((number, block) for number, block in enumerate(blocks) if isinstance(block, dict))


def _reasoning(talks: Sequence[_Talk], profile: Profile) -> Iterator[Fault]:
    for talk in talks:
        for index, message in enumerate(talk.messages):
            if _said(message) not in profile.reasoning_roles:
                for number, block in _content(message):
                    if block.get("reasoningContent") is not None:
                        limit = f"takes reasoning of {', '.join(profile.reasoning_roles)} alone"
                        yield Fault(
                            talk.at(index, "content", number), limit, f"this is {part(_said(message), 0, 40)}'s"
                        )


def _calls(message: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str, dict[str, Any], Any]]:
    """Tool calls of a message: place in it, name of the key, the call, its arguments."""
    calls = message.get("tool_calls")
    for number, call in enumerate(calls if isinstance(calls, list) else []):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield ("tool_calls", number, "function", "arguments"), "arguments", call, function.get("arguments")
    for number, block in _content(message):
        use = block.get("toolUse")
        if isinstance(use, dict):
            yield ("content", number, "toolUse", "input"), "input", use, use.get("input")


def _ids(talks: Sequence[_Talk]) -> Iterator[Fault]:
    for talk in talks:
        for index, message in enumerate(talk.messages):
            if _said(message) == "tool" and message.get("tool_call_id") is None:
                yield Fault(talk.at(index), "takes tool results with a tool_call_id", "there is none")
            for place, _, call, _ in _calls(message):
                if call.get("id") is None and place[0] == "tool_calls":
                    yield Fault(talk.at(index, *place[:2]), "takes tool calls with an id", "there is none")


def _arguments(talks: Sequence[_Talk], profile: Profile) -> Iterator[Fault]:
    wanted, name = (str, "text") if profile.tool_arguments == "string" else (dict, "an object")
    for talk in talks:
        for index, message in enumerate(talk.messages):
            for place, key, _, arguments in _calls(message):
                if arguments is not None and not isinstance(arguments, wanted):
                    there = _TYPES.get(type(arguments), "of another type")
                    yield Fault(talk.at(index, *place), f"takes {key} of tool calls as {name}", f"they are {there}")


def _tool_names(row: Mapping[str, Any]) -> Iterator[Fault]:
    """Of the Converse API's form; a repeated name in `tools` is TOOL006's."""
    config = row.get("toolConfig")
    tools = config.get("tools") if isinstance(config, dict) else None
    specs = [tool.get("toolSpec") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    names = [spec.get("name") for spec in specs if isinstance(spec, dict)]
    texts = [name for name in names if isinstance(name, str)]
    twice = next((name for number, name in enumerate(texts) if name in texts[:number]), None)
    if twice is not None:
        yield Fault("/toolConfig/tools", "takes each tool once", f"{part(twice, 0, 80)!r} is declared twice")


def _candidates(talks: Sequence[_Talk], least: int) -> Iterator[Fault]:
    for talk in talks:
        for index, message in enumerate(talk.messages):
            candidates = message.get("candidates")
            if not isinstance(candidates, list):
                continue
            labels = [item.get("preferenceLabel") for item in candidates if isinstance(item, dict)]
            place = talk.at(index, "candidates")
            if len(labels) < least:
                yield Fault(place, f"takes {least} candidates or more", f"there are {len(labels)}")
            elif len({as_text(label) for label in labels}) < 2:
                yield Fault(
                    place, "takes candidates with different labels", f"all are {part(as_text(labels[0]), 0, 40)}"
                )


def _single(row: Mapping[str, Any]) -> Iterator[Fault]:
    for column in _ANSWERS:
        side = row.get(column)
        if isinstance(side, list) and [_said(m) if isinstance(m, dict) else "" for m in side] != ["assistant"]:
            limit = "takes exactly one message of the assistant as a side"
            yield Fault(pointer(column), limit, f"there are {len(side)}" if len(side) != 1 else "it is another's")


def _chars(row: Mapping[str, Any], most: int) -> Iterator[Fault]:
    prompt, completion = row.get("prompt"), row.get("completion")
    if isinstance(prompt, str) and isinstance(completion, str) and len(prompt) + len(completion) > most:
        there = f"there are {len(prompt) + len(completion):,}"
        yield Fault("/completion", f"takes up to {most:,} characters of prompt and completion", there)
