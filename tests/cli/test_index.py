"""`datalint index` and `check --against` as a user meets them; and the page about them."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "growing-index.md").read_text(encoding="utf-8")
TOWN = (
    "The old harbour town keeps its market on Thursdays, when farmers from the hills bring apples, honey, smoked "
    "cheese and woollen blankets, and the ferry leaves an hour later than usual."
)


def write(path: Path, *rows: tuple[str, str]) -> None:
    lines = [json.dumps({"prompt": prompt, "completion": completion}) for prompt, completion in rows]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def weeks(tmp_path: Path) -> Path:
    """What the page speaks of."""
    write(
        tmp_path / "march.jsonl",
        ("Tell me about the town.", TOWN),
        ("Name a sea.", "The Baltic."),
        ("Name a sea.", "the baltic."),
        ("Name a river.", "The Oder."),
    )
    write(
        tmp_path / "april.jsonl",
        ("Tell me about the town.", TOWN.replace("hour", "moment").replace("apples", "pears")),
        ("Name a lake.", "Ladoga."),
        ("name a river.", "The  Oder."),
    )
    return tmp_path


def test_the_session_on_the_page_is_what_happens(datalint, weeks) -> None:
    (session,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for block in session.split("$ datalint ")[1:]:
        command, *shown = block.splitlines()
        done = datalint(*shlex.split(command))
        assert done.stdout.splitlines() == shown
        assert done.returncode == 0, done.stderr


def test_the_python_lines_on_the_page_run(datalint, weeks, monkeypatch) -> None:
    pytest.importorskip("datasketch")
    datalint("index", "add", "march.jsonl", "--index", "weekly.idx")
    monkeypatch.chdir(weeks)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "page", "exec"), names := {})
    assert list(names["lsh"].query(names["minhash_of"](names["signature"]))) == [("march.jsonl", 3, 4)]


def test_every_row_of_a_file_that_is_in_the_index_was_seen_before(datalint, weeks) -> None:
    datalint("index", "add", "march.jsonl", "--index", "i.idx")
    done = datalint("check", "march.jsonl", "--against", "i.idx", "--select", "DUP005", "--output-format", "concise")
    assert [line.split(": ", 2)[-1] for line in done.stdout.splitlines()] == [
        f"march.jsonl:{line}" for line in (1, 2, 2, 4)
    ]
    assert datalint("check", "march.jsonl", "--select", "DUP005").stderr.startswith(
        "datalint: DUP005 seen-before is silent: it needs an index of earlier rows (--against WHERE)"
    )


def test_a_report_names_the_earlier_row(datalint, weeks) -> None:
    datalint("index", "add", "march.jsonl", "--index", "i.idx")
    datalint("check", "april.jsonl", "--against", "i.idx", "--output-format", "json:out.json")
    findings = json.loads((weeks / "out.json").read_text())["findings"]
    (finding,) = [found for found in findings if found["rule"] == "DUP005" and found["row"] == 2]
    assert finding["args"] == {
        "jaccard": 1.0,
        "seen": "march.jsonl:4",
        "seen_file": "march.jsonl",
        "seen_row": 3,
        "seen_line": 4,
    }
    assert (finding["severity"], finding["fix"]) == ("warning", None)


def test_rows_without_lines_are_named_by_number(datalint, weeks) -> None:
    datalint("clean", "march.jsonl", "--out", "cleaned")
    datalint("index", "add", "cleaned", "--index", "i.idx")
    done = datalint("check", "april.jsonl", "--against", "i.idx", "--select", "DUP005", "--output-format", "concise")
    assert "seen before (Jaccard 1.00): cleaned/march.parquet row 3" in done.stdout


def test_the_configuration_names_an_index_for_the_run_or_a_dataset(datalint, weeks) -> None:
    (weeks / "sub").mkdir()
    datalint("index", "add", "march.jsonl", "--index", "sub/i.idx")
    (weeks / "sub" / "datalint.toml").write_text('against = "i.idx"\n[datasets.new]\ntrain = ["new.jsonl"]\n')
    write(weeks / "sub" / "new.jsonl", ("Name a river.", "The Oder."))
    command = ("check", "--select", "DUP005", "--output-format", "concise")
    assert "march.jsonl:4" in datalint(*command, cwd=weeks / "sub").stdout
    assert 'against         = "i.idx"  # datalint.toml' in re.sub(
        " +=", "         =", datalint("config", cwd=weeks / "sub").stdout
    )
    toml = '[datasets.new]\ntrain = ["new.jsonl"]\nagainst = "i.idx"\n[datasets.old]\ntrain = ["old.jsonl"]\n'
    (weeks / "sub" / "datalint.toml").write_text(toml)
    write(weeks / "sub" / "old.jsonl", ("Name a river.", "The Oder."))
    assert datalint(*command, cwd=weeks / "sub").stdout.splitlines() == [
        "new.jsonl:1: DUP005 seen before (Jaccard 1.00): march.jsonl:4"
    ]
    # The command line wins, and its path is where the user stands.
    done = datalint(*command, "--against", "../none.idx", cwd=weeks / "sub")
    assert (done.returncode, "../none.idx: no index there" in done.stderr) == (2, True)


def test_the_index_of_a_configuration_can_be_made_by_its_first_add(datalint, weeks) -> None:
    (weeks / "datalint.toml").write_text('against = "i.idx"\n')
    assert datalint("index", "add", "march.jsonl", "--index", "i.idx").returncode == 0
    assert datalint("check", "april.jsonl", "--select", "DUP005").returncode == 0


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("index", "add", "none.jsonl", "--index", "i.idx"), "none.jsonl: no such file or folder"),
        (("index", "add", "march.jsonl", "--index", "april.jsonl"), "april.jsonl: a file, and no index"),
        (("index", "add", "march.jsonl", "--index", "."), "a folder with other files in it, and no index"),
        (("index", "add", "march.jsonl"), "Missing option '--index'"),
        (("index", "info", "--index", "i.idx"), "i.idx: no index there; make one with `datalint index add"),
        (("check", "march.jsonl", "--against", "i.idx"), "i.idx: no index there; make one with `datalint index add"),
        (("check", "march.jsonl", "--against", "redis://localhost:1/0?name=a"), "the server does not answer"),
        (("check", "march.jsonl", "--against", "redis://:word@h/0?name=a"), "DATALINT_REDIS_PASSWORD"),
    ],
)
def test_mistakes_are_told_in_one_line(datalint, weeks, command, told) -> None:
    done = datalint(*command)
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert "word@" not in done.stderr
    assert not (weeks / "i.idx").exists()


def test_an_index_inside_of_the_data_is_no_data(datalint, weeks) -> None:
    datalint("index", "add", ".", "--index", "i.idx")
    assert datalint("check", ".", "--show-files").stdout == "april.jsonl\ttrain\nmarch.jsonl\ttrain\n"
    assert "added 0 rows, 7 known already; 5 rows" in datalint("index", "add", ".", "--index", "i.idx").stdout


def test_reference_files_are_not_added(datalint, weeks) -> None:
    done = datalint("index", "add", "march.jsonl", "--config", 'reference=["april.jsonl"]', "--index", "i.idx")
    assert done.stdout == "added 3 rows, 1 known already; 3 rows in the index\n"


def test_rows_without_text_are_counted(datalint, weeks) -> None:
    write(weeks / "empty.jsonl", ("", ""), ("Name a sea.", "The Baltic."))
    done = datalint("index", "add", "empty.jsonl", "--index", "i.idx")
    assert done.stdout == "added 1 rows, 0 known already, 1 without text; 1 rows in the index\n"


def test_little_memory_changes_no_answer(datalint, weeks) -> None:
    for limit in ("1kB", "1GB"):
        datalint("index", "add", "march.jsonl", "--index", f"{limit}.idx", "--memory-limit", limit)
    one, other = ((weeks / f"{limit}.idx").glob("part-*") for limit in ("1kB", "1GB"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_a_name_that_is_no_utf_8_is_told_as_everywhere(datalint, weeks) -> None:
    odd = os.fsdecode(b"m\xff.jsonl")
    (weeks / "march.jsonl").rename(weeks / odd)
    datalint("index", "add", odd, "--index", "i.idx")
    assert ": m\\xff.jsonl:1" in datalint("check", "april.jsonl", "--against", "i.idx").stdout
