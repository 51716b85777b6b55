"""A credential or a person's data in any place of a row is shown in no output, neither whole nor in part.

Only data files, changes.parquet, removed.parquet and originals.parquet hold it: they are the user's data.
"""

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hostile_secrets import ALL, SECRETS, leaks
from hostile_world import Ran, toml

from datalint import pii, secrets
from datalint.brief import brief, heads, part
from datalint.report import FORMATS

MODEL = Path(__file__).parents[2] / "fixtures" / "model"
Run = Callable[..., Ran]

# What messages quote is cut somewhere: with words of many lengths before it, the cut falls into each secret.
PADS = ["", "x" * 9 + " ", *("word " * n for n in (3, 5, 6, 11, 14, 21))]
# What rules look for, around a secret.
FRAMES = ["{}", "{{{}}}", "[{}]", "<b>{}</b>", "<|{}|>", "{} {} {} {} {}", "user: {}", "\u200b{}\u200b", "{}\x00"]


def rows() -> Iterator[dict[str, Any]]:
    for value in ALL.values():
        for pad in PADS:
            text = pad + value
            call = {"id": text, "type": "function", "function": {"name": text, "arguments": json.dumps({text: text})}}
            tool = {
                "name": text,
                "parameters": {"type": text, "properties": {text: {"type": text}}, "required": [text]},
            }
            yield {
                "messages": [
                    {"role": "system", "content": text},
                    {"role": "user", "content": text, "name": text},
                    {"role": "assistant", "content": "", "tool_calls": [call]},
                    {"role": "tool", "tool_call_id": text + "?", "name": text, "content": text},
                    {"role": "assistant", "content": text, text: text},
                ],
                "tools": [{"type": "function", "function": tool}, tool],
                "id": text,
            }
            yield {
                "messages": [{"role": text, "content": text}, {"role": "assistant", "content": {text: text}}],
                text: text,
            }
            yield {
                "messages": [{"role": "user", "content": [{"type": text, text: text}]}, {"role": "user", text: text}]
            }
        for frame in FRAMES:
            said = frame.format(*[value] * frame.count("{}"))
            yield {"messages": [{"role": "user", "content": said}, {"role": "assistant", "content": said}]}


def answers() -> Iterator[dict[str, Any]]:
    for value in ALL.values():
        for pad in PADS:
            for answer in (value, f"{pad}{value}", "no", "no."):
                yield {"prompt": f"Sort this: {pad}{value}", "completion": answer, "label": f"{pad}{value}"}


def unreadable() -> Iterator[str]:
    """Lines that cannot be read, or whose keys come twice."""
    for value in ALL.values():
        for pad in PADS:
            text = json.dumps(pad + value)
            yield f'{{{text}: 1, {text}: 2, "prompt": {text}, "completion": {text}}}'
            yield f'{{"prompt": "a", "completion": {text}{text}}}'
            yield f'{{"prompt": {text}, "completion": NaN}}'
            yield f"{pad}{value}".replace("\n", " ")
            yield f'{{"prompt": "\\ud800 {text[1:-1]}", "completion": "b"}}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    root = tmp_path_factory.mktemp("secrets")
    made = [*rows()]
    (root / "chat.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*made, *made[:5]]))
    (root / "qa.json").write_text(json.dumps([*answers()]))
    (root / "broken.jsonl").write_text("".join(line + "\n" for line in unreadable()))
    with (root / "table.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["prompt", "completion", *ALL.values()])
        out.writerows([value, value, *ALL.values()] for value in ALL.values() for _ in range(2))
    columns = {value: [value, value, value + "."] for value in ALL.values()}
    table = pa.table({"prompt": ["a", "a", "b"], "completion": ["b", "c", "c"], **columns})
    pq.write_table(table.replace_schema_metadata({value: value for value in ALL.values()}), root / "columns.parquet")
    return root


COMMANDS = {
    **{name: f"check . --select ALL --output-format {name}" for name in FORMATS},
    "every example": "check . --select ALL --max-examples 9999",
    "with tokenizer": "check chat.jsonl --tokenizer {model} --max-length 30 --max-examples 9999",
    "splits": "check --train chat.jsonl --eval qa.json --reference table.csv --max-examples 9999",
    "check --diff": "check . --diff --unsafe-fixes",
    "clean --diff": "clean . --diff --unsafe-fixes",
    "clean": "clean . --out {out}/o --unsafe-fixes",
    "clean --to jsonl": "clean . --out {out}/o --to jsonl",
    "index": "index add . --index {out}/i",
}


@pytest.mark.parametrize("line", COMMANDS.values(), ids=COMMANDS)
def test_no_command_shows_a_secret(run: Run, folder: Path, tmp_path: Path, line: str) -> None:
    ran = run(*(word.format(out=tmp_path, model=MODEL) for word in line.split()), cwd=folder)
    assert ran.code in (0, 1)
    assert leaks(ran.out + ran.err) == {}
    for name in ("README.md", "manifest.json"):
        # To load JSON Lines the card has to name the columns, whatever they are called.
        if (tmp_path / "o" / name).exists() and (name, "jsonl" in line) != ("README.md", True):
            assert leaks((tmp_path / "o" / name).read_bytes()) == {}


def test_what_is_left_to_a_user_s_data_is_theirs(run: Run, folder: Path, tmp_path: Path) -> None:
    """`restore` gives back every byte, and says nothing of it; so do fixes in place."""
    run("clean", ".", "--out", tmp_path / "o", "--unsafe-fixes", cwd=folder)
    ran = run("restore", tmp_path / "o", "--out", tmp_path / "back")
    assert (tmp_path / "back/broken.jsonl").read_bytes() == (folder / "broken.jsonl").read_bytes()
    assert leaks(ran.out + ran.err) == {}
    shutil.copytree(folder, tmp_path / "data")
    ran = run("check", ".", "--fix", cwd=tmp_path / "data")
    assert leaks(ran.out + ran.err) == {}


@pytest.mark.parametrize("form", ["text", "html", "json"])
def test_no_explanation_shows_a_secret(run: Run, folder: Path, tmp_path: Path, form: str) -> None:
    few = (folder / "chat.jsonl").read_text().splitlines()[:: len(PADS) - 1]
    few += (folder / "broken.jsonl").read_text().splitlines()[:: len(PADS)]
    (tmp_path / "a.jsonl").write_text("\n".join(few))
    for number in range(1, len(few) + 1):
        ran = run(
            "explain", f"a.jsonl:{number}", "--output-format", form, "--chat-template", MODEL / "chat_template.jinja"
        )
        assert leaks(ran.out + ran.err) == {}


def test_no_token_of_a_secret_is_told(run: Run, tmp_path: Path) -> None:
    """The ids of tokens are the text for whoever has the tokenizer."""
    key = SECRETS["GitHub"]
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": f"It is {key} now."}) + "\n")
    ran = run("explain", "a.jsonl:1", "--tokenizer", MODEL, "--output-format", "json")
    pieces = json.loads(ran.out)["seen"][0]["pieces"]
    assert {number for piece in pieces if "*" in piece["text"] for number in piece["ids"]} == {-1}
    assert [piece["text"] for piece in pieces if -1 not in piece["ids"]][-1] == "."


@pytest.mark.parametrize("value", ALL.values(), ids=ALL)
def test_templates_and_fixes_that_fail_on_a_secret_do_not_quote_it(run: Run, tmp_path: Path, value: str) -> None:
    for pad in PADS:
        rows = [{"messages": [{"role": "user", "content": pad + value}, {"role": "assistant", "content": "a"}]}]
        (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        for template in (
            "{{ raise_exception(messages[0].content) }}",
            "{{ messages[0].content + 1 }}",
            "{{ messages[0][messages[0].content].x.y }}",
        ):
            (tmp_path / "t.jinja").write_text(template)
            for line in ("check a.jsonl", "check a.jsonl --output-format json", "explain a.jsonl:1"):
                ran = run(*line.split(), "--chat-template", "t.jinja")
                assert leaks(ran.out + ran.err) == {}


@pytest.mark.parametrize("value", SECRETS.values(), ids=SECRETS)
def test_settings_that_hold_a_credential_do_not_show_it(run: Run, tmp_path: Path, value: str) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    for table in (
        "{x} = 1",
        "format = {x}",
        "profile = {x}",
        "tokenizer = {x}",
        "chat-template = {x}",
        "against = {x}",
        "train = [{x}]",
        "select = [{x}]",
        "[gate]\nDUP001 = {x}",
        "[severity]\nDUP001 = {x}",
        "[columns]\nprompt = {x}",
        "[rules.FMT101]\nroles = [{x}]",
        "[rules.{x}]\na = 1",
        "[rules.DUP002]\n{x} = 1",
    ):
        (tmp_path / "datalint.toml").write_text(table.replace("{x}", toml(value)))
        for line in ("check a.jsonl", "config", "config --output-format json"):
            ran = run(*line.split())
            assert leaks(ran.out + ran.err) == {}, (table, line)


@pytest.mark.parametrize("value", ALL.values(), ids=ALL)
def test_no_cut_leaves_a_part_of_a_secret(value: str) -> None:
    """Wherever a message cuts what it quotes: masks come first."""
    text = f"{'word ' * 9}{value} {'word ' * 9}"
    at = text.index(value)
    for edge in range(at - 2, at + len(value) + 2):
        for quoted in (part(text, 0, edge), part(text, edge), part(text, edge, edge + 30), brief(text, edge)):
            shown = pii.mask(secrets.mask(quoted))
            assert leaks(shown.encode()) == {}, edge
        assert part(text, 0, edge) == heads(pl.Series([text]), edge)[0]
    assert part(text) == part(text, 0, len(text)) == brief(text, len(text)) == text
