"""Rows and columns full of hostile text through every command: what is printed steers nothing."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile import HOSTILE
from hostile_world import Ran, World, assert_inert, assert_told, assert_whole, talk, texts

from datalint.location import resolve
from datalint.report import FORMATS

MODEL = Path(__file__).parents[2] / "fixtures" / "model"
Run = Callable[..., Ran]

# `{out}` is a folder to write to. Each command sees all hostile texts in all places.
COMMANDS = {
    "check": "check . --select ALL --max-examples 999",
    "check in colour": "check . --color always",
    "check with tokenizer": "check chat.jsonl --tokenizer {model} --max-length 20 --max-examples 999",
    "check without excerpts": "check . --no-excerpts",
    "statistics": "check . --statistics",
    "quiet": "check . -q --exit-zero",
    "files": "check . --show-files",
    "splits": "check --train chat.jsonl --eval packed.jsonl.gz --reference qa.json --max-examples 99",
    "check --diff": "check . --diff",
    "check --diff --unsafe-fixes": "check . --diff --unsafe-fixes",
    "clean": "clean . --out {out}/a",
    "clean --unsafe-fixes": "clean . --out {out}/a --unsafe-fixes --with-provenance",
    "clean --to jsonl": "clean . --out {out}/a --to jsonl --max-shard-size 100kB",
    "clean --diff": "clean . --diff --unsafe-fixes",
    "index": "index add . --index {out}/i",
}


def command(run: Run, line: str, cwd: Path, out: Path) -> Ran:
    return run(*(word.format(out=out, model=MODEL) for word in line.split()), cwd=cwd)


@pytest.mark.parametrize("line", COMMANDS.values(), ids=COMMANDS)
def test_no_command_passes_on_what_a_terminal_or_a_runner_obeys(
    run: Run, world: World, tmp_path: Path, line: str
) -> None:
    ran = command(run, line, world.root, tmp_path)
    # A line of a difference ends as that of the file does, or `patch` would not find it; a split follows a tab.
    assert_told(ran, styled="always" in line, line_ends="--diff" in line or "--show-files" in line)
    assert ran.out or "-q" in line


@pytest.mark.parametrize("name", FORMATS)
def test_every_report_format_is_harmless_and_whole(run: Run, world: World, tmp_path: Path, name: str) -> None:
    """A format that is added to the registry is tested here without a change."""
    printed = run("check", ".", "--select", "ALL", "--output-format", name, cwd=world.root)
    run("check", ".", "--select", "ALL", "--output-format", f"{name}:{tmp_path}/report", cwd=world.root)
    for data in (printed.out, (tmp_path / "report").read_bytes()):
        assert_whole(data)


def test_colours_are_all_that_colour_adds(run: Run, world: World) -> None:
    """So no escape comes from content: there it would be in the plain output too."""
    for line in ("check . --max-examples 99", "check . --diff --unsafe-fixes", "check . --statistics"):
        plain, coloured = (run(*line.split(), "--color", when, cwd=world.root).out for when in ("never", "always"))
        bare = re.sub(rb"\x1b\[[0-9;]*m", b"", coloured)
        assert b"\x1b" not in plain
        assert bare != coloured
        assert _timeless(bare) == _timeless(plain)


def _timeless(text: bytes) -> list[bytes]:
    return [line.rstrip() for line in text.splitlines() if b" files, " not in line]


def test_what_the_json_report_points_to_is_there(run: Run, world: World) -> None:
    """Masked or escaped for the screen, a pointer still means the same value once it is parsed."""
    report = json.loads(run("check", "chat.jsonl", "pairs.jsonl", "--output-format", "json", cwd=world.root).out)
    rows = {
        name: [json.loads(line) for line in (world.root / name).read_text("utf-8").split("\n") if line]
        for name in ("chat.jsonl", "pairs.jsonl")
    }
    pointed = [one for one in report["findings"] if one["pointer"] and one["row"] is not None]
    assert len(pointed) > 100
    for one in pointed:
        value, parent = rows[one["file"]][one["row"]], one["pointer"].rpartition("/")[0]
        resolve(value, parent)  # the last part may be what is missing


def test_what_is_written_holds_the_texts_as_they_were(run: Run, world: World, tmp_path: Path) -> None:
    """Escapes are for screens alone: data, changes and removed rows are not touched."""
    import pyarrow.parquet as pq

    assert run("clean", "chat.jsonl", "--out", tmp_path / "out", "--select", "DUP001", cwd=world.root).code == 0
    said = {
        turn["content"] for row in pq.read_table(tmp_path / "out/chat.parquet").to_pylist() for turn in row["messages"]
    }
    assert {*texts()} <= said
    removed = pq.read_table(tmp_path / "out/removed.parquet").to_pylist()
    assert [json.loads(row["raw"]) for row in removed[:1]] == [talk(texts()[0])]


def test_a_clean_s_output_is_harmless_text_and_comes_back(run: Run, world: World, tmp_path: Path) -> None:
    assert_told(run("clean", ".", "--out", tmp_path / "out", "--unsafe-fixes", cwd=world.root))
    for name in ("README.md", "manifest.json"):
        assert_inert((tmp_path / "out" / name).read_bytes())
    assert_told(run("restore", tmp_path / "out", "--out", tmp_path / "back"))
    for name in set(world.files) - {"columns.parquet", "packed.jsonl.gz"}:
        assert (tmp_path / "back" / name).read_bytes() == (world.root / name).read_bytes()


def test_fixes_in_place_are_told_harmlessly(run: Run, world: World, tmp_path: Path) -> None:
    shutil.copytree(world.root, tmp_path / "data")
    assert_told(run("check", ".", "--fix", "--unsafe-fixes", cwd=tmp_path / "data"))
    assert_told(run("check", ".", "--fix", cwd=tmp_path / "data"))


def test_rows_seen_before_are_told_harmlessly(run: Run, world: World, tmp_path: Path) -> None:
    assert_told(run("index", "add", "qa.json", "--index", tmp_path / "i", cwd=world.root))
    assert_told(run("index", "info", "--index", tmp_path / "i"))
    ran = run(
        "check", "qa.json", "--against", tmp_path / "i", "--select", "DUP", "--max-examples", "99", cwd=world.root
    )
    assert_told(ran)


@pytest.mark.parametrize("form", ["text", "html", "json"])
def test_a_row_explained_is_harmless(run: Run, world: World, form: str) -> None:
    for number in range(1, 3 * len(HOSTILE) + 1, 4):
        where = ("explain", f"chat.jsonl:{number}", "--output-format", form)
        assert_whole(run(*where, "--chat-template", MODEL / "chat_template.jinja", cwd=world.root).out)
        if number < 20:
            assert_whole(run(*where, "--tokenizer", MODEL, cwd=world.root).out)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_templates_fail_harmlessly(run: Run, tmp_path: Path, text: str) -> None:
    """What a template raises is its author's text; a row of its own may be in it."""
    (tmp_path / "raise.jinja").write_text("{{ raise_exception(messages[0].content) }}{{ messages }}")
    (tmp_path / "broken.jinja").write_text("{% if " + text)
    (tmp_path / "a.jsonl").write_text(json.dumps(talk(text)) + "\n", encoding="utf-8")
    for name in ("raise.jinja", "broken.jinja"):
        for line in ("check a.jsonl", "check a.jsonl --output-format json", "explain a.jsonl:1"):
            assert_told(run(*line.split(), "--chat-template", name))
