"""What the README shows is what happens."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from datalint.config import load

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^\$ datalint (.*)$", re.MULTILINE)


def block(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```", README, re.DOTALL)
    assert found, name
    return found[1]


@pytest.mark.parametrize(("name", "exits"), [("excerpt", 1), ("explain", 0)])
def test_the_terminal_excerpts_are_what_the_commands_print(name: str, exits: int) -> None:
    shown = block(name)
    command = COMMAND.search(shown)
    assert command
    done = subprocess.run(
        [sys.executable, "-m", "datalint", *shlex.split(command[1])],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == exits
    lines = iter(done.stdout.splitlines())
    for line in shown.splitlines()[1:]:
        if line and line != "[...]":
            assert line in lines, f"not printed, or not in this order: {line}"


@pytest.mark.parametrize("name", ["clean", "fix"])
def test_the_commands_that_clean_and_fix_run(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "fixtures" / "faulty", tmp_path / "data")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line in block(name).splitlines():
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in ((0,) if name == "clean" else (0, 1)), done.stderr
        assert "error:" not in done.stderr
    if name == "clean":
        assert (tmp_path / "original/data/train.jsonl").read_bytes() == (tmp_path / "data/train.jsonl").read_bytes()


def test_the_clean_fixtures_are_quiet() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "datalint", "check", "fixtures/clean"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "All clean" in done.stdout


def test_the_configuration_loads(tmp_path: Path) -> None:
    toml = next(text for text in re.findall(r"```toml\n(.*?)```", README, re.DOTALL) if "[gate]" in text)
    (tmp_path / "datalint.toml").write_text(toml)
    settings = load(start=tmp_path)
    assert settings.config.datasets["support"].eval == ["data/eval.jsonl"]
    assert tomllib.loads(toml)["rules"]["DUP002"]["threshold"] == 0.85


def test_the_python_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = next(text for text in re.findall(r"```python\n(.*?)```", README, re.DOTALL))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.jsonl").write_bytes((ROOT / "fixtures" / "faulty" / "train.jsonl").read_bytes())
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README", "exec"), {})
    assert (tmp_path / "cleaned" / "data" / "train.parquet").exists()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "datalint.docs", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_lines_on_duplicates_run() -> None:
    page = (ROOT / "docs" / "how-duplicates-are-found.md").read_text(encoding="utf-8")
    exec(compile(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], "page", "exec"), names := {})
    assert names["found"].pairs.height == 1
