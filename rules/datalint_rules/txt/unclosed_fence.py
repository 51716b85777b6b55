"""TXT008."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from datalint.brief import line_of, part
from datalint.chunk import Chunk
from datalint.location import resolve
from datalint.rule import Fix, Found, Rule
from datalint.views.turns import Turn
from datalint_rules.txt.visible import answers, mended

# At the start of a line, in a quotation or a list item too; or at the end of one, as models do at times.
_FENCE = re.compile(
    r"^(?P<lead>[ \t]{0,40}(?:>[ \t]{0,4}){0,8}(?:(?:[-*+]|\d{1,3}[.)])[ \t]{1,4})?)"
    r"(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)"
    r"|(?<=[^`\n])(?P<tail>`{3,})[\w+#-]{0,20}[ \t]*$",
    re.MULTILINE,
)
_MARKS = ("```", "~~~")
# "Go on", where an answer was cut in the middle of its code and the next one takes it up.
_GO_ON = re.compile(r"\W*(?:please\W+)?(?:continue|go on|keep going|carry on|next|more|finish|继续)\b", re.IGNORECASE)


@dataclass(frozen=True)
class UnclosedFence(Rule):
    """An answer opens a block of code and does not close it.

    ## What it does
    Counts the lines of each answer or text that begin with a fence, three or more backticks or tildes, as Markdown
    does: a longer or other fence holds shorter ones as text, and what is opened and closed in one line is no block.
    An odd number is reported. Left out: an answer that completes code which the prompt opens, one that goes on in the
    next turn, and lines of tildes that part two scenes or underline a heading.

    ## Why is this bad?
    The answer was cut in the middle of its code, or the model learns to leave blocks open: all that follows shows
    as code.

    ## Example
    An answer that ends with "```python" and a line of code.

    ## Fix safety
    Unsafe: the block is closed at the end of the text, where it may have been meant to end earlier. A fence that is
    the last line, with nothing after it, is removed.

    ## Options
    None.

    ## References
    CommonMark 0.31.2, section 4.5; Soup's cleaning of answers.
    """

    code, name = "TXT008", "unclosed-fence"
    severity = "warning"
    message = "the block of code that begins with {fence} is not closed"
    fix = Fix("rewrite", "unsafe")
    fix_title = "closes it at the end"
    bad = [
        [{"prompt": "Print one.", "completion": "Here:\n```python\nif x:\n    print(1)"}],
        [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "~~~\ncode\n"}]}],
        [{"text": "A\n```\na\n```\nB\n```\nb\n```\nC\n```\n"}],
        [
            {
                "instruction": "Two.",
                "input": "",
                "output": "1. One:\n   ```c\n   int x;\n2. Two:\n   ```c\n   int y;\n   ```",
            }
        ],
        [{"prompt": "q", "completion": "````md\n```\nx\n```\n"}],
    ]
    good = [
        [{"prompt": "Print one.", "completion": "Here:\n```python\nprint(1)\n```\nDone."}],
        [{"prompt": "Show Markdown.", "completion": "````md\n```\nnot closed\n````\n```` ```x``` ````"}],
        [{"prompt": "Show Markdown.", "completion": "```md\n```python\nx\n```\n```"}],
        [{"prompt": "Go.", "completion": "```x = 1```\nSome `` ``` `` here, a ``` there"}],
        [{"prompt": "A list.", "completion": "- ```c\n  int x;\n  ```\n> ```\n> q\n> ```\n```int y;\nint z;```"}],
        [{"prompt": "A story.", "completion": "He left.\n\n~~~\n\nShe stayed.\n\nTitle\n~~~~~\nText"}],
        [{"prompt": "Complete:\n```python\ndef f():", "completion": "\n    return 1\n```"}],
        [{"prompt": "What is wrong here?\n```\nx = ", "completion": "The line is not complete."}],
        [
            {
                "messages": [
                    {"role": "user", "content": "Code."},
                    {"role": "assistant", "content": "```c\nint x;"},
                    {"role": "user", "content": "continue"},
                    {"role": "assistant", "content": "int y;\n```"},
                ]
            }
        ],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        some = chunk.once(answers)
        some = some.filter(pl.col("content").str.contains_any(list(_MARKS)))
        found = []
        for row, pointer, text in some.select("row", "pointer", "content").iter_rows():
            fault = _fault(text)
            if fault and not _is_shared(chunk.turn_lists[row], pointer):
                shown = line_of(part(text, fault.start, fault.end).strip(), 30)
                # Not in a list of blocks, which is no text, and not where nothing would be left.
                able = fault.mended.strip() and isinstance(resolve(chunk.values[row], pointer), str)
                found.append((row, pointer, fault.start, fault.end, shown, "rewrite" if able else None))
        schema = {"row": pl.UInt32, "pointer": pl.String, "start": pl.UInt32, "end": pl.UInt32, "fence": pl.String}
        return pl.DataFrame(found, schema=schema | {"fix_kind": pl.String}, orient="row")

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        return mended(row, found, _closed)


class _Fault(NamedTuple):
    start: int
    end: int
    mended: str  # the whole text


def _closed(text: str) -> str:
    fault = _fault(text)
    return fault.mended if fault else text


def _fault(text: str) -> _Fault | None:
    """The fence that has no other one, if their number is odd."""
    opened: re.Match[str] | None = None
    # A block that is open where another one begins, by its language.
    broken: tuple[re.Match[str], re.Match[str]] | None = None
    for line in _FENCE.finditer(text):
        if opened is None:
            opened = line if line["tail"] or _opens(text, line) else None
        elif line["tail"] or opened["tail"] or _closes(line, opened):
            if (line["info"] or "").strip() and opened["mark"] and broken is None:
                broken = opened, line
            opened = None
    if opened is None or opened["tail"]:
        return None
    if broken:
        first, second = broken
        return _Fault(*first.span(), text[: second.start()] + _closing(first) + "\n" + text[second.start() :])
    if not text[opened.end() :].strip() and not opened["info"].strip():
        return _Fault(*opened.span(), text[: opened.start()].rstrip("\n") + text[opened.end() :])
    return _Fault(*opened.span(), text + ("" if text.endswith("\n") else "\n") + _closing(opened))


def _opens(text: str, line: re.Match[str]) -> bool:
    if line["mark"][0] == "`":
        return "`" not in line["info"]  # opened and closed in a line: inline code
    above, below = text[: line.start()].endswith("\n\n") or not line.start(), text[line.end() :][:2].strip() != ""
    # A rule between two scenes has an empty line below, the underline of a heading a text above.
    return bool(line["info"].strip()) or (below and (above or len(line["mark"]) == 3))


def _closes(line: re.Match[str], opened: re.Match[str]) -> bool:
    """Whether a fence counts in a block: others are its text."""
    mark = line["mark"]
    return mark[0] == opened["mark"][0] and len(mark) >= len(opened["mark"]) and "`" not in line["info"]


def _closing(fence: re.Match[str]) -> str:
    """The line that closes a block: as deep as the one that opened it."""
    return re.sub(r"[^>\s]", " ", fence["lead"]) + fence["mark"]


def _is_shared(turns: Sequence[Turn], pointer: str) -> bool:
    """Whether the prompt opens the block, or the block goes on in the answer after the next or before the last turn."""
    at = next(number for number, turn in enumerate(turns) if turn.pointer == pointer)
    before = next((n for n in range(at - 1, -1, -1) if turns[n].role == "user"), None)
    if before is not None and _fault(turns[before].content or ""):
        return True
    split = [n for n in (at - 1, at + 1) if 0 < n < len(turns) - 1 and _GO_ON.match(turns[n].content or "")]
    return any(_fault(turns[2 * n - at].content or "") for n in split)
