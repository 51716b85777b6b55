"""`check --fix`, `check --diff` and `clean --diff` as a user meets them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = '{"prompt": "Name a sea.", "completion": "The Baltic."}\n'
HIDDEN = '{"prompt": "Name a lake.", "completion": "Lake\\u200b Constance."}\n'
EMPTY = '{"prompt": "Name a hill.", "completion": ""}\n'
TURNS = json.dumps(
    {"messages": [{"role": "user", "content": c} for c in "ab"] + [{"role": "assistant", "content": "c"}]}
)
KEY = "sk-" + "aB3" * 16


def write(folder: Path, **files: str | bytes) -> None:
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content if isinstance(content, bytes) else content.encode())


def said(stderr: str) -> list[str]:
    return [line.removeprefix("datalint: ") for line in stderr.splitlines()]


# ---- check --fix ----


def test_what_is_fixed_is_told_and_the_gate_judges_what_remains(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=GOOD + HIDDEN)
    done = datalint("check", "train.jsonl", "--fix", "--fail-on", "warning")
    assert done.returncode == 0, done.stdout + done.stderr
    assert said(done.stderr) == ["Fixed 1 problem in 1 row: TXT002 1"]
    assert "All clean" in done.stdout
    assert (tmp_path / "train.jsonl").read_text() == GOOD + HIDDEN.replace("\\u200b", "")
    write(tmp_path, train__jsonl=EMPTY + HIDDEN)
    done = datalint("check", "train.jsonl", "--fix", "--output-format", "json")
    assert done.returncode == 1
    report = json.loads(done.stdout)  # nothing but the report is on standard output
    assert {finding["rule"] for finding in report["findings"]} == {"FMT011"}
    assert report["gate"]["passed"] is False
    assert said(done.stderr)[0] == "Fixed 1 problem in 1 row: TXT002 1"


def test_a_hook_can_fail_where_a_file_was_changed(datalint, tmp_path) -> None:
    """As with ruff: the commit stops until somebody has looked at the change."""
    write(tmp_path, train__jsonl=GOOD + HIDDEN, more__csv="text,label\na,b\n")
    command = ["check", "more.csv", "train.jsonl", "--fix", "--exit-non-zero-on-fix", "--scope", "row"]
    first, second = datalint(*command), datalint(*command)
    assert (first.returncode, said(first.stderr)) == (1, ["Fixed 1 problem in 1 row: TXT002 1"])
    assert (second.returncode, second.stderr) == (0, "")


def test_nothing_to_fix_says_nothing_of_it(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=GOOD)
    done = datalint("check", "train.jsonl", "--fix")
    assert (done.returncode, done.stderr) == (0, "")


def test_what_it_does_not_do_is_named_with_the_command_that_does(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=GOOD + GOOD + TURNS + "\n")
    done = datalint("check", "train.jsonl", "--fix", "--select", "DUP001,FMT104")
    assert said(done.stderr) == [
        "1 more problem can be fixed with --unsafe-fixes",
        "1 row would be dropped, which is never done in place; `datalint clean --out DIR` does it",
    ]
    done = datalint("check", "train.jsonl", "--fix", "--unsafe-fixes", "--select", "DUP001,FMT104")
    assert said(done.stderr)[0] == "Fixed 1 problem in 1 row: FMT104 1"
    assert (tmp_path / "train.jsonl").read_text().count("\n") == 3


def test_row_scope_fixes_rows_alone(datalint, tmp_path) -> None:
    labels = ["Positive"] * 8 + ["positive "] + ["Negative"] * 8
    rows = "".join(json.dumps({"text": f"text {i}\u200b", "label": label}) + "\n" for i, label in enumerate(labels))
    write(tmp_path, train__jsonl=rows)
    datalint("check", "train.jsonl", "--fix", "--scope", "row", "--select", "LAB002,TXT002")
    text = (tmp_path / "train.jsonl").read_text()
    assert "u200b" not in text
    assert '"positive "' in text
    datalint("check", "train.jsonl", "--fix", "--select", "LAB002")
    assert '"positive "' not in (tmp_path / "train.jsonl").read_text()


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["--unsafe-fixes"], "--fix"),
        (["--exit-non-zero-on-fix"], "--fix"),
        (["--diff", "--output-format", "json"], "--output-format"),
    ],
)
def test_flags_that_mean_nothing_together_are_exit_2(datalint, tmp_path, args, word) -> None:
    write(tmp_path, train__jsonl=HIDDEN)
    done = datalint("check", "train.jsonl", *args)
    assert done.returncode == 2
    assert word in done.stderr
    assert (tmp_path / "train.jsonl").read_text() == HIDDEN


@pytest.mark.parametrize("flag", ["--fix", "--diff"])
def test_standard_input_is_no_file(tmp_path, flag) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "datalint", "check", "-", flag],
        input=HIDDEN,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


# ---- check --diff ----


def test_a_difference_is_exit_1_and_nothing_is_written(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=GOOD + HIDDEN + GOOD + HIDDEN.rstrip("\n"))
    before = (tmp_path / "train.jsonl").stat()
    done = datalint("check", "train.jsonl", "--diff")
    assert done.returncode == 1
    old, new = HIDDEN.rstrip("\n"), HIDDEN.rstrip("\n").replace("\\u200b", "")
    assert done.stdout.splitlines() == [
        "--- train.jsonl",
        "+++ train.jsonl",
        "@@ -2 +2 @@",
        f"-{old}",
        f"+{new}",
        "@@ -4 +4 @@",
        f"-{old}",
        "\\ No newline at end of file",
        f"+{new}",
        "\\ No newline at end of file",
    ]
    assert said(done.stderr) == ["Would fix 2 problems in 2 rows: TXT002 2"]
    assert (tmp_path / "train.jsonl").stat().st_mtime_ns == before.st_mtime_ns
    assert [path.name for path in tmp_path.iterdir()] == ["train.jsonl"]
    assert datalint("check", "train.jsonl", "--diff", "--exit-zero").returncode == 0
    assert datalint("check", "train.jsonl", "--diff", "-q").stderr == ""


def test_no_difference_is_exit_0_whatever_the_gate_says(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=EMPTY + GOOD + GOOD)
    done = datalint("check", "train.jsonl", "--diff")
    assert (done.returncode, done.stdout, said(done.stderr)) == (0, "", ["No problem would be fixed"])


@pytest.mark.skipif(shutil.which("patch") is None, reason="no patch")
def test_patch_makes_of_it_what_fix_makes(datalint, tmp_path) -> None:
    array = "[" + GOOD.strip() + ", " + HIDDEN.strip() + "]\n"
    many = "".join(HIDDEN if i % 97 == 0 else GOOD for i in range(10_000))
    files = {
        "a.jsonl": array + GOOD + HIDDEN + HIDDEN + "broken\n" + array.rstrip(),
        "b.csv": 'prompt,completion\r\n"x\u200b","two\r\nlines"\r\np,q\r\n"u\r\nv\u200b",w\r\n',
        "c.tsv": "prompt\tcompletion\na\u200b\tb\nc\td\n",
        "d.jsonl": many,
        "e.jsonl": json.dumps([json.loads(GOOD), json.loads(HIDDEN)] * 3000, indent=2),
    }
    (tmp_path / "in").mkdir()
    for name, text in files.items():
        (tmp_path / "in" / name).write_bytes(text.encode())
    shutil.copytree(tmp_path / "in", tmp_path / "copy")
    args = [sys.executable, "-m", "datalint", "check", ".", "--select", "TXT002"]
    difference = subprocess.run([*args, "--diff"], cwd=tmp_path / "in", capture_output=True, check=False).stdout
    # What --diff escapes is what TXT002 takes away; in JSON it is an escape already.
    for before in (b'"x', b"-a", b"v"):
        difference = difference.replace(before + b"\\u200b", before + "\u200b".encode())
    subprocess.run([*args, "--fix"], cwd=tmp_path / "in", capture_output=True, check=False)
    made = subprocess.run(
        ["patch", "--binary", "-p0"], cwd=tmp_path / "copy", input=difference, capture_output=True, check=False
    )
    assert made.returncode == 0, made.stdout
    for name, text in files.items():
        assert (tmp_path / "in" / name).read_bytes() != text.encode()
        assert (tmp_path / "copy" / name).read_bytes() == (tmp_path / "in" / name).read_bytes(), name


def test_a_changed_encoding_is_told(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=GOOD.encode("utf-16"))
    done = datalint("check", "train.jsonl", "--diff", "--unsafe-fixes")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "train.jsonl: UTF-16-LE text would be written as UTF-8"


def test_colours_are_for_terminals(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=HIDDEN)
    assert "\x1b[" not in datalint("check", "train.jsonl", "--diff").stdout
    assert "\x1b[31m-" in datalint("check", "train.jsonl", "--diff", "--color", "always").stdout


@pytest.mark.parametrize(
    "text", [KEY, f"see https:\\/\\/x.example\\/{KEY} now", "".join(f"\\u{ord(c):04x}" for c in KEY)]
)
def test_credentials_are_masked_however_they_are_written(datalint, tmp_path, text) -> None:
    write(
        tmp_path,
        train__jsonl=f'{{"prompt": "a", "completion": "{text} b\\u200b"}}\n',
        train__csv=f"text\n{KEY} b\u200b\n",
    )
    for args in (["check", "--diff"], ["clean", "--diff"]):
        for name in ("train.jsonl", "train.csv"):
            out = datalint(*args, name, "--select", "TXT002").stdout
            assert "sk-***" in out
            assert KEY[4:] not in out
            assert text not in out
    out = datalint("check", "--diff", "--unsafe-fixes", "train.jsonl", "--select", "SEC001").stdout
    assert "[SECRET]" in out
    assert KEY[4:] not in out


def test_a_closed_pipe_ends_quietly(tmp_path) -> None:
    write(tmp_path, train__jsonl=HIDDEN * 5000)
    for command in ("check --diff", "clean --diff"):
        line = f"{sys.executable} -m datalint {command} train.jsonl -q | head -n 1"
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        assert done.stdout.count("\n") == 1


# ---- clean --diff ----


def test_clean_shows_what_it_would_change_and_remove(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=GOOD + HIDDEN + GOOD + '{"prompt": \n' + EMPTY + TURNS + "\n")
    done = datalint("clean", "train.jsonl", "--diff", "--unsafe-fixes", "--select", "DUP001,FMT011,FMT104,TXT002")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        "train.jsonl:2  changed (TXT002)",
        "  /completion",
        "  - Lake\\u200b Constance.",
        "  + Lake Constance.",
    ]
    assert lines[4].startswith("train.jsonl:3  removed (DUP001): ")
    assert lines[5] == "  - " + GOOD.strip()
    assert lines[6].startswith("train.jsonl:4  unreadable (FMT001): ")
    assert lines[8].startswith("train.jsonl:5  removed (FMT011): ")
    assert lines[10] == "train.jsonl:6  changed (FMT104)"
    assert said(done.stderr) == ["Would change 2, remove 2 and leave out 1 unreadable of 6 rows; nothing is written"]
    assert [path.name for path in tmp_path.iterdir()] == ["train.jsonl"]


def test_it_is_what_clean_then_does(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=(GOOD + HIDDEN + GOOD + "x\n" + EMPTY) * 3)
    shown = datalint("clean", "train.jsonl", "--diff", "--unsafe-fixes").stdout.splitlines()
    datalint("clean", "train.jsonl", "--out", "out", "--unsafe-fixes")
    counts = json.loads((tmp_path / "out/manifest.json").read_text())["counts"]
    for word, key in (("changed", "rows_changed"), ("removed", "rows_removed"), ("unreadable", "rows_unreadable")):
        assert sum(f"  {word} (" in line for line in shown) == counts[key]


def test_rows_of_parquet_have_numbers(datalint, tmp_path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([json.loads(GOOD), json.loads(HIDDEN)]), tmp_path / "train.parquet")
    done = datalint("clean", "train.parquet", "--diff")
    assert done.stdout.splitlines()[0] == "train.parquet row 1  changed (TXT002)"


def test_a_long_value_is_shown_where_it_changes(datalint, tmp_path) -> None:
    text = "a" * 5000 + " x\u200by " + "b" * 5000
    write(tmp_path, train__jsonl=json.dumps({"prompt": "p", "completion": text}) + "\n")
    lines = datalint("clean", "train.jsonl", "--diff", "--select", "TXT002").stdout.splitlines()
    assert "a x\\u200by b" in lines[2]
    assert "a xy b" in lines[3]
    assert max(map(len, lines)) < 120


def test_clean_needs_a_folder_or_diff(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=GOOD)
    done = datalint("clean", "train.jsonl")
    assert done.returncode == 2
    assert "--out" in done.stderr


# ---- the hook ----


def test_a_commit_is_stopped_by_the_fix_and_passes_with_it(tmp_path) -> None:
    """pre-commit notices by itself that files were modified: the hook's own exit code is the gate's."""
    if shutil.which("git") is None:
        pytest.skip("no git")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PRE_COMMIT_HOME": str(tmp_path / "cache")}
    folder = tmp_path / "repository"
    folder.mkdir()
    lines = (ROOT / ".pre-commit-hooks.yaml").read_text().replace("language: python", "language: system").splitlines()
    hooks = "\n".join("      " + line for line in lines if line.strip()).replace(
        "--no-progress", "--no-progress --fix", 1
    )
    (folder / ".pre-commit-config.yaml").write_text("repos:\n  - repo: local\n    hooks:\n" + hooks + "\n")

    def git(*args: str) -> "subprocess.CompletedProcess[str]":
        names = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *names, *args], cwd=folder, capture_output=True, text=True, check=False, env=env)

    git("init", "-q")
    subprocess.run(
        [sys.executable, "-m", "pre_commit", "install"], cwd=folder, capture_output=True, check=True, env=env
    )
    (folder / "train.jsonl").write_text(GOOD + HIDDEN)
    git("add", "-A")
    refused = git("commit", "-q", "-m", "hidden")
    assert refused.returncode != 0
    assert "files were modified by this hook" in refused.stdout + refused.stderr
    assert (folder / "train.jsonl").read_text() == GOOD + HIDDEN.replace("\\u200b", "")
    git("add", "-A")
    accepted = git("commit", "-q", "-m", "mended")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
