"""A third-party pack, installed as any distribution is: its rule runs, and is explained, configured, suppressed and
fixed like a built-in one. docs/writing-rules.md shows this pack file by file, and what its commands print.
"""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

HERE = Path(__file__).resolve().parent
PACK = HERE / "datalint-pack-example"
GUIDE = (HERE.parents[1] / "docs" / "writing-rules.md").read_text(encoding="utf-8")
ROWS = [
    {"prompt": "Hi!!!", "completion": "Hello!!! Ask me anything!!"},
    {"prompt": "2 + 2?", "completion": "4!"},
    {"prompt": "Bye", "completion": "See you!!"},
]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the pack is installed in, as `pip install` does it."""
    folder = tmp_path_factory.mktemp("site")
    # Nothing is fetched where the build tool is there already.
    here = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", *here]
    done = subprocess.run(
        [*pip, "--target", str(folder), str(PACK)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def run(site: Path, tmp_path: Path) -> Run:
    """datalint with the pack installed, in a folder with a dataset."""
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))

    def run(*args: str, module: str = "datalint") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *args],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(site), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


def lines(done: subprocess.CompletedProcess[str]) -> list[int]:
    """The lines that EXA001 reports, of a report in JSON Lines."""
    assert done.returncode in (0, 1), done.stderr
    found = map(json.loads, done.stdout.splitlines())
    return [one["line"] for one in found if one["rule"] == "EXA001"]


def test_without_the_pack_the_code_is_unknown(datalint: Run) -> None:
    done = datalint("rule", "EXA001")
    assert done.returncode == 2
    assert "no rule matches 'EXA001'" in done.stderr


def test_its_rule_runs_beside_the_built_in_ones(run: Run) -> None:
    done = run("check", "train.jsonl", "--output-format", "jsonl")
    assert lines(done) == [1, 3]
    first = json.loads(done.stdout.splitlines()[0])
    assert (first["name"], first["severity"], first["pointer"]) == ("shouting", "warning", "/completion")
    assert first["message"] == "3 exclamation marks in a row"
    assert first["fix"] == {"kind": "rewrite", "safety": "unsafe"}
    assert lines(run("check", "train.jsonl", "--output-format", "jsonl", "--ignore", "EXA")) == []


def test_its_rule_is_listed_and_explained(run: Run) -> None:
    listed = run("rule").stdout.splitlines()
    assert any(line.startswith("EXA001") and "An answer shouts" in line for line in listed)
    assert any(line.startswith("FMT001") for line in listed)
    for word in ("shouting", "EXA"):
        page = run("rule", word).stdout
        assert page.startswith("EXA001 shouting\nseverity warning; on by default; fix:")
        assert "- most (default 1): Most exclamation marks in a row." in page
    (described,) = json.loads(run("rule", "EXA001", "--output-format", "json").stdout)
    assert described["options"] == {"most": {"default": 1, "help": "Most exclamation marks in a row."}}


@pytest.mark.parametrize("table", ["EXA001", "shouting"])
def test_its_option_is_configured_by_code_or_name(run: Run, tmp_path: Path, table: str) -> None:
    (tmp_path / "datalint.toml").write_text(f"[rules.{table}]\nmost = 2\n")
    assert lines(run("check", "--output-format", "jsonl")) == [1]
    assert f'rules = {{"{table}":{{"most":2}}}}' in re.sub(r" +", " ", run("config").stdout)


@pytest.mark.parametrize(
    ("option", "told"), [("mots = 2", "no option 'mots'; did you mean 'most'?"), ('most = "two"', "Expected `int`")]
)
def test_a_wrong_option_is_told_in_one_line(run: Run, tmp_path: Path, option: str, told: str) -> None:
    (tmp_path / "datalint.toml").write_text(f"[rules.EXA001]\n{option}\n")
    done = run("check")
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_its_severity_and_its_gate_are_configured(run: Run) -> None:
    assert run("check", "--select", "EXA").returncode == 0
    assert run("check", "--select", "EXA", "--severity", "EXA001=error").returncode == 1
    done = run("check", "--select", "EXA", "--gate", "shouting > 1")
    assert done.returncode == 1
    assert "Gate: FAILED  EXA001 2 > 1" in done.stdout


@pytest.mark.parametrize("word", ["EXA", "shouting"])
def test_its_findings_are_suppressed_for_some_files(run: Run, tmp_path: Path, word: str) -> None:
    (tmp_path / "datalint.toml").write_text(f'[per-file-ignores]\n"train.*" = ["{word}"]\n')
    assert lines(run("check", "--output-format", "jsonl")) == []


def test_its_fix_is_applied_where_unsafe_fixes_are(run: Run, tmp_path: Path) -> None:
    assert run("clean", "train.jsonl", "--out", "safe").returncode == 0
    assert pl.read_parquet(tmp_path / "safe/train.parquet").to_dicts() == ROWS
    assert run("clean", "train.jsonl", "--out", "out", "--unsafe-fixes").returncode == 0
    texts = pl.read_parquet(tmp_path / "out/train.parquet")["completion"].to_list()
    assert texts == ["Hello! Ask me anything!", "4!", "See you!"]
    changes = pl.read_parquet(tmp_path / "out/changes.parquet")
    assert changes.select("row", "rule", "pointer").rows() == [
        (0, "EXA001", "/completion"),
        (2, "EXA001", "/completion"),
    ]
    again = run("clean", "out", "--out", "again", "--unsafe-fixes")
    assert again.returncode == 0
    assert pl.read_parquet(tmp_path / "again/train.parquet")["completion"].to_list() == texts


def test_its_own_tests_prove_it(run: Run) -> None:
    done = run("-q", "-p", "no:cacheprovider", "--rootdir", str(PACK), str(PACK / "tests"), module="pytest")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import nowhere", "'broken' (broken_pack) cannot be loaded: No module named 'nowhere'"),
        (
            "from datalint.rule import Rule\nclass Other(Rule):\n    code, name = 'FMT001', 'mine'\n",
            "FMT001 is taken by FMT001 already",
        ),
    ],
)
def test_a_broken_pack_is_named(run: Run, tmp_path: Path, code: str, told: str) -> None:
    info = tmp_path / "broken_pack-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-pack\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[datalint.rules]\nbroken = broken_pack\n")
    (tmp_path / "broken_pack.py").write_text(code)
    done = run("check", "train.jsonl")  # the working folder is on the path
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


# ---- the guide ----

SHOWN = re.findall(r"^`([^`\n]+)`:\n\n```(?:toml|python)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
CONSOLES = re.findall(r"^```console\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_guide_shows_the_pack_file_by_file() -> None:
    files = {path.relative_to(PACK).as_posix() for path in PACK.rglob("*") if path.suffix in (".py", ".toml")}
    assert {name for name, _ in SHOWN} == files
    for name, text in SHOWN:
        assert text == (PACK / name).read_text(encoding="utf-8"), name


def test_the_guide_shows_what_its_commands_print(run: Run) -> None:
    commands = 0
    for console in CONSOLES:
        for shown in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
            command, wanted = shown.split("\n", 1)
            words = shlex.split(command)
            if words[0] != "datalint":
                continue
            done = run(*words[1:])
            assert re.sub(r"\d+\.\d s", "0.1 s", done.stdout).strip() == wanted.strip()
            commands += 1
    assert commands >= 3


def test_the_guide_shows_a_configuration_that_loads(run: Run, tmp_path: Path) -> None:
    (shown,) = re.findall(r"rule:\n\n```toml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    (tmp_path / "datalint.toml").write_text(shown)
    done = run("check", "--output-format", "jsonl")
    assert done.returncode == 1  # 1 of 3 rows is more than 1 %
    assert lines(done) == [1]
