import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from trainer_examples import flip, questions

from datalint.cli import group, guard

pytestmark = pytest.mark.train


def quick(*words, folder: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """As `datalint` below, without a process of its own, whose imports take longer than what is tested."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        try:
            found = group.main(list(map(str, words)), prog_name="datalint", standalone_mode=False) or 0
        except Exception as error:  # as the guard of the command does
            found = guard._told(error)
    assert found == code, err.getvalue()
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def datalint(*words, folder: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    # Offline, and one thread: figures do not depend on it, but a shared machine is kinder to it.
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(folder / "cache"),  # what one test has fitted another finds
        "MPLCONFIGDIR": str(folder / "cache"),
    }
    command = [sys.executable, "-m", "datalint", *map(str, words)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def write(path: Path, pairs) -> Path:
    lines = [json.dumps({"text": text, "label": label}) for text, label in pairs]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    noisy, wrong = flip(questions()[:350], 0.3)
    write(folder / "raw.jsonl", noisy)
    write(folder / "clean.jsonl", [pair for pair, bad in zip(noisy, wrong, strict=True) if not bad])
    write(folder / "held-out.jsonl", questions()[350:])
    return folder


THREE = ("impact", "raw.jsonl", "clean.jsonl", "--eval", "held-out.jsonl")


def test_text_json_and_a_page_at_once(data):
    done = datalint(
        *THREE, "--output-format", "text", "--output-format", "json:impact.json", "--output-format", "html:impact.html",
        folder=data,
    )  # fmt: skip
    assert (data / "impact.html").read_text().count("<svg") == 6
    assert done.stdout.startswith("The cleaning helped. Training on the cleaned file instead of the raw one: +")
    assert "decided by tempered log-loss" in done.stdout
    assert json.loads((data / "impact.json").read_text())["verdict"] == "helped"


def test_a_missed_objective_is_the_only_reason_for_exit_code_1(data):
    words = (*THREE, "--objective")
    assert "MISSED" in quick(*words, "accuracy >= 0.999", folder=data, code=1).stdout
    assert "met" in quick(*words, "accuracy >= 0.1", folder=data).stdout


def test_a_missing_file_is_one_line_and_exit_code_2(data):
    done = quick("impact", "raw.jsonl", "clean.jsonl", "--eval", "nowhere.jsonl", folder=data, code=2)
    assert done.stderr.count("\n") == 1
    assert "nowhere.jsonl" in done.stderr


def test_a_model_that_cannot_be_had_is_one_line(data):
    words = (*THREE, "--model", "nobody/no-such-model")
    done = quick(*words, folder=data, code=2)
    assert done.stderr.count("\n") == 1
    assert "nobody/no-such-model" in done.stderr


def test_without_a_cleaned_file_the_raw_one_is_cleaned_first(data):
    words = ("impact", "raw.jsonl", "--eval", "held-out.jsonl", "--output-format", "json:own.json")
    quick(*words, "--unsafe-fixes", "--no-learning-curve", folder=data)
    report = json.loads((data / "own.json").read_text())
    assert report["train"]["raw"] == 350
    done = quick("impact", "raw.jsonl", "clean.jsonl", "--unsafe-fixes", "--eval", "x", folder=data, code=2)
    assert "without CLEAN" in done.stderr


def test_other_columns_are_mapped(data):
    rows = [{"satz": text, "klasse": label} for text, label in questions()]
    for name, part in (("a.jsonl", rows[:350]), ("b.jsonl", rows[350:])):
        (data / name).write_text("\n".join(map(json.dumps, part)) + "\n")
    done = quick(
        "impact", "a.jsonl", "a.jsonl", "--eval", "b.jsonl", "--columns", "text=satz", "--columns", "label=klasse",
        folder=data,
    )  # fmt: skip
    assert done.stdout.startswith("No measurable difference.")


def test_the_configuration_says_what_success_is_and_the_command_line_wins(data):
    config = data / "configured"
    config.mkdir()
    (config / "datalint.toml").write_text(
        '[impact]\nobjective = "accuracy >= 0.999"\neval = "../held-out.jsonl"\nseeds = 3\nplacebos = 9\n'
    )
    words = ("impact", "raw.jsonl", "clean.jsonl", "--config", str(config / "datalint.toml"))
    assert "objective accuracy >= 0.999: MISSED" in quick(*words, folder=data, code=1).stdout
    done = quick(*words, "--objective", "accuracy >= 0.1", folder=data)
    assert "objective accuracy >= 0.1: met" in done.stdout
    (config / "datalint.toml").write_text('[impact]\nobjectives = "x"\n')
    assert "did you mean 'objective'" in quick(*words, folder=data, code=2).stderr


def test_a_cleaned_file_needs_rows_that_the_cleaning_did_not_see(data):
    done = quick("impact", "raw.jsonl", "clean.jsonl", folder=data, code=2)
    assert "CLEAN needs --eval FILE" in done.stderr


def test_an_output_that_cannot_be_written_is_told_before_the_work(data):
    for words in (
        ("--output-format", "html:nowhere/impact.html"),
        ("--output-format", "pdf"),
        ("--resume", "x", "--no-cache"),
        ("--resume", "raw.jsonl"),
        ("--record", "."),
    ):
        assert quick(*THREE, *words, folder=data, code=2).stderr.count("\n") == 1


def test_the_bar_tells_the_time_left(data):
    done = quick(*THREE, "--progress", "--no-cache", "--no-learning-curve", folder=data)
    assert "training" in done.stderr
    assert "left" in done.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return folder, datalint("demo", folder=folder).stdout


def test_the_demo_says_what_it_found_and_where_the_files_are(demo):
    folder, said = demo
    out = folder / "datalint-demo"
    report = json.loads((out / "impact.json").read_text())
    assert said.count(report["sentence"]) == 1
    assert report["verdict"] == "helped"
    assert report["train"]["left_out_for_leakage"] >= 24  # those that were planted, and near ones
    for name in ("raw", "report.json", "cleaned", "impact.json", "impact.html"):
        assert f"{Path('datalint-demo') / name}: " in said
        assert (out / name).exists()


def test_the_demo_spares_what_is_there(demo):
    folder, said = demo
    assert "is there already" in datalint("demo", folder=folder, code=2).stderr
    assert datalint("demo", "--overwrite", folder=folder).stdout == said


def test_impact_reads_the_training_split_of_a_cleaned_folder(demo):
    folder, _ = demo
    out = folder / "datalint-demo"
    quick(
        "impact", out / "raw" / "train.jsonl", out / "cleaned", "--eval", out / "raw" / "eval.jsonl",
        "--no-by-rule", "--no-learning-curve", "--output-format", "json:again.json", folder=folder,
    )  # fmt: skip
    first, second = (json.loads(path.read_text()) for path in (out / "impact.json", folder / "again.json"))
    for name in ("verdict", "train", "eval", "arms", "clean_minus_raw", "clean_minus_placebo", "baselines"):
        assert first[name] == second[name]
