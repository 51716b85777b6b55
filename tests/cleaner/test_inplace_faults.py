"""Files mended where they lie: the file keeps what describes it, and a run that fails leaves it as it was."""

import errno
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cleaner_helpers import MAIN, contents, lines, long_lines, start
from inplace_helpers import GOOD, HIDDEN, mend

from datalint.cleaner.inplace.fix import FixOptions, fix, plan_fixes, write
from datalint.cleaner.inplace.replacing import held
from datalint.config import load
from datalint.errors import DatalintError, InputError, OutputError, RulePackError, UsageError
from datalint.registry import all_rules
from datalint.rule import Rule

# ---- the file in its folder ----


def test_mode_attributes_and_owner_stay(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(HIDDEN))
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12345, 23456)
    try:
        os.setxattr(path, "user.origin", b"crawl 7")
        marked = True
    except OSError:
        marked = False
    os.utime(path, (1, 1))
    before = path.stat()
    mend(path)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert not marked or os.getxattr(path, "user.origin") == b"crawl 7"
    assert after.st_mtime > 1


def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "blob").write_text(lines(HIDDEN))
    (tmp_path / "train.jsonl").symlink_to("real/blob")
    (tmp_path / "again.jsonl").symlink_to("train.jsonl")
    assert fix([tmp_path / "train.jsonl", tmp_path / "again.jsonl"], isolated=True).rows == 1
    assert (tmp_path / "train.jsonl").readlink() == Path("real/blob")
    assert (tmp_path / "real" / "blob").read_text() == lines(GOOD)
    assert sorted(item.name for item in (tmp_path / "real").iterdir()) == ["blob"]


@pytest.mark.parametrize("name", ["a b.jsonl", 'it\'s "q".jsonl', "new\nline.jsonl", "-x.jsonl", "\udcff\udc80.jsonl"])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(lines(HIDDEN))
    assert mend(path).rows == 1
    assert path.read_text() == lines(GOOD)
    assert len(list(tmp_path.iterdir())) == 1


def test_tables_in_memory_have_no_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"datalint\.clean"):
        fix(pa.Table.from_pylist([HIDDEN]))


# ---- what may go wrong ----


def planned(path: Path) -> Any:
    return plan_fixes([path], load(isolated=True, flags={"select": ["TXT002"]}), FixOptions())


@pytest.mark.parametrize("how", ["append", "replace", "same size", "gone"])
def test_a_file_that_changes_meanwhile_is_left_as_it_is(tmp_path: Path, how: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(HIDDEN, GOOD))
    plan = planned(path)
    other = lines(HIDDEN, {**GOOD, "completion": "The Balkan."})
    if how == "append":
        with path.open("a") as stream:
            stream.write(lines(GOOD))
    elif how == "replace":
        (tmp_path / "new").write_text(lines(GOOD))
        (tmp_path / "new").replace(path)
    elif how == "same size":
        path.write_text(other)
    else:
        path.unlink()
    before = contents(tmp_path)
    with pytest.raises(DatalintError, match=r"changed while it was read|cannot be written"):
        write(plan)
    assert contents(tmp_path) == before


def test_a_write_between_reading_and_replacing_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datalint.cleaner.inplace import fix

    path = tmp_path / "train.jsonl"
    path.write_text(lines(HIDDEN))
    real = fix.put

    def late(new: Path, file: Any) -> None:
        with path.open("a") as stream:
            stream.write(lines(GOOD))
        real(new, file)

    monkeypatch.setattr(fix, "put", late)
    with pytest.raises(InputError, match="changed while it was read"):
        mend(path)
    assert path.read_text() == lines(HIDDEN, GOOD)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_second_of_two_runs_is_told(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(HIDDEN))
    with held(path, path.name), pytest.raises(OutputError, match="another run"):
        mend(path)
    assert path.read_text() == lines(HIDDEN)
    assert mend(path).rows == 1


def test_what_a_dead_run_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(GOOD))
    (tmp_path / ".train.jsonl.datalint-dead.new").write_text("half")
    (tmp_path / ".train.jsonl.datalint-notes.txt").write_text("mine")
    (tmp_path / ".eval.jsonl.datalint-dead.new").write_text("of another file")
    with held(tmp_path / ".eval.jsonl.datalint-dead.new", "x"):
        assert mend(path).files == []
    assert sorted(item.name for item in tmp_path.iterdir()) == [
        ".eval.jsonl.datalint-dead.new",
        ".train.jsonl.datalint-notes.txt",
        "train.jsonl",
    ]


def test_a_live_run_keeps_its_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(GOOD))
    with held(path, path.name):
        (tmp_path / ".train.jsonl.datalint-live.new").write_text("half")
        assert mend(path).files == []
        assert (tmp_path / ".train.jsonl.datalint-live.new").exists()


def test_of_several_files_none_changes_if_one_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jsonl").write_text(lines(HIDDEN))
    before = contents(tmp_path)
    with held(tmp_path / "c.jsonl", "c"), pytest.raises(OutputError, match=r"c\.jsonl is being written"):
        mend(tmp_path)
    assert contents(tmp_path) == before
    assert mend(tmp_path).rows == 3


@pytest.mark.parametrize(
    ("what", "state"),
    [
        ("tempfile.mkstemp", "as it was"),
        ("os.fdopen", "as it was"),
        ("os.utime", "as it was"),
        ("shutil.copystat", "as it was"),
        ("os.fsync", "as it was"),
        ("pathlib.Path.replace", "as it was"),
        ("os.open", "as it was"),
        ("last os.fsync", "new content is there"),
    ],
)
def test_every_step_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, state: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(HIDDEN))
    module, name = what.removeprefix("last ").rsplit(".", 1)
    owner = pathlib.Path if module == "pathlib.Path" else sys.modules[module]
    real, calls = getattr(owner, name), []

    def fails(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) > what.startswith("last "):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(*args, **kwargs)

    plan = planned(path)
    monkeypatch.setattr(owner, name, fails)
    with pytest.raises(OutputError, match=rf"train\.jsonl cannot be written \(Input/output error\); .*{state}"):
        write(plan)
    monkeypatch.undo()
    assert path.read_text() == (lines(HIDDEN) if state == "as it was" else lines(GOOD))
    assert [item.name for item in tmp_path.iterdir()] == ["train.jsonl"]


@pytest.fixture
def faulty_rule(monkeypatch: pytest.MonkeyPatch) -> type[Rule]:
    """TXT002 with a fix that makes what JSON cannot hold."""
    rule = all_rules()["TXT002"]
    monkeypatch.setattr(rule, "rewrite", lambda self, row, found: {**row, "prompt": float("nan")})
    return rule


def test_a_fix_that_makes_no_json_is_named(tmp_path: Path, faulty_rule: type[Rule]) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(HIDDEN))
    with pytest.raises(RulePackError, match=r"TXT002: its fix of .*train\.jsonl, row 0 cannot be written as jsonl"):
        mend(path, "TXT002")
    assert path.read_text() == lines(HIDDEN)


def start_fix(folder: Path, code: str = MAIN, before: Sequence[str] = ()) -> "subprocess.Popen[str]":
    args = ("check", "--fix", "--isolated", "--select", "TXT002", "-q", "train.jsonl", "other.csv")
    return start(folder, *args, code=code, before=before)


@pytest.fixture
def busy(tmp_path: Path) -> Path:
    """Two files in which every row is to be mended."""
    (tmp_path / "train.jsonl").write_text(long_lines())
    (tmp_path / "other.csv").write_text(
        "prompt,completion\n" + "".join(f"q{i}\u200b,{'a' * 200}\n" for i in range(4000)), encoding="utf-8"
    )
    return tmp_path


def test_a_killed_run_leaves_each_file_old_or_new(busy: Path) -> None:
    old = contents(busy)
    began = time.monotonic()
    assert start_fix(busy).wait() == 0
    length = time.monotonic() - began
    new = contents(busy)
    assert new.keys() == old.keys()
    assert all(new[name] != old[name] for name in old)
    chance = random.Random(7)
    for _ in range(5):
        for name, content in old.items():
            (busy / name).write_bytes(content)
        run = start_fix(busy)
        time.sleep(length * chance.uniform(0.4, 1.0))
        run.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        run.communicate()
        for name in old:
            assert (busy / name).read_bytes() in (old[name], new[name])
        assert start_fix(busy).wait() == 0
        assert contents(busy) == new  # and nothing else: what the dead run left is gone


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_full_disk_is_one_line_and_changes_nothing(busy: Path, share: float) -> None:
    old = contents(busy)
    limit = 1 + int(share * len(old["train.jsonl"]))
    run = start_fix(busy, f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); {MAIN}")
    _, said = run.communicate()
    assert run.returncode == 2
    assert said.count("\n") == 1
    assert "train.jsonl cannot be written" in said
    assert contents(busy) == old


def test_two_runs_at_once_leave_whole_files(busy: Path) -> None:
    old = contents(busy)
    runs = [start_fix(busy) for _ in range(2)]
    told = [run.communicate()[1] for run in runs]
    codes = sorted(run.returncode for run in runs)
    assert codes in ([0, 0], [0, 2])
    if codes == [0, 2]:
        assert any("another run" in text or "changed while it was read" in text for text in told)
    assert start_fix(busy).wait() == 0
    new = contents(busy)
    assert new.keys() == old.keys()
    assert not any(b"\\u200b" in text or "\u200b".encode() in text for text in new.values())


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_not_be_written_is_exit_2(busy: Path, what: str, bound_by_modes: list[str]) -> None:
    old = contents(busy)
    target = busy / "train.jsonl" if what == "file" else busy
    mode = target.stat().st_mode
    target.chmod(mode & ~0o222)
    try:
        run = start_fix(busy, before=bound_by_modes)
        _, said = run.communicate()
    finally:
        target.chmod(mode)
    assert run.returncode == 2, said
    assert "train.jsonl cannot be written (Permission denied)" in said
    assert said.count("\n") == 1
    assert contents(busy) == old


def test_memory_follows_the_chunk(tmp_path: Path) -> None:
    peak = "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss"
    code = f"import atexit, resource, sys; atexit.register(lambda: print('PEAK', {peak}, file=sys.stderr)); {MAIN}"
    peaks = []
    for count in (20_000, 100_000):
        rows = (
            {"prompt": f"q {i} {'x' * 300}" + "\u200b" * (i % 50 == 0), "completion": f"a {i}"} for i in range(count)
        )
        with (tmp_path / "train.jsonl").open("w") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
        (tmp_path / "other.csv").write_text("prompt,completion\na,b\n")
        run = start_fix(tmp_path, code)
        _, said = run.communicate()
        assert run.returncode == 0, said
        peaks.append(int(said.split("PEAK")[1]))
    assert peaks[1] - peaks[0] < 40_000  # kB, of 27 MB more to read
