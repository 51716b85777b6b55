"""Files, folders and columns whose names attack: every command takes them, tells them harmlessly, gives them back."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile import HOSTILE
from hostile_world import Ran, assert_inert, assert_told, assert_whole, toml

from datalint.report import FORMATS

Run = Callable[..., Ran]
ROWS = '{"prompt": "a", "completion": "b"}\n' * 2 + '{"prompt": "a"\n'

# What a file system takes of each text: no slash, no null byte, 255 bytes.
NAMES = {key: text.replace("/", "_").replace("\0", "")[:80].encode()[:200] for key, text in HOSTILE.items()}
NAMES |= {
    "no UTF-8": b"\x80\xffname",
    "an option": b"--fix",
    "standard input": b"-x",
    "a glob": b"[a-z]*?",
    "YAML": b"x\n---\nconfigs: [evil]",
    "YAML in one line": b'": evil, "&x',
    "Markdown": b"|<code>![x](//evil.example)".replace(b"/", b""),
    "a separator": b"a:1#2",
    "a home": b"~root",
}


def named(name: bytes, ending: str = ".jsonl") -> str:
    return os.fsdecode(name) + ending


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file and a folder of each name."""
    root = tmp_path_factory.mktemp("names")
    for name in NAMES.values():
        (root / named(name)).write_text(ROWS)
        (root / named(name, "")).mkdir()
        (root / named(name, "") / named(name, ".csv")).write_text("prompt,completion\na,b\n")
    return root


COMMANDS = {
    "check": "check . --max-examples 99",
    "check --diff": "check . --diff --unsafe-fixes",
    "clean": "clean . --out {out}/a",
    "clean --diff": "clean . --diff",
    "clean --to jsonl": "clean . --out {out}/a --to jsonl --with-provenance",
    "index": "index add . --index {out}/i",
}


@pytest.mark.parametrize("line", COMMANDS.values(), ids=COMMANDS)
def test_names_below_a_folder_are_told_harmlessly(run: Run, folder: Path, tmp_path: Path, line: str) -> None:
    ran = run(*(word.format(out=tmp_path) for word in line.split()), cwd=folder)
    assert_told(ran, line_ends="--diff" in line)
    assert ran.code != 2


@pytest.mark.parametrize("name", FORMATS)
def test_names_do_no_harm_in_any_report(run: Run, folder: Path, name: str) -> None:
    ran = run("check", ".", "--select", "DUP001", "--output-format", name, cwd=folder)
    assert ran.code == 1
    assert_whole(ran.out)


def test_listed_files_are_a_line_each(run: Run, folder: Path) -> None:
    listed = assert_told(run("check", ".", "--show-files", cwd=folder), line_ends=True)
    assert len(listed.splitlines()) == 2 * len(NAMES)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_on_the_command_line_does_what_it_names(run: Run, folder: Path, tmp_path: Path, name: bytes) -> None:
    file = named(name)
    assert_told(run("check", "--select", "FMT001", "--", file, cwd=folder))
    assert_told(run("explain", "--output-format", "json", "--", f"{file}:1", cwd=folder))
    assert_told(run("check", file, cwd=folder))  # an option perhaps
    for wrong in (file + "x", file + "/x", "/" + file):
        assert run("check", "--", wrong, cwd=folder).code == 2
    out = tmp_path / named(name, "")
    assert_told(run("clean", "--select", "DUP001", "--out", out, "--", file, cwd=folder))
    assert_told(run("clean", "--out", out, "--", file, cwd=folder))  # is there already
    assert_told(run("restore", "--out", tmp_path / "back", "--", str(out)))
    assert (tmp_path / "back" / file).read_bytes() == (folder / file).read_bytes()
    report = run("check", "--output-format", f"json:{out}.json", "--", file, cwd=folder)
    assert_told(report)
    assert_whole(Path(f"{out}.json").read_bytes())


def test_the_output_of_a_clean_is_read_and_restored_under_the_same_names(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    assert run("clean", ".", "--out", tmp_path / "out", "--select", "DUP001", cwd=folder).code == 0
    assert_told(run("check", tmp_path / "out"))
    assert_told(run("restore", tmp_path / "out", "--out", tmp_path / "back"))
    before, after = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (folder, tmp_path / "back")
    )
    assert before == after


def test_files_with_such_names_are_fixed_in_place(run: Run, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "data")
    for path in [*(tmp_path / "data").glob("*.jsonl")]:
        path.write_text('{"prompt": "a\\u0000", "completion": "b"}\n')
    ran = run("check", ".", "--fix", "--unsafe-fixes", cwd=tmp_path / "data")
    assert_told(ran)
    assert b"Fixed" in ran.err


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_columns_and_tables_of_any_name_can_be_configured(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({text: "q", f"{text}2": "a"}) + "\n", encoding="utf-8")
    (tmp_path / "datalint.toml").write_text(
        f'[datasets.{toml(text)}]\ntrain = ["a.jsonl"]\n'
        f"columns = {{prompt = {toml(text)}, completion = {toml(text + '2')}}}\n"
    )
    for line in ("check", "check --output-format json", "config", "config --output-format json", "clean --out o"):
        assert_told(run(*line.split()))
    assert_inert((tmp_path / "o" / "README.md").read_bytes())
