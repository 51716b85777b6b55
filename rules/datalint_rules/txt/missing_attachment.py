"""TXT013."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.brief import line_of, part
from datalint.chunk import Chunk
from datalint.rule import Fix, Rule, none
from datalint.views.turns import Turn
from datalint_rules.txt.context import asked, everything, talks

_PICTURE = r"(?:image|picture|photo|photograph|screenshot|screen shot|video|audio|recording)"
_FILE = (
    rf"(?:{_PICTURE}|file|document|pdf|spreadsheet|excel|csv|word doc|attachment|article|paper|essay|report|resume|cv|"
    r"chart|graph|diagram|map|table|data ?set|slides?|presentation|invoice|receipt|contract|form|code|log)s?"
)
_IMAGE = rf"{_PICTURE}s?"
# <Picture Attached>, [insert image here]
_BRACKETED = (
    rf"[<\[(][ \t]*(?:(?:see|insert|the|an?|your|please|upload(?:ed)?|attach(?:ed)?)[ \t]+)*{_FILE}[ \t]+"
    r"(?:is[ \t]+)?(?:attached|here|below|enclosed|uploaded|included)[ \t]*[>\])]"
)
_SAID = (
    # (see attached file)
    rf"[<\[(][ \t]*(?:see[ \t]+)?(?:the[ \t]+)?attached(?:[ \t]+\w+)?[ \t]+{_FILE}[ \t]*[>\])]"
    rf"|\b(?:the|this|these|my|an|in|see)[ \t]+attached[ \t]+(?:\w+[ \t]+)?{_FILE}\b"
    rf"|\bI(?:'ve|’ve|[ \t]+have)?[ \t]+(?:just[ \t]+)?(?:attached|uploaded)[ \t]+"
    rf"(?:the|an?|my|this|some|two|three)[ \t]+(?:\w+[ \t]+)?{_FILE}\b"
    rf"|\b{_FILE}[ \t]+(?:(?:is|are|has been|have been)[ \t]+)?attached"
    r"(?:[ \t]+(?:below|here|above))?[ \t]*(?:[.!?:)\]>]|$)"
    rf"|\b(?:the|this|following)[ \t]+(?:\w+[ \t]+)?{_IMAGE}[ \t]+(?:below|above|shown here)\b"
    r"|\b(?:in|from|see|to|using|on)[ \t]+the[ \t]+(?:figure|diagram|drawing)[ \t]+(?:below|above|shown)\b"
    r"|见附件|附件中的|附件里的|上传的(?:图片|文件|照片)|(?:如|见|看)(?:下图|上图|附图)"
)
_SAYS = re.compile(f"{_BRACKETED}|{_SAID}", re.IGNORECASE | re.MULTILINE)
_LITERALS = ["attached", "uploaded", "below", "above", "shown", "附件", "上传的", "下图", "上图"]  # of what is said
_LONGEST = 600  # characters of a prompt; longer ones bring what they speak of along as text
_URL = r"^\s*<?(?:https?://|www\.)[^\s<>]+>?\s*$"
# Somebody else's letter may well have an attachment.
_LETTER = re.compile(
    r"\b(?:writ(?:e|ing)|draft|compose|send|reply|respond|e-?mails?|letters?|message|subject|body|translate|rewrite|"
    r"paraphrase|correct|proofread|how (?:do|can|to|should)|instructions? for)\b|邮件|写一|翻译|信件",
    re.IGNORECASE,
)
# A drawing in words.
_DRAWN = re.compile(r"\[asy\]|tikz|<svg|\|[-:]+\|", re.IGNORECASE)
# Who can fetch it, or only handles the address.
_TOOLS = re.compile(
    r"toolformer|\btools? (?:enabled|access|available|calls?)|"
    r"\b(?:access to|using|with|following|available) (?:\w+ )?tools?\b|"
    r"\bAPIs?\b|\bplug-?ins?\b|\bbrows(?:er|ing)\b|\bweb search\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b(?:urls?|uri|links?|address|domain|hyperlink|slug|scrap\w*|crawl\w*|download\w*|fetch\w*|requests?|http\w*|"
    r"code|script|program|function|class|method|python|java\w*|php|ruby|html|regex\w*|curl|valid\w*|parse|shorten|"
    r"cite|citation|reference|bibliography)\b|代码|链接|网址|程序",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"```|^[ \t]*(?:import |from \w+ import|def |class |#include|<html|<!DOCTYPE|const |function )", re.M
)
# An answer that says that there is nothing to see teaches the right thing.
_NOTICED = re.compile(
    r"\b(?:can(?:no|['’])t|unable to|not able to|do(?:n['’]t| not)|did(?:n['’]t| not)|cannot)\s+(?:\w+\s+){0,3}"
    r"(?:see|view|access|open|find|receive|have|process|visit|browse|read|analy[sz]e)|"
    r"\bno (?:image|picture|photo|file|attachment|document)|"
    r"\b(?:re-?)?(?:attach|upload|share|paste|provide) (?:it|the|your)\b|"
    r"无法(?:查看|访问|打开|看到|浏览)|没有(?:看到|附件|图片)",
    re.IGNORECASE,
)
_MEDIA = "image img picture photo video audio file attachment media pixel_value image_url image_path document article"
_TOOL = "tool function tool_call function_call plugin api"
_COLUMNS = frozenset(word + end for word in f"{_MEDIA} {_TOOL}".split() for end in ("", "s"))
_BLOCK = re.compile(r"(?:input_)?(?:image|video|audio|file|document)(?:_url)?")


@dataclass(frozen=True)
class MissingAttachment(Rule):
    """The prompt speaks of a picture, a file or a page that the row does not bring along.

    ## What it does
    Reports a user turn that says that something is attached (`<Picture Attached>`, "the attached report", "the photo
    below"), or whose whole text is an address while the task is to read what stands there. Rows with a media column or
    media blocks, with tools or calls, that only ask to write such a letter or to work with the address itself (code,
    links), and those whose answer says that it sees nothing, are left out.

    ## Why is this bad?
    The answer describes what the model cannot see: it is trained to make things up.

    ## Example
    `{"instruction": "Describe the painting.", "input": "<Picture Attached>", "output": "It shows a boat."}`

    ## Fix safety
    Unsafe: the row is dropped.

    ## Options
    None.

    ## References
    AlpacaDataCleaned, item 1 (80 rows of Alpaca). The addresses in GPTeacher's Toolformer rows are fine: those rows
    have tools.
    """

    code, name = "TXT013", "missing-attachment"
    severity = "warning"
    message = "{what}, and the row has neither media nor tools: {text!r}"
    fix = Fix("drop", "unsafe")
    fix_title = "drops the row"
    bad = [
        [{"instruction": "Describe the painting.", "input": "<Picture Attached>", "output": "It shows a boat."}],
        [{"instruction": "Summarise the article.", "input": "https://example.org/a/1", "output": "It is about tea."}],
        [{"prompt": "What breed is the dog in the attached photo?", "completion": "A beagle."}],
        [
            {
                "messages": [
                    {"role": "user", "content": "www.example.org/news"},
                    {"role": "assistant", "content": "Rain."},
                ]
            }
        ],
    ]
    good = [
        [{"prompt": "What breed is the dog in the attached photo?", "completion": "A beagle.", "images": ["a.png"]}],
        [{"instruction": "Summarise it.", "input": "https://example.org", "output": "x", "tools": [{"name": "get"}]}],
        [{"instruction": "Write Python that loads this page.", "input": "https://example.org", "output": "import x"}],
        [{"prompt": "Write an e-mail that says: the attached report is late.", "completion": "Dear all, ..."}],
        [{"prompt": "What does the attached file say?", "completion": "I cannot see any attachment."}],
        [{"prompt": "A shark has 6 remoras attached. How many legs?", "completion": "None."}],
        [{"text": "https://example.org", "label": "link"}],
        [
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "What is in the attached photo?"},
                            {"type": "image_url", "image_url": {"url": "a.png"}},
                        ],
                    },
                    {"role": "assistant", "content": "A dog."},
                ]
            }
        ],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        text = pl.col("content").str
        user = (pl.col("role") == "user") & (pl.col("field") != "text")
        short = chunk.turns.filter(user & (text.len_chars() <= _LONGEST))
        may_say = short.filter(text.contains_any(_LITERALS, ascii_case_insensitive=True))
        # A search for brackets is fast by itself.
        suspects = (
            may_say.filter(text.contains(f"(?im){_SAID}")),
            short.filter(text.contains(f"(?i){_BRACKETED}")),
            short.filter(text.contains(_URL)),
        )
        found = []
        for row, turns in talks(chunk, [row for some in suspects for row in some["row"]]):
            for turn in turns:
                what = _missing(turns, turn) if turn.role == "user" and turn.field != "text" else None
                if what and not _brings(chunk.values[row]) and not any(t.calls or t.role == "tool" for t in turns):
                    found.append((row, turn.pointer, *what))
                    break
        if not found:
            return none()
        schema = {"row": pl.UInt32, "pointer": pl.String, "what": pl.String, "text": pl.String}
        return pl.DataFrame(found, schema=schema, orient="row")


def _missing(turns: Sequence[Turn], turn: Turn) -> tuple[str, str] | None:
    """What a user turn lacks, and the words that say so."""
    text = turn.content or ""
    says = _SAYS.search(text)
    address = says is None and re.match(_URL, text) is not None
    if says is None and not address:
        return None
    question, answers = asked(turns), "\n".join(t.content or "" for t in turns if t.role == "assistant")
    if not answers or _NOTICED.search(answers) or _TOOLS.search(everything(turns)):
        return None
    if says is None:
        at_work = _ADDRESS.search(question.replace(text, " ")) or _CODE.search(answers)
        return None if at_work else ("the input is only an address", line_of(text))
    # What is said to stand below may do so: as text, as a table, as an address.
    if _LETTER.search(question) or _DRAWN.search(question) or len(question) > _LONGEST or _quoted(text, says):
        return None
    return "something is said to be attached", line_of(part(text, *says.span()))


def _quoted(text: str, says: re.Match[str]) -> bool:
    """The words stand in quotation marks: somebody else's."""
    return text[: says.start()].count('"') % 2 == 1 or text[: says.start()].count("“") > text[: says.start()].count("”")


def _brings(value: Any) -> bool:
    """The row has media or tools, in a column, a message or a block of its content."""
    if isinstance(value, dict):
        if _BLOCK.fullmatch(str(value.get("type", ""))):
            return True
        return any((key.lower() in _COLUMNS and item) or _brings(item) for key, item in value.items())
    return isinstance(value, list) and any(_brings(item) for item in value)
