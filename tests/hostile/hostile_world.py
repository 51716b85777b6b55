"""A folder in which every hostile text stands in every place that data have, and what may be printed of it."""

import csv
import gzip
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from hostile import HOSTILE

# Content of a row that rules complain about in many ways: what is quoted of it must be harmless.
Row = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: Any
    out: bytes
    err: bytes


@dataclass(frozen=True)
class World:
    """The folder, and its files by what they hold."""

    root: Path
    files: tuple[str, ...]


def talk(text: str) -> Row:
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": f"{text}, {text}"}]}


def odd_role(text: str) -> Row:
    turns = [{"role": "user", "content": "Why?", "name": text}, {"role": text, "content": text, text: text}]
    return {"messages": turns, text: text, "label": text}


def tools(text: str) -> Row:
    call = {"id": text, "type": "function", "function": {"name": text, "arguments": json.dumps({text: text})}}
    turns = [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"{text}?", "name": text, "content": text},
        {"role": "assistant", "content": text},
    ]
    schema = {"type": "object", "properties": {text: {"type": text, "description": text}}, "required": [text, "n"]}
    return {"messages": turns, "tools": [{"type": "function", "function": {"name": f"{text}!", "parameters": schema}}]}


def ask(text: str, answer: str) -> Row:
    return {"prompt": f"Sort this: {text}", "completion": answer, "label": text}


def choice(text: str) -> Row:
    return {"prompt": text, "chosen": text, "rejected": text, "score_chosen": text, text: [text]}


def texts() -> list[str]:
    return list(HOSTILE.values())


def unique(rows: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(rows))


def make_world(root: Path) -> World:
    """The files, every text in each of them. Their names are tested elsewhere."""
    chats = [make(text) for text in texts() for make in (talk, odd_role, tools)]
    _jsonl(root / "chat.jsonl", [*chats, *chats[:9]])
    answers = [ask(text, answer) for text in texts() for answer in (text, "no", "x" * 60 + text)]
    (root / "qa.json").write_text(json.dumps([*answers, *answers[:3]], ensure_ascii=False), encoding="utf-8")
    _jsonl(root / "pairs.jsonl", [choice(text) for text in texts()])
    (root / "broken.jsonl").write_text("".join(_broken()), encoding="utf-8")
    columns = unique([text.replace("\0", "") for text in texts()])
    with (root / "table.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["prompt", "completion", *columns])
        out.writerows([text, text, *columns] for text in columns for _ in range(2))
    with gzip.open(root / "packed.jsonl.gz", "wt", encoding="utf-8") as packed:
        packed.writelines(json.dumps(talk(text), ensure_ascii=False) + "\n" for text in texts())
    _parquet(root / "columns.parquet")
    return World(root, tuple(sorted(path.name for path in root.iterdir())))


def _jsonl(path: Path, rows: Sequence[Row]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _broken() -> Iterator[str]:
    """Lines that cannot be read, or whose keys come twice."""
    for text in texts():
        yield text.replace("\n", " ") + "\n"
        key = json.dumps(text, ensure_ascii=False)
        yield f'{{{key}: {key}, {key}: 1, "prompt": {key}, "completion": {key}}}\n'
        yield f'{{"prompt": "a", "completion": {key}{key}}}\n'
    yield '{"prompt": "half a pair \\ud800", "completion": "b"}\n'


def _parquet(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {text: pa.array([text, text, "x"]) for text in texts()}
    told = {text.encode(): text.encode() for text in texts()}
    fields = [
        pa.field("prompt", pa.string(), metadata=told),
        pa.field("completion", pa.string()),
        *(pa.field(name, pa.string()) for name in columns),
    ]
    table = pa.table(
        [pa.array(["a", "a", texts()[0]]), pa.array(["b", "c", "d"]), *columns.values()], pa.schema(fields, told)
    )
    pq.write_table(table, path)


def toml(text: str) -> str:
    """A string of TOML."""
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'


# ---- what may be printed ----

_STEERING = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_COMMANDS = re.compile(r"^\s*::|##[A-Za-z]*\[")
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def assert_inert(data: bytes, *, styled: bool = False, line_ends: bool = False) -> str:
    """The text of an output that may be printed anywhere: no terminal is steered, no runner of CI commanded.

    `styled`: colours are ours, which another test looks after. `line_ends`: carriage returns at the ends of lines,
    and tabs, may be those of files.
    """
    text = data.decode("utf-8")
    plain = _STYLE.sub("", text) if styled else text
    if line_ends:
        plain = plain.replace("\r\n", "\n").replace("\t", " ")
    steering = {char for char in set(plain) if unicodedata.category(char) in _STEERING} - {"\n"}
    assert steering == set()
    assert [line for line in plain.split("\n") if _COMMANDS.search(line)] == []
    return text


def assert_whole(data: bytes) -> None:
    """A report: harmless if it is text, and in its own format what it says it is."""
    if data.startswith(b"PAR1"):
        return  # nobody prints it
    text = assert_inert(data)
    start = text.lstrip()[:15].lower()
    if start.startswith("<!doctype html"):
        assert_page(text)
    elif start.startswith("<?xml"):
        ET.fromstring(text)
    elif start.startswith(("{", "[")):
        try:
            json.loads(text)
        except json.JSONDecodeError:  # one value a line
            assert [json.loads(line) for line in text.splitlines()]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))


def assert_page(text: str) -> None:
    """HTML that loads and runs nothing."""
    page = _Page()
    page.feed(text)
    page.close()
    for tag, attrs in page.tags:
        assert tag not in ("script", "iframe", "object", "embed", "link", "img", "base", "form", "svg", "a"), tag
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            assert name not in ("src", "href", "srcdoc"), (tag, name, value)
    assert "Content-Security-Policy" in text


def assert_told(ran: Ran, *, styled: bool = False, line_ends: bool = False) -> str:
    """Both streams of a command are harmless, and it did not crash. Returns standard output."""
    err = assert_inert(ran.err)
    assert "internal error" not in err
    assert "Traceback" not in err
    assert ran.code in (0, 1, 2)
    return assert_inert(ran.out, styled=styled, line_ends=line_ends)
