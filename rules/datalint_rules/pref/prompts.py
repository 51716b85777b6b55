"""Where the prompt of a preference row stands, and what is wrong with that."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from datalint.brief import part
from datalint.formats import Shape
from datalint.location import pointer
from datalint.views.turns import ROLES, content_text
from datalint_rules.pref.pairs import ANSWERS, context_column, shared, word_start

# Who speaks, right before a prompt that was wrapped into a transcript.
_SPEAKER = re.compile(r"(?:(?:Human|HUMAN|User|USER|Question|Q|Instruction|Input|### \w+)\s*:|[>\]])\s*$")
_LONG = 20  # characters of a prompt that no answer begins with by chance
_TURNS = 1000  # of a prompt that are looked for in the sides
_PROMPTS = ("prompt", "instruction", "question")  # others may hold a document beside the prompt


class Columns(NamedTuple):
    """Names of a preference row's columns; `prompt` is None where the prompt is inside both sides."""

    prompt: str | None
    chosen: str
    rejected: str


class Fault(NamedTuple):
    """What is wrong, where, and how much both sides have to give up: characters of a text, messages of a list."""

    what: str
    pointer: str
    cut: int | None = None  # None: nothing that a cut would mend
    moved: bool = False  # what is cut becomes the prompt
    severity: str = "error"


def columns_of(value: Mapping[str, Any], shape: Shape) -> Columns:
    """The columns of a row whose format is `preference`."""
    return Columns(context_column(value, shape), shape.fields["chosen"], shape.fields["rejected"])


def fault_of(value: Mapping[str, Any], names: Columns, min_words: int) -> Fault | None:
    """The first fault of a preference row's prompt. Sides that are equal, empty or of two kinds are other rules'."""
    chosen, rejected = value.get(names.chosen), value.get(names.rejected)
    prompt = None if names.prompt is None else value.get(names.prompt)
    if chosen == rejected:
        return None
    if isinstance(chosen, str) and isinstance(rejected, str):
        return _of_texts(chosen, rejected, prompt, names, min_words) if chosen.strip() and rejected.strip() else None
    talks = [_talk(side) for side in (chosen, rejected)]
    if not talks[0] or not talks[1]:
        return None
    listed = isinstance(chosen, list) and isinstance(rejected, list)
    fault = _last_turns(talks, value, names)
    # A single message follows whatever prompt there is; without one it has none.
    return fault or (_of_talks(talks[0], talks[1], prompt, names) if listed or not prompt else None)


def divided(value: dict[str, Any], names: Columns, fault: Fault) -> dict[str, Any]:
    """The row without what both sides repeat."""
    if fault.cut is None:
        return value
    row = dict(value)
    if fault.moved and names.prompt is not None:
        row[names.prompt] = value[names.chosen][: fault.cut]
    for side in (names.chosen, names.rejected):
        row[side] = value[side][fault.cut :]
    return row


def _of_texts(chosen: str, rejected: str, prompt: Any, names: Columns, min_words: int) -> Fault | None:
    at = pointer(names.chosen)
    begins = word_start(chosen, rejected, shared(chosen, rejected))
    if prompt is None:
        first = ANSWERS.search(chosen)
        answered = first is not None and ANSWERS.search(rejected) is not None
        if not chosen[:begins].strip() or (answered and first is not None and first.start() > begins):
            return Fault("chosen and rejected have no prompt in common, and there is no prompt column", at)
        return None
    asked = prompt if isinstance(prompt, str) else _text(_talk(prompt)[-1]) if _talk(prompt) else ""
    if len(asked.split()) < min_words and (asked.isascii() or len(asked) < 2 * min_words):
        return None
    cut = _repeated(asked, chosen, rejected)
    if cut:
        ends = chosen[cut:].strip() and rejected[cut:].strip()
        return Fault("both sides begin with the prompt once more", at, cut if ends else None)
    if len(asked.strip()) < _LONG:
        return None
    inside = chosen[:begins].find(asked.strip())
    if inside > 0 and _SPEAKER.search(chosen, max(0, inside - _LONG), inside):
        return Fault("both sides repeat the prompt in a transcript", at)
    for name, side in zip(names[1:], (chosen, rejected), strict=True):
        if side.startswith(asked) and _apart(asked, side, len(asked)):
            return Fault(f"{name} alone begins with the prompt once more", pointer(name))
    return None


def _repeated(asked: str, chosen: str, rejected: str) -> int:
    """How many characters of both sides are the prompt over again."""
    taken = 0
    while chosen.startswith(asked, taken) and rejected.startswith(asked, taken):
        after = taken + len(asked)
        if not (_apart(asked, chosen, after) and _apart(asked, rejected, after)):
            break
        taken = after
    return taken


def _apart(asked: str, side: str, after: int) -> bool:
    """An answer begins here: "Nice to meet you" is repeated in " again", and no more than echoed in ", too"."""
    following = side[after : after + 1]
    return not following or following.isspace() or not asked[-1].isalnum()


def _last_turns(talks: list[list[Any]], value: Mapping[str, Any], names: Columns) -> Fault | None:
    for name, talk in zip(names[1:], talks, strict=True):
        role = _role(talk[-1])
        if role not in ("assistant", None):
            where = pointer(name, len(talk) - 1) if isinstance(value[name], list) else pointer(name)
            return Fault(f"the last turn of {name} is {part(str(role), 0, 40)}, not assistant", where)
    return None


def _of_talks(chosen: list[Any], rejected: list[Any], prompt: Any, names: Columns) -> Fault | None:
    at = pointer(names.chosen)
    pairs = zip(map(_key, chosen), map(_key, rejected), strict=False)
    same = next((i for i, (one, other) in enumerate(pairs) if one != other), min(len(chosen), len(rejected)))
    if same == len(chosen) == len(rejected):
        return None
    if _talk(prompt):
        return _after_talk(chosen, rejected, same, _talk(prompt), names)
    # What both sides share has to ask something, and what follows has to be each side's answer.
    asks = any(_role(message) != "assistant" for message in chosen[:same])
    answered = [talk[same:] and _role(talk[same]) == "assistant" for talk in (chosen, rejected)]
    if not asks and all(answered) and isinstance(prompt, str):
        what = f"{names.prompt} is text and the sides are messages without it: trainers take the prompt from the sides"
        return Fault(what, pointer(names.prompt or ""))
    if not asks or not all(answered):
        return Fault("chosen and rejected do not begin with the same prompt", at)
    return _beside_text(chosen[:same], prompt, names) if isinstance(prompt, str) else None


def _beside_text(lead: list[Any], prompt: str, names: Columns) -> Fault | None:
    """A prompt column of text, and sides that are whole conversations: TRL leaves the column out, others do not."""
    asked = " ".join(prompt.split())
    turns = [" ".join(_text(message).split()) for message in lead if _role(message) != "assistant"]
    if any(asked in turn or (turn and turn in asked) for turn in turns):
        what = "both sides repeat the prompt, which is text in a column of its own"
        return Fault(what, pointer(names.chosen), len(lead), moved=True, severity="warning")
    if names.prompt not in _PROMPTS:
        return None
    return Fault(f"{names.prompt} is not the prompt that both sides begin with", pointer(names.prompt or ""))


def _after_talk(chosen: list[Any], rejected: list[Any], same: int, asked: list[Any], names: Columns) -> Fault | None:
    """Sides that follow a prompt of messages."""
    before, lead = [_key(message) for message in asked[-_TURNS:]], [_key(message) for message in chosen[:same]]
    overlaps = range(min(len(before), len(lead)), 0, -1)
    cut = next((n for n in overlaps if all(lead[i] == before[i - n] for i in range(n))), 0)
    if any(_role(message) != "assistant" for message in chosen[:cut]):
        clean = all(talk[cut:] and _role(talk[cut]) == "assistant" for talk in (chosen, rejected))
        return Fault("both sides begin with the prompt once more", pointer(names.chosen), cut if clean else None)
    if _role(asked[-1]) == "assistant":
        return None
    for name, talk in zip(names[1:], (chosen, rejected), strict=True):
        if _role(talk[0]) in ("user", "system"):
            what = f"{name} goes on with a {_role(talk[0])} turn, where the assistant has to answer"
            return Fault(what, pointer(name))
    return None


def _talk(cell: Any) -> list[Any]:
    """A message list, a single message as a list of one; empty for anything else."""
    if isinstance(cell, dict):
        return [cell] if "role" in cell or "from" in cell else []
    return cell if isinstance(cell, list) and all(isinstance(item, dict) for item in cell) else []


def _role(message: Mapping[str, Any]) -> Any:
    said = message.get("role", message.get("from"))
    return ROLES.get(said, said) if isinstance(said, str) else None


def _text(message: Mapping[str, Any]) -> str:
    return content_text(message.get("content", message.get("value"))) or ""


def _key(message: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes two messages the same one."""
    return _role(message), _text(message), message.get("tool_calls") or None
