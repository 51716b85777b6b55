"""`datalint check` as a user meets it: exit codes, messages, nothing but one line for what they can put right."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

GOOD = '{"prompt": "Name a sea.", "completion": "The Baltic."}\n'
BAD = '{"prompt": "Name a sea.", "completion": ""}\n'


def write(folder: Path, **files: str | bytes) -> None:
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_exit_codes_follow_the_gate(datalint, tmp_path) -> None:
    write(tmp_path, good__jsonl=GOOD, bad__jsonl=BAD)
    assert datalint("check", "good.jsonl").returncode == 0
    failed = datalint("check", "bad.jsonl")
    assert failed.returncode == 1
    assert "FMT011" in failed.stdout
    assert "FAILED" in failed.stdout
    assert datalint("check", "bad.jsonl", "--exit-zero").returncode == 0
    assert datalint("check", "bad.jsonl", "--fail-on", "never").returncode == 0
    assert datalint("check", "bad.jsonl", "--severity", "FMT011=warning").returncode == 0
    assert datalint("check", "bad.jsonl", "--gate", "FMT011 > 100%").returncode == 0
    write(tmp_path, twice__jsonl=GOOD + GOOD)
    assert datalint("check", "twice.jsonl").returncode == 0
    assert datalint("check", "twice.jsonl", "--gate", "DUP001 > 10%").returncode == 1
    assert datalint("check", "twice.jsonl", "--fail-on", "warning").returncode == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl"),
        (["empty-folder"], "empty-folder"),
        (["good.jsonl", "--select", "FTM011"], "did you mean"),
        (["good.jsonl", "--select", "near-duplicat"], "near-duplicate"),
        (["good.jsonl", "--format", "chatt"], "did you mean 'chat'"),
        (["good.jsonl", "--severity", "FMT011"], "--severity"),
        (["good.jsonl", "--severity", "FMT011=bad"], "bad"),
        (["good.jsonl", "--gate", "FMT011 < 1"], "--gate"),
        (["good.jsonl", "--gate", "FMT011 > much"], "much"),
        (["good.jsonl", "--output-format", "yaml"], "yaml"),
        (["good.jsonl", "--tokenizer", "nowhere"], "nowhere"),
        (["good.jsonl", "--chat-template", "nowhere.jinja"], "nowhere.jinja"),
        (["good.jsonl", "--config", "nowhere.toml"], "nowhere.toml"),
        (["good.jsonl", "--config", "rules.DUP002.treshold=0.9"], "did you mean 'threshold'"),
        (["good.jsonl", "--config", "fail_on='error'"], "did you mean 'fail-on'"),
        (["good.jsonl", "--config", "rules.DUP002.threshold='high'"], "threshold"),
        (["good.jsonl", "--max-length", "none"], "max-length"),
        (["good.jsonl", "--no-such-flag"], "no-such-flag"),
    ],
)
def test_what_a_user_can_put_right_is_one_line_and_exit_2(datalint, tmp_path, args, said) -> None:
    write(tmp_path, good__jsonl=GOOD)
    (tmp_path / "empty-folder").mkdir()
    done = datalint("check", *args)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("train.jsonl", b"", "FMT015"),
        ("train.parquet", b"PAR1junk", "FMT015"),
        ("train.jsonl", os.urandom(64) + b"\x00" * 64, "FMT015"),
        ("train.jsonl", b'{"prompt": "a", \n', "FMT001"),
        ("train.jsonl", b"[1, 2]\n", "FMT001"),
        ("train.jsonl", b'{"prompt": "caf\xe9", "completion": "b"}\n', "FMT002"),
        ("train.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "FMT012"),
        ("train.csv", b"prompt,completion\na,b,c\n", "FMT013"),
    ],
)
def test_whatever_opens_is_told_as_a_finding(datalint, tmp_path, name, content, code) -> None:
    (tmp_path / name).write_bytes(content)
    done = datalint("check", name, "--select", "DUP001", "--output-format", "json:report.json")
    assert done.returncode == 1, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert code in {finding["rule"] for finding in report["findings"]}
    assert "Traceback" not in done.stderr


def test_what_cannot_be_read_is_silent_only_by_name(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=GOOD + "{\n")
    assert datalint("check", "train.jsonl", "--ignore", "FMT").returncode == 1
    assert datalint("check", "train.jsonl", "--ignore", "FMT001").returncode == 0
    assert datalint("check", "train.jsonl", "--ignore", "invalid-json-line").returncode == 0


def test_a_missing_column_is_a_finding_about_the_format(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl='{"foo": "a"}\n{"foo": "b"}\n')
    done = datalint("check", "train.jsonl")
    assert done.returncode == 0
    assert "FMT016" in done.stdout


def test_check_imports_neither_torch_nor_transformers_nor_scipy(tmp_path) -> None:
    write(tmp_path, train__jsonl=GOOD + BAD)
    blocked = textwrap.dedent(
        """
        import sys
        from importlib.machinery import ModuleSpec

        class Blocked:  # there to be looked for, as polars does, but not to be loaded
            def find_spec(self, name, path=None, target=None):
                heavy = ("torch", "transformers", "scipy", "ray", "sklearn", "datasketch", "pandas")
                return ModuleSpec(name, self) if name in heavy else None

            def create_module(self, spec):
                return None

            def exec_module(self, module):
                raise SystemExit(f"loaded {module.__name__}")

        sys.meta_path.insert(0, Blocked())
        sys.argv = ["datalint", "check", "train.jsonl", "--no-progress"]
        from datalint.cli import main

        main()
        """
    )
    done = subprocess.run([sys.executable, "-c", blocked], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "FMT011" in done.stdout


def test_off_a_terminal_progress_is_asked_for_and_is_lines_with_the_time_left(datalint, tmp_path) -> None:
    write(tmp_path, **{f"part{i}__jsonl": GOOD for i in range(20)})
    assert datalint("check", ".").stderr == ""
    told = datalint("check", ".", "--progress").stderr.splitlines()
    assert [line.partition(",")[0] for line in told] == [f"checking {tenth * 10}%" for tenth in range(1, 11)]
    assert told[-1] == "checking 100%, 0:00:00 left"


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_version_and_help_load_no_data_library(flag) -> None:
    code = (
        "import sys\nsys.argv = ['datalint', sys.argv[1]]\nfrom datalint.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    heavy = {'polars', 'numpy', 'pyarrow', 'msgspec', 'ftfy', 'tokenizers', 'jinja2'} & set(sys.modules)\n"
        "    print('HEAVY', sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, flag], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "HEAVY []" in done.stderr


def test_a_closed_pipe_ends_quietly(tmp_path) -> None:
    write(tmp_path, train__jsonl=BAD * 2000)
    command = f"{sys.executable} -m datalint check train.jsonl --output-format concise | head -n 1"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert "FMT011" in done.stdout


def test_the_same_run_gives_the_same_bytes(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=GOOD + BAD + GOOD)
    reports = []
    for name in ("a.json", "b.json"):
        datalint("check", "train.jsonl", "--output-format", f"json:{name}")
        report = json.loads((tmp_path / name).read_text())
        report.pop("timing")
        reports.append(report)
    assert reports[0] == reports[1]


def test_files_are_split_by_name_and_flags(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=GOOD, test__jsonl=GOOD)
    done = datalint("check", ".", "--show-files")
    assert done.stdout.split("\n")[:2] == ["test.jsonl\teval", "train.jsonl\ttrain"]
    assert datalint("check", ".", "--select", "SPL001").returncode == 1
    assert datalint("check", "--train", "train.jsonl", "--train", "test.jsonl", "--select", "SPL001").returncode == 0


def test_row_scope_leaves_out_what_compares_rows(datalint, tmp_path) -> None:
    write(tmp_path, train__jsonl=GOOD + GOOD + BAD + '{"messages": [{"role": "gpt", "content": "a"}]}\n')
    rows = datalint("check", "train.jsonl", "--scope", "row", "--output-format", "concise").stdout
    whole = datalint("check", "train.jsonl", "--scope", "dataset", "--output-format", "concise").stdout
    assert "FMT011" in rows
    assert "FMT101" in rows
    assert "DUP001" not in rows
    assert "DUP001" in whole
    assert "FMT011" not in whole


def test_files_of_a_configuration(datalint, tmp_path) -> None:
    (tmp_path / "data").mkdir()
    write(tmp_path / "data", a__jsonl=GOOD, b__jsonl=BAD)
    (tmp_path / "datalint.toml").write_text(
        '[datasets.seas]\ntrain = ["data/*.jsonl"]\n[per-file-ignores]\n"data/b.jsonl" = ["FMT011"]\n'
    )
    assert datalint("check").returncode == 0
    assert datalint("check", "--isolated", "data").returncode == 1
    shown = datalint("config").stdout
    assert "per-file-ignores" in shown
    assert "# datalint.toml" in shown
