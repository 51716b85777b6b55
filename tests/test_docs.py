"""What the pages in docs show is what happens."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from datalint.config import load

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_are_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_example_of_a_search_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (DOCS / "how-duplicates-are-found.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "how-duplicates-are-found.md", "exec"), {})
    assert "jaccard_1" in capsys.readouterr().out


def test_the_options_that_tune_a_search_load(tmp_path: Path) -> None:
    page = (DOCS / "how-duplicates-are-found.md").read_text(encoding="utf-8")
    (toml,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "datalint.toml").write_text(toml)
    assert load(start=tmp_path).config.rules["near-duplicate"]["min-words"] == 12


@pytest.mark.parametrize("package", ["cleaner", "source", "views"])
def test_the_architecture_names_every_file_of_a_package(package: str) -> None:
    words = set(re.findall(r"\w+", (DOCS / "architecture.md").read_text(encoding="utf-8")))
    files = {path.stem for path in (DOCS.parent / "datalint" / package).rglob("[!_]*.py")}
    assert files - words == set()


def test_the_example_of_a_clean_prints_what_the_page_shows(tmp_path: Path) -> None:
    page = (DOCS / "cleaning.md").read_text(encoding="utf-8")
    shutil.copy(DOCS.parent / "fixtures" / "faulty" / "train.jsonl", tmp_path)
    (example,) = re.findall(r"<!-- example -->\n```console\n(.*?)```", page, re.DOTALL)
    lines: Iterator[str] = iter(())
    for shown in example.splitlines():
        if shown.startswith("$ datalint "):
            command = [sys.executable, "-m", "datalint", *shlex.split(shown)[2:]]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
            lines = iter(done.stdout.splitlines())
        elif shown != "[...]":
            assert shown in lines, f"not printed, or not in this order: {shown}"
    assert (tmp_path / "original/train.jsonl").read_bytes() == (tmp_path / "train.jsonl").read_bytes()
