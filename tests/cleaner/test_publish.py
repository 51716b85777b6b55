"""The folder appears whole or not at all: killed, out of space, twice at once, in the wrong place."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from cleaner_helpers import MAIN, contents, long_lines, start

from datalint.cleaner.publish import published
from datalint.errors import OutputError

SCHEMA = json.dumps({"schema": "datalint-clean/1", "outputs": {"sub/data": ""}, "files": []})


def publish(out: Path, text: str, *, overwrite: bool = False) -> None:
    with published(out, overwrite=overwrite, again="use --overwrite") as folder:
        (folder / "manifest.json").write_text(SCHEMA)
        (folder / "sub").mkdir()
        (folder / "sub" / "data").write_text(text)


def test_a_new_folder_appears_and_nothing_else_is_left(tmp_path: Path) -> None:
    publish(tmp_path / "a" / "out", "one")
    assert contents(tmp_path) == {"a/out/manifest.json": SCHEMA.encode(), "a/out/sub/data": b"one"}
    (tmp_path / "empty").mkdir()
    publish(tmp_path / "empty", "two")
    assert (tmp_path / "empty/sub/data").read_text() == "two"


def test_an_existing_folder_is_replaced_only_when_asked_and_only_if_it_is_ours(tmp_path: Path) -> None:
    publish(tmp_path / "out", "one")
    with pytest.raises(OutputError, match="--overwrite"):
        publish(tmp_path / "out", "two")
    publish(tmp_path / "out", "two", overwrite=True)
    assert (tmp_path / "out/sub/data").read_text() == "two"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="not written by datalint"):
        publish(tmp_path / "mine", "two", overwrite=True)
    assert contents(tmp_path / "mine") == {"thesis.tex": b"years of work"}


@pytest.mark.parametrize("name", ["notes.txt", "sub/more/notes.txt", ".git/HEAD", "a link"])
def test_what_somebody_has_put_into_an_output_is_never_replaced(tmp_path: Path, name: str) -> None:
    publish(tmp_path / "out", "one")
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(tmp_path) if name == "a link" else path.write_text("years of work")
    with pytest.raises(OutputError, match=f"holds '{name}'"):
        publish(tmp_path / "out", "two", overwrite=True)
    assert (tmp_path / "out/sub/data").read_text() == "one"
    assert path.is_symlink() or path.read_text() == "years of work"


def test_a_file_or_a_link_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link", "dangling"):
        with pytest.raises(OutputError, match=name):
            publish(tmp_path / name, "x", overwrite=True)
    with pytest.raises(OutputError, match="cannot be written"):
        publish(tmp_path / "file" / "out", "x")
    assert not list((tmp_path / "target").iterdir())


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    publish(tmp_path / "out", "one")
    before = contents(tmp_path)

    def fail() -> None:
        with published(tmp_path / "out", overwrite=True) as folder:
            (folder / "half").write_text("x")
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        fail()
    assert contents(tmp_path) == before


def test_the_second_of_two_runs_is_told(tmp_path: Path) -> None:
    with (
        published(tmp_path / "out") as folder,
        pytest.raises(OutputError, match=f"another run .process {os.getpid()}"),
        published(tmp_path / "out"),
    ):
        pytest.fail("both write")
    assert not folder.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_dead_runs_left_is_removed_and_a_folder_moved_aside_comes_back(tmp_path: Path) -> None:
    (tmp_path / ".out.datalint-dead.new").mkdir()
    (tmp_path / ".out.datalint-dead.new" / "half").write_text("x")
    (tmp_path / ".out.datalint-dead.old").mkdir()
    (tmp_path / ".out.datalint-dead.old" / "manifest.json").write_text(SCHEMA)
    (tmp_path / ".out.datalint.lock").write_text("1\n")
    with pytest.raises(OutputError, match="there already"):
        publish(tmp_path / "out", "one")
    assert contents(tmp_path) == {"out/manifest.json": SCHEMA.encode()}


def test_without_an_exchange_two_renames_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datalint.cleaner.publish._exchanged", lambda one, other: False)
    publish(tmp_path / "out", "one")
    publish(tmp_path / "out", "two", overwrite=True)
    assert contents(tmp_path) == {"out/manifest.json": SCHEMA.encode(), "out/sub/data": b"two"}


def start_clean(folder: Path, *args: str, code: str = MAIN) -> "subprocess.Popen[str]":
    return start(folder, "clean", "train.jsonl", "--out", "out", "--isolated", *args, code=code)


@pytest.fixture
def busy(tmp_path: Path) -> Path:
    """A folder with data to clean, and an older output of it."""
    (tmp_path / "train.jsonl").write_text(long_lines())
    done = start_clean(tmp_path, "--select", "FMT001")
    assert done.wait() == 0, done.communicate()
    return tmp_path


def test_a_killed_run_leaves_the_old_output_or_the_new_one(busy: Path) -> None:
    old = contents(busy / "out")
    began = time.monotonic()
    whole = start_clean(busy, "--select", "DUP001", "--overwrite")
    assert whole.wait() == 0
    length = time.monotonic() - began
    new = contents(busy / "out")
    assert new.keys() == old.keys()
    assert new != old
    chance = random.Random(7)
    for _ in range(6):
        run = start_clean(busy, "--select", "FMT001", "--overwrite")
        time.sleep(length * chance.uniform(0.3, 1.05))
        run.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM]))
        run.communicate()
        assert contents(busy / "out") in (old, new)
    last = start_clean(busy, "--select", "DUP001", "--overwrite")
    assert last.wait() == 0
    assert contents(busy / "out") == new
    assert sorted(path.name for path in busy.iterdir()) == ["out", "train.jsonl"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.99])
def test_a_full_disk_is_one_line_and_leaves_the_old_output(busy: Path, share: float) -> None:
    old = contents(busy / "out")
    limit = 1 + int(share * len(old["train.parquet"]))
    code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); {MAIN}"
    run = start_clean(busy, "--overwrite", code=code)
    _, said = run.communicate()
    assert run.returncode == 2
    assert "cannot be written" in said
    assert len(said.splitlines()) == 1
    assert contents(busy / "out") == old
    assert sorted(path.name for path in busy.iterdir()) == ["out", "train.jsonl"]


def test_two_runs_at_once_leave_one_whole_output(busy: Path) -> None:
    runs = [start_clean(busy, "--select", code, "--overwrite") for code in ("DUP001", "FMT001")]
    told = [run.communicate()[1] for run in runs]
    codes = sorted(run.returncode for run in runs)
    assert codes in ([0, 0], [0, 2])
    if codes == [0, 2]:
        assert any("another run" in text for text in told)
    assert {"train.parquet", "manifest.json", "README.md"} <= contents(busy / "out").keys()
