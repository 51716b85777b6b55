"""TXT016."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Totals, none, option
from datalint_rules.pref.pairs import ANSWERS
from datalint_rules.txt.spans import blanked, prose

# Script -> its letters (blocks of code points, ends included), and what in a prompt asks for it.
_CJK = "chinese|mandarin|cantonese|hanzi|kanji|taiwan|hong kong|china|japan|korea|hanja|pinyin|中|汉|英|日|韩|漢"
_CYRILLIC = "russia|ukrain|bulgaria|serbia|macedonia|belarus|mongol|kazakh|cyrillic|soviet|俄"
_SCRIPTS: dict[str, tuple[tuple[tuple[int, int], ...], str]] = {
    "Latin": (
        ((0x41, 0x5A), (0x61, 0x7A), (0xAA, 0xAA), (0xBA, 0xBA), (0xC0, 0x24F), (0x1E00, 0x1EFF), (0xFF21, 0xFF5A)),
        "english|latin|french|german|spanish|abbreviat|code|英|法语|德语|西班牙|拉丁|代码|程序|编程|公式|缩写|網|网址|拼音",
    ),
    "Han": (((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FA1F)), _CJK),
    "Kana": (
        ((0x3041, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0xFF66, 0xFF9D)),
        "japan|hiragana|katakana|anime|日",
    ),
    "Hangul": (((0x1100, 0x11FF), (0x3131, 0x318E), (0xAC00, 0xD7A3)), "korea|hangul|k-pop|韩|韓"),
    "Cyrillic": (((0x400, 0x52F),), _CYRILLIC),
    "Greek": (((0x370, 0x3FF), (0x1F00, 0x1FFF)), "greek|greece|alpha|beta|希腊|ελλ"),
    "Arabic": (
        ((0x620, 0x6FF), (0x750, 0x77F), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC)),
        "arab|persia|farsi|urdu|islam|quran|阿拉伯",
    ),
    "Hebrew": (((0x590, 0x5FF),), "hebrew|israel|jewish|yiddish"),
    "Devanagari": (((0x900, 0x97F),), "hindi|sanskrit|marathi|nepal|india|devanagari|yoga"),
    "Bengali": (((0x980, 0x9FF),), "bengal|bangla|assam"),
    "Gurmukhi": (((0xA00, 0xA7F),), "punjab|gurmukhi|sikh"),
    "Gujarati": (((0xA80, 0xAFF),), "gujarat"),
    "Tamil": (((0xB80, 0xBFF),), "tamil"),
    "Telugu": (((0xC00, 0xC7F),), "telugu"),
    "Kannada": (((0xC80, 0xCFF),), "kannada"),
    "Malayalam": (((0xD00, 0xD7F),), "malayalam|kerala"),
    "Sinhala": (((0xD80, 0xDFF),), "sinhal|sri lanka"),
    "Thai": (((0xE01, 0xE3A), (0xE40, 0xE4E)), "thai|泰"),
    "Lao": (((0xE80, 0xEFF),), "lao"),
    "Tibetan": (((0xF40, 0xFBC),), "tibet"),
    "Burmese": (((0x1000, 0x109F),), "burm|myanmar"),
    "Georgian": (((0x10A0, 0x10FF), (0x1C90, 0x1CBF)), "georgia"),
    "Ethiopic": (((0x1200, 0x137F),), "amhar|ethiop|tigr|ge'ez"),
    "Khmer": (((0x1780, 0x17DD),), "khmer|cambodia"),
    "Armenian": (((0x531, 0x587),), "armenia"),
}
_NAMES = tuple(_SCRIPTS)
_LAST = 0x2FA1F
_ASKED = re.compile(
    r"translat|\benglish\b|\blanguages?\b|multilingual|\bscripts?\b|alphabet|unicode|emoticon|"
    r"how (?:do|to|would) (?:you |i |we )?say|"
    r"翻译|翻譯|译成|译为|语言|外语|翻訳",
    re.IGNORECASE,
)
# A name in its own writing stands in brackets or quotes.
_ASIDE = re.compile(
    r"\([^()\n]{0,200}\)|（[^（）\n]{0,200}）|\[[^\[\]\n]{0,200}\]|\"[^\"\n]{0,200}\"|[“「『«][^”」』»\n]{0,200}[”」』»]"
)


@dataclass(frozen=True)
class LanguageDrift(Rule):
    """An answer changes into a script that its prompt and the dataset do not use.

    ## What it does
    Counts the letters of every answer by script (Latin, Han, kana, Cyrillic, Arabic, ...). Reports a script that has
    more than 5 % of an answer's letters, no letter in its prompt, and none in 95 % of the dataset's answers. Code,
    mathematics, and words in brackets or quotes are left out, and so are prompts that ask for a translation or name
    the language. A text that holds its prompt too, as HH's rows do, is an answer from its last "Assistant:" on.

    ## Why is this bad?
    Models that write the data slip into the language they know best, mostly at the end of long answers. What is
    trained on that slips too.

    ## Example
    An English question, an English answer, and "因此答案是四。" at its end.

    ## Fix safety
    There is no fix: what was meant has to be translated.

    ## Options
    - `share`: smallest share of an answer's letters.
    - `habit`: largest share of the dataset's answers that may use the script for it to be foreign.
    - `min-letters`: fewest letters that are reported.

    ## References
    open-instruct's filter of Chinese characters (5 %); data-juicer and datatrove identify languages (0.8 and 0.65),
    which fails on texts below 100 characters: scripts do not.
    """

    code, name = "TXT016", "language-drift"
    severity = "info"
    message = "{share:.0%} of the answer's letters are {script}: {text!r}"
    bad = [
        [{"prompt": f"{i} + 1?", "completion": f"It is {i + 1}."} for i in range(25)]
        + [{"prompt": "What is 2+2?", "completion": "Two and two make four. 因此答案是四。"}],
        [
            {"messages": [{"role": "user", "content": f"{i}题"}, {"role": "assistant", "content": "四"}]}
            for i in range(25)
        ]
        + [{"messages": [{"role": "user", "content": "二加二"}, {"role": "assistant", "content": "It makes four."}]}],
    ]
    good = [
        [{"prompt": f"{i} + 1?", "completion": f"It is {i + 1}."} for i in range(25)]
        + [{"prompt": "Translate: four", "completion": "四四四四四四"}],
        [{"prompt": f"{i} + 1?", "completion": f"It is {i + 1}."} for i in range(25)]
        + [{"prompt": "Who was Mao?", "completion": "Mao Zedong (毛泽东主席) led it."}],
        [{"prompt": f"{i} + 1?", "completion": f"It is {i + 1}." if i % 2 else "答案是四。"} for i in range(30)],
        [{"prompt": f"{i} + 1?", "completion": f"It is {i + 1}."} for i in range(25)]
        + [{"prompt": "Integrate.", "completion": r"$\alpha β γ δ ε ζ$ α + β = γ"}],
        [
            {side: f"\n\nHuman: {i} + 1?\n\nAssistant: It is {n}." for side, n in (("chosen", i + 1), ("rejected", i))}
            for i in range(25)
        ]
        + [
            {
                "chosen": "\n\nHuman: Translate it: 四加四等于八\n\nAssistant: Four and four make eight.",
                "rejected": "\n\nHuman: Translate it: 四加四等于八\n\nAssistant: Eight.",
            }
        ],
    ]

    share: float = option(0.05, "Smallest share of an answer's letters.")
    habit: float = option(0.05, "Largest share of the dataset's answers that may use the script.")
    min_letters: int = option(4, "Fewest letters that are reported.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        answers = chunk.turns.filter(
            (pl.col("role") == "assistant")
            & pl.col("field").is_in(["messages", "output", "completion", "chosen"])
            & pl.col("content").str.contains(r"\p{L}")
        ).select("row", "turn", "pointer", "content")
        if not answers.height:
            return none()
        counts = _letters(answers["content"])
        letters = counts.sum(axis=1)
        first = int(answers["row"][0])
        habit = [("habit", first, name, int(n)) for name, n in zip(_NAMES, (counts > 0).sum(axis=0), strict=True) if n]
        habit.append(("habit", first, "", answers.height))
        # What most answers of many use is no drift: their prompts need not be looked at.
        usual = ((counts > 0).sum(axis=0) > 0.5 * answers.height) & (answers.height >= 100)
        odd = (counts >= self.min_letters) & (counts > self.share * letters[:, None]) & ~usual[None, :]
        found = [item for at, kind in np.argwhere(odd).tolist() for item in self._drift(chunk, answers.row(at), kind)]
        schema = {"kind": pl.String, "row": pl.UInt32, "script": pl.String}
        return pl.concat(
            [
                pl.DataFrame(habit, schema={**schema, "answers": pl.Int64}, orient="row"),
                pl.DataFrame(
                    found, schema={**schema, "pointer": pl.String, "share": pl.Float64, "text": pl.String}, orient="row"
                ),
            ],
            how="diagonal_relaxed",
        )

    def _drift(self, chunk: Chunk, answer: tuple[Any, ...], kind: int) -> list[tuple[Any, ...]]:
        """One answer's finding, if its prompt neither uses the script nor asks for it."""
        row, turn, pointer, content = answer
        script = _NAMES[kind]
        begin = _transcript(content) if not turn else 0
        prompt = content[:begin] + "\n".join(t.content or "" for t in chunk.turn_lists[row][:turn])
        letter = _letter(script)
        if letter.search(prompt) or _ASKED.search(prompt) or re.search(_SCRIPTS[script][1], prompt, re.IGNORECASE):
            return []
        text = prose(content)
        text = blanked(text, [(0, begin), *(match.span() for match in _ASIDE.finditer(text))])
        counts = _letters(pl.Series([text]))[0]
        # Single Greek letters are mathematics that nobody has marked as such.
        own = sum(map(len, _run(script).findall(text)))
        if own < self.min_letters or own <= self.share * counts.sum():
            return []
        start = letter.search(text)
        shown = content[start.start() : start.start() + 30] if start else ""
        return [("drift", row, script, pointer, float(own / counts.sum()), shown)]

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        habit = frame.filter(pl.col("kind") == "habit").group_by("script").agg(pl.col("answers").sum())
        total = int(habit.filter(pl.col("script") == "")["answers"].sum())
        foreign = habit.filter((pl.col("answers") <= self.habit * total) & (pl.col("script") != ""))["script"]
        if "pointer" not in frame.columns:
            return none()
        drift = frame.filter((pl.col("kind") == "drift") & pl.col("script").is_in(foreign.implode()))
        return drift.select("file", "row", "pointer", "script", "share", "text")


def _transcript(text: str) -> int:
    """Where the last answer begins in a text that holds its prompt as well, as HH's rows do; 0 if it holds none."""
    return max((match.end() for match in ANSWERS.finditer(text)), default=0)


@cache
def _table() -> npt.NDArray[np.uint8]:
    """Code point -> number of its script plus one; 0 for all that is no letter of a script."""
    table = np.zeros(_LAST + 2, dtype=np.uint8)
    for number, (blocks, _) in enumerate(_SCRIPTS.values(), start=1):
        for low, high in blocks:
            table[low : high + 1] = number
    return table


def _letters(texts: pl.Series) -> npt.NDArray[np.int64]:
    """Letters of each text by script, shape (texts, scripts); of ASCII texts all characters."""
    counts = np.zeros((len(texts), len(_NAMES)), dtype=np.int64)
    sizes = texts.str.len_chars().to_numpy().astype(np.int64)
    ascii_only = texts.str.len_bytes().to_numpy() == sizes
    # Of plain ASCII all letters are Latin; how many there are matters only beside other scripts.
    counts[ascii_only, 0] = sizes[ascii_only]
    filled = np.flatnonzero(~ascii_only)
    if not len(filled):
        return counts
    texts = texts.gather(filled)
    points = np.frombuffer("".join(texts.to_list()).encode("utf-32-le"), dtype=np.uint32)
    scripts = _table()[np.minimum(points, _LAST + 1)]
    starts = np.concatenate(([0], np.cumsum(sizes[filled])[:-1]))
    for number in np.flatnonzero(np.bincount(scripts, minlength=len(_NAMES) + 1)[1:]):
        counts[filled, number] = np.add.reduceat((scripts == number + 1).astype(np.int32), starts)
    return counts


def _class(script: str) -> str:
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in _SCRIPTS[script][0])


@cache
def _letter(script: str) -> re.Pattern[str]:
    return re.compile(f"[{_class(script)}]")


@cache
def _run(script: str) -> re.Pattern[str]:
    return re.compile(f"[{_class(script)}]{{{3 if script == 'Greek' else 1},}}")
