"""TPL009."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import parts, resolve
from datalint.rule import Fix, Found, Rule, none
from datalint.views.turns import ROLES, Turn
from datalint_rules.tpl.markers import FAMILIES, LITERALS, Family, family_of, markers, turns_in

_CHATML = "<|im_start|>user\nName a lake.<|im_end|>\n<|im_start|>assistant\n"


def _row(*contents: str, roles: Sequence[str] = ("user", "assistant")) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, contents, strict=True)]}


@dataclass(frozen=True)
class PretemplatedText(Rule):
    r"""A message holds text that a chat template has been put into already.

    ## What it does
    Looks in the contents of a row's messages for two role markers or more of one family: ChatML, Llama 2 and 3,
    Gemma, Zephyr and Phi, harmony, DeepSeek, Cohere, `### Human:`, and Alpaca's `### Instruction:` with
    `### Response:`. A marker counts at the beginning of a line or after the end of a turn, and not in code; within a
    sentence it is only spoken of. Tool results, plain prompts and `text` rows are left out.

    ## Why is this bad?
    The template is put around the text a second time: the model learns to write role markers itself, and to take
    them for what a user says.

    ## Example
    `{"role": "user", "content": "<|im_start|>user\nName a lake.<|im_end|>\n<|im_start|>assistant\n"}`

    ## Fix safety
    Unsafe: the text is taken apart into messages, an empty last turn is left out. Only where the result is a
    conversation: a system turn at most at the start, then user and assistant by turns.

    ## Options
    None.

    ## References
    The templates of the models themselves; no tool that was read looks for this.
    """

    code, name = "TPL009", "pretemplated-text"
    severity = "error"
    message = "{count} role markers of {family} stand in the content of messages"
    fix = Fix("rewrite", "unsafe")
    leads = True  # TOK006 would break the markers
    fix_title = "takes the text apart into messages"
    literals = LITERALS
    bad = [
        [_row(_CHATML, "Baikal.")],
        [_row(_CHATML + "Baikal.<|im_end|>", roles=["user"])],
        [_row("<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nName a lake. [/INST]", "Baikal.")],
        [
            _row(
                "<|start_header_id|>user<|end_header_id|>\n\nA?<|eot_id|><|start_header_id|>assistant<|end_header_id|>",
                "B",
            )
        ],
        [_row("<start_of_turn>user\nName a lake.<end_of_turn>\n<start_of_turn>model\n", "Baikal.")],
        [_row("Name a lake.", "Baikal.\n### Human: And a hill?\n### Assistant: Blorenge.")],
        [_row("<|im_start|>user\nName a lake.<|im_end|>", "<|im_start|>assistant\nBaikal.<|im_end|>")],
        [{"conversations": [{"from": "human", "value": _CHATML}, {"from": "gpt", "value": "Baikal."}]}],
    ]
    good = [
        [_row("What do <|im_start|>user and <|im_start|>assistant mean?", "They begin turns.")],
        [_row("Explain [INST] and [/INST].", "```\n[INST] a [/INST] b\n```")],
        [_row("What is\n<|im_start|>user\nfor?", "It begins a turn.")],
        [_row("### Instruction: be brief\n### Text: a b c", "### Summary\nabc")],
        [{"text": _CHATML}],
        [{"prompt": _CHATML, "completion": "Baikal.<|im_end|>"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """A finding for each row, at the first content with a marker."""
        found = []
        for row in chunk.texts_with(self.literals)["row"].unique().sort().to_list():
            turns = [turn for turn in chunk.turn_lists[row] if _is_message(turn)]
            hit = family_of([turn.content or "" for turn in turns])
            if hit is None:
                continue
            family, count = hit
            turn = next(turn for turn in turns if markers(family, turn.content or ""))
            value = chunk.values[row] or {}
            marker = markers(family, turn.content or "")[0]
            # The text of a list of blocks is no string of the row.
            span = marker.span() if isinstance(resolve(value, turn.pointer), str) else (None, None)
            kind = "rewrite" if _parsed(value, parts(turn.pointer)[0], family) is not None else None
            found.append((row, turn.pointer, *span, family.name, count, kind))
        schema = {"row": pl.UInt32, "pointer": pl.String, "start": pl.UInt32, "end": pl.UInt32}
        schema |= {"family": pl.String, "count": pl.Int64, "fix_kind": pl.String}
        return pl.DataFrame(found, schema=schema, orient="row") if found else none()

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        """The row with its messages taken apart."""
        for finding in found:
            column = parts(finding.pointer or "/")[0]
            (family,) = [family for family in FAMILIES if family.name == finding.args["family"]]
            parsed = _parsed(row, column, family)
            if parsed is not None:
                row[column] = parsed
        return row


def _is_message(turn: Turn) -> bool:
    """In a list of messages, and no tool result: those hold whatever a tool has read."""
    return turn.role != "tool" and turn.pointer.count("/") > 1


def _parsed(row: dict[str, Any], column: str, family: Family) -> list[dict[str, Any]] | None:
    """The column's messages taken apart, None where they would be no conversation, or still hold markers."""
    messages = row.get(column)
    done: list[dict[str, Any]] = []
    for message in messages if isinstance(messages, list) else []:
        if not isinstance(message, dict):
            return None
        said, key = ("from", "value") if "from" in message and "role" not in message else ("role", "content")
        text, role = message.get(key), message.get(said)
        if not isinstance(text, str) or not isinstance(role, str) or not markers(family, text):
            done.append(message)
            continue
        turns = turns_in(family, text, ROLES.get(role, role))
        if turns is None or len(message) > 2:
            return None
        names = {"user": "human", "assistant": "gpt"} if said == "from" else {}
        done += [{said: names.get(name, name), key: content} for name, content in turns]
    roles = [ROLES.get(str(m.get("role", m.get("from"))), "") for m in done]
    texts = [str(m.get("content", m.get("value"))) for m in done]
    clean = family_of(texts) is None and not any(markers(family, text) for text in texts)
    return done if clean and _is_conversation(roles, texts, system=bool(row.get("system"))) else None


def _is_conversation(roles: list[str], texts: list[str], *, system: bool) -> bool:
    turns = roles[1:] if roles[:1] == ["system"] and not system else roles
    by_turns = all({one, other} == {"user", "assistant"} for one, other in pairwise(turns))
    return turns[:1] == ["user"] and by_turns and all(text.strip() for text in texts)
