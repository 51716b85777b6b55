"""The dataset card of a clean: front matter and Markdown that nothing in the data can break out of."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hostile import HOSTILE
from hostile_world import Ran, assert_inert
from test_hostile_names import NAMES, named

Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def files() -> dict[str, list[str]]:
    """File name -> its columns: every hostile name as a file, every hostile text as a column of some."""
    columns = ["prompt", "completion", *(text for text in HOSTILE.values()), "x: y", "- a", "---", "? b", "{a", "#", ""]
    return {named(name): columns[:2] if number % 2 else columns for number, name in enumerate(NAMES.values())}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, files: dict[str, list[str]]) -> Path:
    root = tmp_path_factory.mktemp("card")
    for name, columns in files.items():
        row = json.dumps(dict.fromkeys(columns, "a"))
        (root / name).write_text(row + "\n")
    return root


@pytest.mark.parametrize("to", ["parquet", "jsonl"])
def test_the_card_says_what_it_is_meant_to_say_and_no_more(
    run: Run, data: Path, files: dict[str, list[str]], tmp_path: Path, to: str
) -> None:
    assert run("clean", ".", "--out", tmp_path / "o", "--to", to, "--select", "FMT001", cwd=data).code == 0
    text = assert_inert((tmp_path / "o/README.md").read_bytes())
    front, body = text.split("\n---\n", 1)
    told = yaml.safe_load(front.removeprefix("---\n"))
    assert {*told} == {"configs", *(["dataset_info"] if to == "jsonl" else [])}
    assert all({*config} == {"config_name", "data_files"} for config in told["configs"])
    patterns = [path for config in told["configs"] for some in config["data_files"] for path in some["path"]]
    written = {path.relative_to(tmp_path / "o") for path in (tmp_path / "o").glob(f"*.{to}")}
    ledgers = {Path(name) for name in ("removed.parquet", "changes.parquet", "originals.parquet")}
    assert len(patterns) == len({*patterns}) == len(files) == len(written - ledgers)
    for pattern in patterns:
        assert len([*(tmp_path / "o").glob(pattern)]) == 1, pattern
    if to == "jsonl":
        named_in_card = {feature["name"] for info in told["dataset_info"] for feature in info["features"]}
        assert named_in_card == {column for columns in files.values() for column in columns}
    assert_only_tables(body, rows=len(files) + 1)


def assert_only_tables(body: str, rows: int) -> None:
    """Headings, paragraphs and one table of files, and in it no link, no picture, no HTML but `<code>`."""
    markdown = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable("table")
    tokens: list[Any] = markdown.parse(body)
    inside = [child for token in tokens for child in token.children or ()]
    assert {token.type for token in inside} <= {"text", "html_inline", "code_inline", "softbreak"}
    assert {token.content for token in inside if token.type == "html_inline"} <= {"<code>", "</code>"}
    assert not [token for token in tokens if token.type in ("html_block", "fence", "code_block", "bullet_list_open")]
    assert sum(token.type == "tr_open" for token in tokens) == 1 + rows
    cells = [token for token in tokens if token.type in ("td_open", "th_open")]
    assert len(cells) == 7 * (1 + rows)
    for word in ("http:", "www.", "mailto:", "@"):
        assert word not in body.replace("datasets-cards", "")


def test_the_card_of_one_file_reads_well(run: Run, tmp_path: Path) -> None:
    (tmp_path / "日本 train_v1.2-a.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    run("clean", ".", "--out", "o")
    assert "| <code>日本 train_v1.2-a.parquet</code> | train | 1 | 1 | 0 | 0 | 0 |" in (
        tmp_path / "o/README.md"
    ).read_text("utf-8")
