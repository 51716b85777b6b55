"""TXT012."""

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from datalint.brief import line_of
from datalint.chunk import Chunk
from datalint.rule import Rule, none, option

_FIRST = 16  # characters that are looked for before all others
# Tasks whose answer is meant to hold the prompt, or a part of it.
_MEANT = re.compile(
    r"\b(?:cop(?:y|ies)|quot(?:e|es|ation)|cit(?:e|es|ation)|verbatim|extract\w*|excerpt|correct\w*|fix\w*|repeat\w*|echo|"
    r"re-?writ\w*|re-?phras\w*|paraphras\w*|edit\w*|proof-?read\w*|spell\w*|grammar|punctuat\w*|format\w*|refactor\w*|"
    r"improv\w*|clean|complet\w*|continu\w*|finish|extend|expand|fill|insert|add|append|replac\w*|remov\w*|modify|"
    r"sort|arrange|convert\w*|transcri\w*|highlight|underline|annotat\w*|translat\w*|restate|return|print|output)\b|"
    r"复制|引用|提取|抽取|改正|纠正|修改|重复|改写|润色|续写|补全|填空|翻译",
    re.IGNORECASE,
)
# Questions about a passage, whose answer may be a sentence of it.
_QUESTION = re.compile(
    r"\b(?:list|name|identif\w*|find|locate|retriev\w*|select|choos\w*|pick|which|who|whom|whose|what|when|where|why|how|"
    r"best|options?|passage|paragraphs?|according|based on|parse|split|comment|state|mark|order)\b|"
    r"找出|选择|哪|什么|谁|如何|怎|根据",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"```|^[ \t]*(?:def |class |import |from \w+ import|#include|function\b|public |private |package |using |const |"
    r"let |var |SELECT |CREATE |<\?php|<!DOCTYPE|<html)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class PromptEcho(Rule):
    """The answer repeats its prompt, or was taken from it word for word.

    ## What it does
    Holds every answer against the user turn before it (and the instruction of Alpaca rows). Reports a prompt of at
    least `min-prompt` characters that stands in the answer as it is, and an answer of at least `min-answer` characters
    that stands in the prompt and makes up most of it. Tasks whose answer is meant to hold its prompt are left out: to
    copy, quote, extract, correct, continue or sort, questions about a passage, code.

    ## Why is this bad?
    The model learns to hand back what it was given. Prompts that are cut from the answers of another model are
    typical: the answer begins with its own heading.

    ## Example
    "Make a table of these prices: | tea | 2 | ...", answered with the same table.

    ## Fix safety
    There is no fix: what the answer should have been is not known.

    ## Options
    - `min-prompt`: fewest characters of a prompt that is looked for in the answer.
    - `min-answer`: fewest characters of an answer that is looked for in the prompt.
    - `share`: smallest part of a message that the repeated answer makes up.

    ## References
    Soup's data checks (40 characters); WizardLM, filter 8 (answers that copy words of the prompt).
    """

    code, name = "TXT012", "prompt-echo"
    severity = "warning"
    message = "{what}: {text!r}"
    bad = [
        [
            {
                "prompt": "Tell me about the long and winding history of tea in Britain.",
                "completion": "Tell me about the long and winding history of tea in Britain. Tea came in 1657.",
            }
        ],
        [
            {
                "messages": [
                    {"role": "user", "content": "Make a table of these prices:\n" + "| tea | 2 |\n| milk | 1 |\n" * 5},
                    {"role": "assistant", "content": ("| tea | 2 |\n| milk | 1 |\n" * 5).strip()},
                ]
            }
        ],
        [{"instruction": "Tell me of Hong Kong.", "input": "A city of trade. " * 9, "output": "A city of trade. " * 9}],
    ]
    good = [
        [{"prompt": "Why is the sky blue?", "completion": "Why is the sky blue? Rayleigh."}],
        [
            {
                "prompt": "Correct this: he go to the school every day with his bike and his dog.",
                "completion": "Correct this: he go to the school every day with his bike and his dog.",
            }
        ],
        [
            {
                "instruction": "Who made it?",
                "input": "Long ago. " * 20 + "It was made by Ann." * 6,
                "output": "Ann." * 25,
            }
        ],
        [{"prompt": "def add(a, b):\n    # the sum of two numbers, a and b\n", "completion": "def add(a, b):\n    #"}],
        [{"prompt": "Repeat: " + "all work and no play " * 5, "completion": ("all work and no play " * 5).strip()}],
    ]

    min_prompt: int = option(40, "Fewest characters of a prompt that is looked for in the answer.")
    min_answer: int = option(80, "Fewest characters of an answer that is looked for in the prompt.")
    share: float = option(0.4, "Smallest part of a message that the repeated answer makes up.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        texts = [pl.col(name) for name in ("content", "task", "asked")]
        content, task, asked = (text.str for text in texts)
        size, task_size, asked_size = (text.str.len_chars() for text in texts)
        # What begins a text is soon looked for; of all else little is left.
        begins = [text.head(4 * _FIRST).str.strip_chars_start().str.head(_FIRST) for text in (task, content)]
        may_echo = content.contains(pl.when(task_size >= self.min_prompt).then(begins[0]), literal=True)
        may_be_taken = asked.contains(pl.when(size >= self.min_answer).then(begins[1]), literal=True)
        pairs = (
            _pairs(chunk.turns).filter(may_echo | may_be_taken).with_columns(text.str.strip_chars() for text in texts)
        )
        # Of a passage that is given apart, a part is a quotation: only all of it is an echo.
        least = pl.when("apart").then(0.8).otherwise(self.share) * asked_size
        suspects = pairs.select(
            *("row", "pointer", "content", "task", "asked", "apart"),
            echo=(task_size >= self.min_prompt) & (task_size <= size),
            taken=(size >= self.min_answer) & (size >= least) & (size <= asked_size),
        )
        return self._echoes(suspects)

    @staticmethod
    def _echoes(suspects: pl.DataFrame) -> pl.DataFrame:
        found = []
        for row, pointer, text, task, asked, apart, may_echo, may_be_taken in suspects.iter_rows():
            # In Python: its search takes linear time, that of polars does not.
            echo = may_echo and task in text
            if not echo and not (may_be_taken and text in asked):
                continue
            what = "the answer repeats its prompt" if echo else "the answer stands in its prompt"
            asks = task if apart or echo else asked.replace(text, " ", 1)
            if not _is_meant(asks, text, question=not (apart or echo)):
                found.append((row, pointer, what, line_of(text)))
        if not found:
            return none()
        schema = {"row": pl.UInt32, "pointer": pl.String, "what": pl.String, "text": pl.String}
        return pl.DataFrame(found, schema=schema, orient="row")


def _pairs(turns: pl.DataFrame) -> pl.DataFrame:
    """Answers and what they answer: row, pointer, content, task, asked (the last user turn), apart (that is an input).

    The instruction of an Alpaca row is a task of its own; its input is material to work on.
    """
    kind = pl.col("field")
    some = turns.filter(
        pl.col("role").is_in(["user", "assistant"])
        & kind.is_in(["label", "rejected", "completions"]).not_()
        & pl.col("content").is_not_null()
    ).select("row", "pointer", "content", user=pl.col("role") == "user", apart=kind == "input")
    rows, user, apart = (some[name].to_numpy() for name in ("row", "user", "apart"))
    places = np.arange(len(rows))
    # The last place so far; 0 where there is none, which is then no user's or in another row.
    task, asked = (np.maximum.accumulate(np.where(mask, places, 0)) for mask in (user & ~apart, user))
    answers = np.flatnonzero(~user & user[task] & ~apart[task] & (rows[task] == rows))
    content = some["content"]
    return some[answers].select(
        "row",
        "pointer",
        "content",
        task=content.gather(task[answers]),
        asked=content.gather(asked[answers]),
        apart=some["apart"].gather(asked[answers]),
    )


def _is_meant(task: str, answer: str, *, question: bool) -> bool:
    """The task asks for what it gives; `question`: also if it is a question that a part of the prompt answers."""
    asks = _MEANT.search(task) or (question and _QUESTION.search(task))
    return bool(asks or _CODE.search(task) or _CODE.search(answer))
