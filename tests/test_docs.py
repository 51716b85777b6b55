"""What the pages in docs show is what happens."""

import re
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
