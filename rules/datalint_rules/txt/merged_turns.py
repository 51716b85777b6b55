"""TXT011."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.brief import line_of
from datalint.chunk import Chunk
from datalint.location import replace
from datalint.rule import Fix, Found, Rule, none
from datalint_rules.txt.context import asked, talks, text_at
from datalint_rules.txt.spans import blanked, fences

# The separator of the lists of tasks that generated datasets were cut from (self-instruct).
_TASK = re.compile(r"^#{2,3}[ \t]*\n+[ \t]*\d{1,3}\.[ \t]*Instruction[ \t]*:", re.MULTILINE)
_ASKS = r"Human|User|Instruction|用户|人类"
_ANSWERS = r"Assistant|AI|Bot|Chatbot|ChatGPT|GPT|Response|助手|助理"
_LABEL = re.compile(
    rf"^(?:#{{1,4}}[ \t]*|\*\*)?(?:(?P<asks>{_ASKS})|(?P<answers>{_ANSWERS}))(?:\*\*)?[ \t]?[:：]", re.MULTILINE
)
# Who asks for a conversation gets one.
_DIALOGUE = re.compile(
    r"dialog|conversation|transcript|\bscripts?\b|screenplay|role-?play|interview|\bchats?\b|chat ?bots?|chat log|"
    r"exchange between|few-shot|\bprompts?\b|\bskits?\b|对话|聊天|剧本|会话",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class MergedTurns(Rule):
    """An answer goes on with the next question, and answers it as well.

    ## What it does
    Looks in answers for the separator of a list of tasks (`##`, then `18. Instruction:`), and for a line that begins
    with a user's label followed by one that begins with an assistant's (`Human:` and `Assistant:`, `User:` and `AI:`,
    `### Instruction:` and `### Response:`). Fenced blocks are left out, and so are rows whose user asks for a
    conversation. `Q:` and `A:`, `Question:` and `Answer:` are no speakers.

    ## Why is this bad?
    The model learns to speak for its user and not to stop.

    ## Example
    An answer of Alpaca that ends with `##`, `18. Instruction: Name three rivers.`

    ## Fix safety
    Unsafe: the answer is cut before the label. An answer that begins with it is left for a person.

    ## Options
    None.

    ## References
    AlpacaDataCleaned, item 2. Looser forms were measured and found nothing but answers as they should be.
    """

    code, name = "TXT011", "merged-turns"
    severity = "warning"
    message = "the answer goes on with another turn: {label}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "cuts the answer at the label"
    literals = (
        *("Instruction", "Human:", "Human :", "Human**", "User:", "User :", "User**", "用户", "人类"),
        *("Human：", "User："),
    )
    bad = [
        [{"instruction": "Name a river.", "input": "", "output": "The Nile.\n\n##\n18. Instruction: Name a lake."}],
        [{"prompt": "Name a river.", "completion": "The Nile.\nHuman: And a lake?\nAssistant: Lake Chad."}],
        [
            {
                "messages": [
                    {"role": "user", "content": "Name a river."},
                    {"role": "assistant", "content": "The Nile.\n\n### Instruction:\nA lake?\n\n### Response:\nChad."},
                ]
            }
        ],
        [{"prompt": "Name a river.", "completion": "User: Name a river.\nAI: The Nile."}],
    ]
    good = [
        [{"prompt": "Write a conversation.", "completion": "Hm.\nUser: hi\nAssistant: hello\nUser: bye\nAI: bye"}],
        [{"prompt": "Quiz me.", "completion": "Q: Where?\nA: Here.\nQ: When?\nA: Now.\nQuestion: x\nAnswer: y"}],
        [{"prompt": "Who may log in?", "completion": "Roles:\nUser: reads.\nAdmin: writes."}],
        [{"prompt": "How?", "completion": "18. Instruction: stir.\nInstruction: bake."}],
        [{"prompt": "Show the format.", "completion": "So:\n```\nHuman: a\nAssistant: b\n```"}],
        [{"text": "### Instruction:\nName a river.\n### Response:\nThe Nile."}],
        [{"chosen": "\n\nHuman: hi\n\nAssistant: ho", "rejected": "\n\nHuman: hi\n\nAssistant: hu"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        found = []
        for row, turns in talks(chunk, chunk.texts_with(self.literals)["row"].to_list()):
            for number, turn in enumerate(turns):
                text = text_at(chunk.values[row], turn.pointer) if turn.role == "assistant" and turn.content else None
                label = None if text is None else _label(text)
                question = asked(turns, number) if label else ""
                if text is None or label is None or not question or _DIALOGUE.search(question):
                    continue
                kind = "rewrite" if text[: label.start()].strip() else None
                found.append((row, turn.pointer, label.start(), label.end(), line_of(text[label.start() :], 40), kind))
        if not found:
            return none()
        schema = {"row": pl.UInt32, "pointer": pl.String, "start": pl.UInt32, "end": pl.UInt32}
        return pl.DataFrame(found, schema={**schema, "label": pl.String, "fix_kind": pl.String}, orient="row")

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for item in found:
            text = text_at(row, item.pointer or "")
            label = None if text is None else _label(text)
            if text is not None and label is not None and text[: label.start()].strip():
                row = replace(row, item.pointer or "", text[: label.start()].rstrip())
        return row


def _label(text: str) -> re.Match[str] | None:
    """Where the next turn begins: the separator of tasks, or a user's label that an assistant's follows."""
    text = blanked(text, fences(text))
    task = _TASK.search(text)
    asks: re.Match[str] | None = None
    for label in _LABEL.finditer(text):
        if label["answers"] and asks is not None:
            return asks if task is None or asks.start() < task.start() else task
        if label["asks"] and asks is None:
            asks = label
    return task
