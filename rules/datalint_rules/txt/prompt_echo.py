"""TXT012."""

import re
from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, none, option
from datalint_rules.txt.context import cut

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
        user, content, kind = pl.col("role") == "user", pl.col("content").str.strip_chars(), pl.col("field")
        turns = chunk.turns.filter(
            pl.col("role").is_in(["user", "assistant"])
            & kind.is_in(["label", "rejected", "completions"]).not_()
            & pl.col("content").is_not_null()
        ).with_columns(content=content)
        # The instruction of an Alpaca row is a prompt of its own; its input is material to work on.
        before = turns.with_columns(
            task=pl.when(user & (kind != "input")).then("content").forward_fill().over("row"),
            asked=pl.when(user).then("content").forward_fill().over("row"),
            apart=pl.when(user).then(kind == "input").forward_fill().over("row"),
        )
        pairs = before.filter(~user & pl.col("task").is_not_null())
        size, task, asked = (pl.col(name).str.len_chars() for name in ("content", "task", "asked"))
        # Of a passage that is given apart, a part is a quotation: only all of it is an echo.
        least = pl.when("apart").then(0.8).otherwise(self.share) * asked
        pairs = pairs.with_columns(
            echo=(task >= self.min_prompt) & (task <= size),
            taken=(size >= self.min_answer) & (size >= least) & (size <= asked),
        ).filter(pl.col("echo") | pl.col("taken"))
        # In Python: polars compiles each row's text as an expression, which is slow and fails on long ones.
        columns = (pairs[name].to_list() for name in ("content", "task", "asked", "echo", "taken"))
        echo, taken = [], []
        for content_, task_, asked_, may_echo, may_be_taken in zip(*columns, strict=True):
            echo.append(may_echo and task_ in content_)
            taken.append(may_be_taken and content_ in asked_)
        suspects = pairs.with_columns(pl.Series("echo", echo, pl.Boolean), pl.Series("taken", taken, pl.Boolean))
        suspects = suspects.filter(pl.col("echo") | pl.col("taken"))
        found = [
            (row, pointer, "the answer repeats its prompt" if echo else "the answer stands in its prompt", cut(text))
            for row, pointer, text, task, asked, apart, echo in suspects.select(
                "row", "pointer", "content", "task", "asked", "apart", "echo"
            ).iter_rows()
            if not _is_meant(task if apart or echo else asked.replace(text, " ", 1), text, question=not (apart or echo))
        ]
        if not found:
            return none()
        schema = {"row": pl.UInt32, "pointer": pl.String, "what": pl.String, "text": pl.String}
        return pl.DataFrame(found, schema=schema, orient="row")


def _is_meant(task: str, answer: str, *, question: bool) -> bool:
    """The task asks for what it gives; `question`: also if it is a question that a part of the prompt answers."""
    asks = _MEANT.search(task) or (question and _QUESTION.search(task))
    return bool(asks or _CODE.search(task) or _CODE.search(answer))
