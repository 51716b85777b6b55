"""Chat templates that have been written into a text: their role markers, and the turns between them."""

import re
from typing import NamedTuple

from datalint_rules.txt.spans import without_code

Turns = list[tuple[str, str]]

_ROLES = {
    "model": "assistant",
    "human": "user",
    "instruction": "user",
    "response": "assistant",
    "chatbot": "assistant",
    "developer": "system",
    "[inst]": "user",
    "[/inst]": "assistant",
    "<<sys>>": "system",
    "<</sys>>": "user",
}


class Family(NamedTuple):
    """How one kind of template marks turns: a marker's group names the role; `ends` stand between turns."""

    name: str
    marker: re.Pattern[str]
    ends: re.Pattern[str]
    least: int = 2  # different roles that must be there: words alone could be a heading


def _family(name: str, start: str, ends: tuple[str, ...], free: str = "", least: int = 1) -> Family:
    """`start` counts at the beginning of a line and after an end; what `free` matches counts everywhere.

    In a sentence a marker is only spoken of.
    """
    end = "|".join(map(re.escape, ends))
    after = rf"|(?:{end})\s*" if ends else ""
    marker = rf"(?:^[ \t]*{after}){start}" + (f"|{free}" if free else "")
    return Family(name, re.compile(rf"(?:{marker})(?: |\n+)?", re.MULTILINE), re.compile(end or r"(?!)"), least)


FAMILIES = (
    _family(
        "ChatML",
        r"<\|im_start\|>(system|developer|user|assistant|tool)\b",
        ("<|im_end|>", "<|endoftext|>"),
    ),
    _family("Llama 2", r"(\[INST\])", ("</s>", "<s>"), r"(\[/INST\]|<</?SYS>>)"),
    _family(
        "Llama 3",
        r"<\|start_header_id\|>(system|user|assistant|ipython|tool)<\|end_header_id\|>",
        ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|begin_of_text|>"),
    ),
    _family("Gemma", r"<start_of_turn>(system|developer|user|model)\b", ("<end_of_turn>", "<bos>", "<eos>")),
    _family("Zephyr and Phi", r"<\|(system|user|assistant)\|>", ("</s>", "<s>", "<|end|>", "<|endoftext|>")),
    _family(
        "harmony", r"<\|start\|>(system|developer|user|assistant)<\|message\|>", ("<|end|>", "<|return|>", "<|call|>")
    ),
    _family("DeepSeek", "(?!)()", ("<｜end▁of▁sentence｜>", "<｜begin▁of▁sentence｜>"), "<｜(User|Assistant)｜>"),
    _family(
        "Cohere",
        r"<\|START_OF_TURN_TOKEN\|><\|(SYSTEM|USER|CHATBOT)_TOKEN\|>",
        ("<|END_OF_TURN_TOKEN|>", "<BOS_TOKEN>"),
    ),
    _family("Granite", r"<\|start_of_role\|>(system|user|assistant|tool)<\|end_of_role\|>", ("<|end_of_text|>",)),
    _family("### Human", "###[ ]?(Human|User|Assistant|System):", ("</s>",)),
    _family("Alpaca", "###[ ]?(Instruction|Response):", ("</s>",), least=2),
)

# Each text with a marker of some family holds one of these.
LITERALS = (
    "<|im_start|>",
    "[/INST]",
    "<|start_header_id|>",
    "<start_of_turn>",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
    "<|start|>",
    "<｜User｜>",
    "<｜Assistant｜>",
    "<|START_OF_TURN_TOKEN|>",
    "<|start_of_role|>",
    "### Human:",
    "### User:",
    "### Assistant:",
    "### Instruction:",
    "### Response:",
    "###Human:",
    "###Assistant:",
    "###Instruction:",
    "###Response:",
)


def markers(family: Family, text: str) -> list[re.Match[str]]:
    """The role markers of a family in a text, but for those in code."""
    return list(family.marker.finditer(without_code(text)))


def role_of(marker: re.Match[str]) -> str:
    """The role of the turn that a marker begins."""
    said = next(group for group in marker.groups() if group).lower()
    return _ROLES.get(said, said)


def family_of(texts: list[str]) -> tuple[Family, int] | None:
    """The first family of which texts that belong together hold two role markers or more, and how many they hold."""
    for family in FAMILIES:
        found = [marker for text in texts for marker in markers(family, text)]
        if len(found) > 1 and len({role_of(marker) for marker in found}) >= family.least:
            return family, len(found)
    return None


def turns_in(family: Family, text: str, role: str) -> Turns | None:
    """The turns of a text of one message; what stands before the first marker is of the message's own `role`.

    None where text stands behind the end of a turn, and so belongs to nobody. Empty turns are left out.
    """
    found = markers(family, text)
    starts = [0, *(marker.end() for marker in found)]
    ends = [*(marker.start() for marker in found), len(text)]
    roles = [role, *map(role_of, found)]
    turns: Turns = []
    for said, start, end in zip(roles, starts, ends, strict=True):
        pieces = [piece for piece in family.ends.split(text[start:end]) if piece.strip()]
        if len(pieces) > 1:
            return None
        turns += [(said, piece.rstrip()) for piece in pieces]
    return turns
