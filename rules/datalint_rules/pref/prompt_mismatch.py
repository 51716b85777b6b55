"""PREF006."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Found, Rule, option
from datalint_rules.pref.pairs import pair_rows
from datalint_rules.pref.prompts import Columns, columns_of, divided, fault_of

_SCHEMA: dict[str, Any] = {
    "row": pl.UInt32,
    "pointer": pl.String,
    "what": pl.String,
    "severity": pl.String,
    "fix_kind": pl.String,
    "fix_safety": pl.String,
    "columns": pl.List(pl.String),
}


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


@dataclass(frozen=True)
class PromptMismatch(Rule):
    """The two sides of a preference do not answer the same prompt once.

    ## What it does
    Without a prompt column, the sides have to begin with the same prompt: with the same turns up to an answer, or
    with the same text. With one, the sides must not begin with the prompt again, or with another one, and must go on
    with the assistant. The last turn of each side has to be the assistant's. A prompt column of text beside sides
    that are whole conversations (as in UltraFeedback) is a warning: some trainers leave it out, others repeat it.

    ## Why is this bad?
    The loss compares two answers to one prompt. Trainers split off the longest common beginning, whatever it is: a
    prompt that differs by a character becomes part of the answers, a prompt that stands there twice is trained on.

    ## Example
    `{"prompt": "The sky is", "chosen": "The sky is blue.", "rejected": "The sky is green."}`

    ## Fix safety
    Safe where both sides begin with the prompt: what they share is taken off both, so that prompt and side together
    are the conversation that each side held. Prompts that differ are left for a person.

    ## Options
    - `min-words`: a prompt of fewer words may begin an answer by chance.

    ## References
    TRL's extract_prompt; together-python's checks of preference data (one assistant message a side); unsloth-zoo
    issue #1110.
    """

    code, name = "PREF006", "prompt-mismatch"
    severity = "error"
    message = "{what}"
    fix = Fix("rewrite", "safe")
    fix_title = "takes the prompt off both sides"
    bad = [
        [{"chosen": "Paris is in France.", "rejected": "I do not know."}],
        [{"chosen": "\n\nHuman: Hi\n\nAssistant: Hello!", "rejected": "\n\nHuman: Hey\n\nAssistant: What?"}],
        [{"chosen": [_user("Hi"), _said("Hello!")], "rejected": [_user("Hey"), _said("What?")]}],
        [{"chosen": [_said("Hello!")], "rejected": [_said("What?")]}],
        [{"prompt": "The sky is", "chosen": "The sky is blue.", "rejected": "The sky is green."}],
        [
            {
                "prompt": [_user("Hi")],
                "chosen": [_user("Hi"), _said("Hello!")],
                "rejected": [_user("Hi"), _said("What?")],
            }
        ],
        [{"prompt": "Hi", "chosen": [_user("Hi"), _said("Hello!")], "rejected": [_user("Hi"), _said("What?")]}],
        [{"prompt": "Hi", "chosen": [_user("Bye"), _said("Bye!")], "rejected": [_user("Bye"), _said("What?")]}],
        [{"prompt": [_user("Hi")], "chosen": [_said("Hello!")], "rejected": [_said("What?"), _user("Hm.")]}],
        [{"prompt": [_user("Hi")], "chosen": [_said("Hello!")], "rejected": [_user("Hey"), _said("What?")]}],
        [
            {
                "conversations": [{"from": "human", "value": "Hi"}],
                "chosen": {"from": "gpt", "value": "Hello!"},
                "rejected": {"from": "human", "value": "What?"},
            }
        ],
    ]
    good = [
        [{"chosen": "The sky is blue.", "rejected": "The sky is green."}],
        [{"chosen": "天空是蓝色的", "rejected": "天空是绿色的"}],
        [{"prompt": "The sky is", "chosen": " blue.", "rejected": " green."}],
        [{"prompt": "Nice to meet you", "chosen": "Nice to meet you, too!", "rejected": "Nice to meet you. Who?"}],
        [{"prompt": "Hello", "chosen": "Hello! How are you?", "rejected": "Hello there."}],
        [{"instruction": "Name a river.", "input": "", "chosen": "Ucayali.", "rejected": "Everest."}],
        [{"chosen": [_user("Hi"), _said("Hello!")], "rejected": [_user("Hi"), _said("What?")]}],
        [{"prompt": [_user("Hi")], "chosen": [_said("Hello!")], "rejected": [_said("What?")]}],
        [
            {
                "conversations": [{"from": "human", "value": "Hi"}],
                "chosen": {"from": "gpt", "value": "Hello!"},
                "rejected": {"from": "gpt", "value": "What?"},
            }
        ],
        [
            {
                "prompt": [_user("Hi"), _said("Hello!"), _user("Weather?")],
                "chosen": [_said("Let me see."), {"role": "tool", "content": "Rain"}, _said("Rain.")],
                "rejected": [_said("No idea.")],
            }
        ],
    ]

    min_words: int = option(3, "A prompt of fewer words may begin an answer by chance.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        found = []
        # Sides are nested values of several forms; only preference rows are looked at.
        for row in pair_rows(chunk):
            value, shape = chunk.values[row], chunk.shapes[row]
            if value is None or shape is None:
                continue
            names = columns_of(value, shape)
            fault = fault_of(value, names, self.min_words)
            if fault is None:
                continue
            mends = fault.cut is not None and fault_of(divided(value, names, fault), names, self.min_words) is None
            fix = ("rewrite", "safe") if mends else (None, None)
            found.append((row, fault.pointer, fault.what, fault.severity, *fix, list(names)))
        return pl.DataFrame(found, schema=_SCHEMA, orient="row")

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for item in found:
            names = Columns(*item.args["columns"])
            fault = fault_of(row, names, self.min_words)
            if fault is not None:
                row = divided(row, names, fault)
        return row
