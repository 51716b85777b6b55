"""TXT009."""

import re
from dataclasses import dataclass

import polars as pl

from datalint.brief import line_of
from datalint.chunk import Chunk
from datalint.rule import Fix, Rule, Sample, none, option
from datalint_rules.txt.visible import answers, asked

_LONGEST = 120  # characters of a placeholder; dummy text may be longer
_PART = r"(?:answer|response|output|completion|reply|text|content|solution|explanation|summary|translation|code)s?"
_FILL = r"(?:please )?(?:add|enter|fill in|insert|paste|provide|put|type|write)(?: in)?"
_OPEN, _CLOSE = r"[\s<\[({*_`\"'#-]*", r"[\s>\])}*_`\"'.:!-]*"
# Rust and Python read it alike. White space, emphasis and brackets may stand around it.
_PLACEHOLDER = (
    rf"(?i)^{_OPEN}(?:"
    r"n/a|n\.a|none|todo|fixme|tbd|tba|tbc|x{5,}|"
    r"(?:no|empty)[ _-]?(?:input|output|response|completion)(?: (?:given|provided|available|needed|required))?|"
    rf"(?:placeholder|dummy)(?: {_PART})?|"
    r"to be (?:added|completed|determined|written|filled in|decided|announced)|"
    r"todo *[:,-]? *(?:please )?(?:add|complete|fill in|finish|implement|insert|provide|write)\b.{0,60}|"
    rf"{_FILL} your (?:[a-z]+ )?{_PART}(?: (?:here|below))?|"
    rf"{_FILL} (?:the |an? |my )?(?:[a-z]+ )?{_PART} (?:here|below)|"
    rf"(?:(?:your|the|my|model|assistant) )?{_PART} (?:goes )?here|"
    r"待补充|待填写|无输出|无输入|暂无(?:答案|回答|输出)?"
    rf"){_CLOSE}$"
    rf"|(?i)^\s*[<\[({{]+\s*(?:(?:{_FILL}|your|no)\s+(?:the |an? |your )?{_PART}|answer|response|completion)"
    r"\s*[>\])}]+\W*$"
    r"|^\s*(?:\.[ .]*\.|…[ .…]*)\s*$"
)
_DUMMY = r"(?i)^\W*lorem ipsum\b"
# What prompts say where such an answer is one: "Which of these are prime? None".
_MEANT = {
    "none": re.compile(
        r"\b(?:how (?:many|much)|any|which|list|find|identify|extract|detect|if|python|returns?|prints?|"
        r"output|null|codes?|functions?|programs?|value)\b",
        re.IGNORECASE,
    ),
    "todo": re.compile(r"spanish|español|castellano|portugu|translat|traduc|traduz|catal|galic", re.IGNORECASE),
    "no output": re.compile(r"\boutputs?\b|\bprints?\b", re.IGNORECASE),
    "no input": re.compile(r"\binputs?\b", re.IGNORECASE),
    "": re.compile(r"ellips[ie]s|\bdots?\b|morse|punctuation|lorem|ipsum|placeholder|dummy|filler", re.IGNORECASE),
}


@dataclass(frozen=True)
class PlaceholderAnswer(Rule):
    """An answer is a placeholder that nobody filled in.

    ## What it does
    Looks for answers and texts that are nothing but `N/A`, `None`, `TODO`, `<noinput>`, `No Output`, `...`,
    `[insert answer here]` and the like, or dummy text (lorem ipsum). Labels and rejected answers are left out, and so
    is what a prompt asks for: one that has the answer in it, or that asks how many or which ones and gets `None`.

    ## Why is this bad?
    The model learns that this is an answer, and gives it where it does not know.

    ## Example
    `{"instruction": "Create a graphic representing courage", "output": "<No Output>"}`

    ## Fix safety
    Unsafe: the row is dropped.

    ## Options
    - `more`: further texts that are placeholders, in any case.

    ## References
    AlpacaDataCleaned, list of fixes, items 5 to 7; alpaca-lora issue #32; cleanllm.
    """

    code, name = "TXT009", "placeholder-answer"
    severity = "error"
    message = "the whole answer is {answer}"
    fix = Fix("drop", "unsafe")
    fix_title = "drops the row"
    bad = [
        [{"instruction": "Create a graphic representing courage", "input": "", "output": "<No Output>"}],
        [{"instruction": "Freeze the sample of yogurt", "input": "Yogurt sample", "output": "<noinput>"}],
        [{"messages": [{"role": "user", "content": "Name a hill."}, {"role": "assistant", "content": "TODO"}]}],
        [{"prompt": "Write a poem.", "completion": " None.\n"}, {"prompt": "Who won?", "completion": "N/A"}],
        [{"prompt": "Go on.", "completion": "..."}, {"prompt": "Go on.", "completion": "[insert answer here]"}],
        [
            {"prompt": "Explain.", "completion": "Your response here"},
            {"prompt": "q", "completion": "TODO: write answer"},
        ],
        [{"prompt": "Write an essay.", "completion": "Lorem ipsum dolor sit amet, consectetur elit. " * 9}],
        [{"text": "TBD"}],
        [
            {
                "prompt": "Name a hill.",
                "chosen": [{"role": "assistant", "content": "**N/A**"}],
                "rejected": [{"role": "assistant", "content": "Rome."}],
            }
        ],
        Sample(
            files={"train.jsonl": [{"prompt": "Who?", "completion": "I don't know."}]},
            options={"rules": {"TXT009": {"more": ["i don't know."]}}},
        ),
    ]
    good = [
        [{"instruction": "What does N/A mean?", "input": "", "output": "N/A means not applicable."}],
        [{"prompt": "Answer none if there is no error.", "completion": "None"}],
        [{"prompt": "Which of 4, 6 and 8 are prime?", "completion": "None"}],
        [{"prompt": "Translate 'everything' to Spanish.", "completion": "Todo"}],
        [{"prompt": "What is the symbol of sodium?", "completion": "Na"}],
        [{"prompt": "What does this program print?", "completion": "No output"}],
        [{"prompt": "Write dummy text.", "completion": "Lorem ipsum dolor sit amet."}],
        [{"prompt": "Name an HTML tag.", "completion": "<code>"}, {"prompt": "30 in Roman?", "completion": "XXX"}],
        [{"text": "How are you?", "label": "none"}, {"text": "N/A", "label": "other"}],
        [{"prompt": "Hm?", "chosen": "Nothing at all.", "rejected": "N/A"}],
        [{"prompt": "S in Morse code?", "completion": "..."}],
        [
            {
                "messages": [
                    {"role": "user", "content": "Look."},
                    {
                        "role": "assistant",
                        "content": "...",
                        "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}],
                    },
                    {"role": "tool", "content": "None"},
                    {"role": "assistant", "content": "Nothing there."},
                ]
            }
        ],
    ]

    more: tuple[str, ...] = option((), "Further texts that are placeholders, in any case.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        content, own = pl.col("content").str, [text.strip().lower() for text in self.more]
        suspect = content.contains(_DUMMY) | (
            pl.when(content.len_chars() <= _LONGEST).then(pl.col("content")).str.contains(_PLACEHOLDER)
        )
        some = chunk.once(answers).filter(
            suspect | content.strip_chars().str.to_lowercase().is_in(own) if own else suspect
        )
        found = [
            (row, pointer, line_of(text, 40))
            for row, pointer, text in some.select("row", "pointer", "content").iter_rows()
            if text.strip().lower() in own or not _is_meant(text, "\n".join(asked(chunk, row, pointer)))
        ]
        return pl.DataFrame(found, schema=["row", "pointer", "answer"], orient="row") if found else none()


def _is_meant(answer: str, prompt: str) -> bool:
    """Whether a prompt asks for what is a placeholder elsewhere."""
    bare = re.sub(r"[\W_]+", " ", answer.lower()).strip()
    if bare and re.search(rf"\b{re.escape(answer.strip(' .<>[]*').lower())}\b", prompt.lower()):
        return True
    meant = _MEANT.get(bare) or (_MEANT[""] if not bare or bare.startswith("lorem") else None)
    return meant is not None and meant.search(prompt) is not None
