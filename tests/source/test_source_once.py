"""Standard input and pipes: read once, kept on disk under no name, told as `-` or as they were named."""

import gzip
import io
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import datalint
from datalint.errors import InputError, UsageError
from datalint.source import discover, open_source

ROWS = b"".join(b'{"prompt": "q %d", "completion": "a %d"}\n' % (i, i) for i in range(3000))
BAD = b'{"prompt": "q", "completion": "a"}\n{"prompt": }\n{"prompt": "p", "completion": "b"}\n'


def parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([json.loads(line) for line in ROWS.splitlines()]), sink)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def stdin(monkeypatch):
    def put(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put


@pytest.fixture
def pipe(tmp_path):
    """A named pipe that somebody writes to."""
    writers = []

    def make(name: str, data: bytes) -> Path:
        path = tmp_path / name
        os.mkfifo(path)
        writers.append(threading.Thread(target=lambda: path.write_bytes(data)))
        writers[-1].start()
        return path

    yield make
    for writer in writers:
        writer.join()


def values(file: datalint.source.DataFile) -> list[object]:
    return [value for block in open_source(file.path, name=file.name).blocks() for value in block.values]


@pytest.mark.parametrize(
    ("data", "container"),
    [
        (ROWS, "jsonl"),
        (gzip.compress(ROWS, mtime=0), "jsonl"),
        (b"\xef\xbb\xbf" + ROWS, "jsonl"),
        (ROWS.decode().encode("utf-16"), "jsonl"),
        (b"[" + ROWS.strip().replace(b"\n", b",") + b"]", "json"),
        (b"prompt,completion\n" + b"".join(b"q %d,a %d\n" % (i, i) for i in range(3000)), "csv"),
        (parquet(), "parquet"),
    ],
)
def test_every_container_is_read_from_standard_input(stdin, data, container) -> None:
    stdin(data)
    [file] = discover(["-"])
    assert (file.name, file.split) == ("-", "train")
    assert open_source(file.path, name=file.name).container == container
    assert [value["prompt"] for value in values(file)] == [f"q {i}" for i in range(3000)]
    assert len(values(file)) == 3000, "it can be read again"
    notes = [fault.code for block in open_source(file.path, name=file.name).blocks() for fault in block.faults]
    assert "FMT014" not in notes, "there is no name that could be wrong"


def test_a_named_pipe_keeps_its_name_and_its_split(pipe, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    pipe("rows.eval.pipe", ROWS)
    [file] = discover(["rows.eval.pipe"])
    assert (file.name, file.split) == ("rows.eval.pipe", "eval")
    assert len(values(file)) == 3000


def test_a_stream_that_is_named_twice_is_read_once(stdin, pipe) -> None:
    stdin(ROWS)
    assert len(discover(["-", "-"])) == 1
    stdin(ROWS)
    [file] = discover(["-"], eval=["-"])
    assert file.split == "eval"
    stdin(ROWS)
    with pytest.raises(UsageError, match="-: named as train and as eval"):
        discover([], train=["-"], eval=["-"])
    path = pipe("rows", ROWS)
    assert len(discover([path, path])) == 1


def test_an_empty_stream_is_told_as_an_empty_file(stdin) -> None:
    stdin(b"")
    report = datalint.check("-", isolated=True)
    assert report.found["rule"].to_list() == ["FMT015"]


def test_what_was_kept_goes_with_the_last_who_knows_it(stdin) -> None:
    stdin(ROWS)
    [file] = discover(["-"])
    path = file.path
    assert path.exists()
    again = pickle.loads(pickle.dumps(file))  # a job for a worker: the path is good while this process has the file
    assert len(values(again)) == 3000
    del file
    assert not path.exists()


def test_a_closed_standard_input_is_an_error_that_names_it(monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match=r"^-: standard input is closed"):
        discover(["-"])


def piped(data: bytes, *args: str, cwd: Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "datalint", *args, "--isolated"]
    return subprocess.run(command, cwd=cwd, input=data, capture_output=True, check=False, timeout=300, **options)


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_findings_in_standard_input_are_told_as_a_dash(tmp_path, name) -> None:
    done = piped(BAD, "check", name, "--output-format", "json:report.json", "--output-format", "concise", cwd=tmp_path)
    assert done.returncode == 1
    report = json.loads((tmp_path / "report.json").read_text())
    assert [file["path"] for file in report["files"]] == ["-"]
    [finding] = [found for found in report["findings"] if found["rule"] == "FMT001"]
    assert (finding["file"], finding["line"]) == ("-", 2)
    assert b"-:2" in done.stdout


def test_standard_input_with_a_format(tmp_path) -> None:
    rows = b"".join(b'{"q": "%d", "a": "b"}\n' % i for i in range(20))
    done = piped(rows, "check", "-", "--format", "text", "--output-format", "json:report.json", cwd=tmp_path)
    assert done.returncode in (0, 1)
    assert json.loads((tmp_path / "report.json").read_text())["files"][0]["format"] == "text"


def test_process_substitution(tmp_path) -> None:
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(ROWS))
    line = f"{sys.executable} -m datalint check <(zcat rows.jsonl.gz) --eval <(zcat rows.jsonl.gz | head -5) --isolated"
    command = ["bash", "-c", f"{line} --show-files"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [row.split("\t")[1] for row in done.stdout.splitlines()] == ["train", "eval"]


def test_standard_input_is_cleaned_and_restored(tmp_path) -> None:
    rows = BAD + BAD
    done = piped(rows, "clean", "-", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["files"][0]["input"] == "-"
    subprocess.run([sys.executable, "-m", "datalint", "restore", "out", "--out", "back"], cwd=tmp_path, check=True)
    [back] = [path for path in (tmp_path / "back").rglob("*") if path.is_file()]
    assert back.read_bytes() == rows


def test_nothing_is_left_behind_when_the_process_is_killed(tmp_path) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    command = [sys.executable, "-m", "datalint", "check", "-", "--isolated"]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, cwd=tmp_path) as process:
        assert process.stdin is not None
        process.stdin.write(ROWS * 20)
        process.stdin.flush()
        while not kept(process.pid, scratch):
            time.sleep(0.01)
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert not list(scratch.iterdir())


def kept(pid: int, scratch: Path) -> bool:
    """Whether a process holds a file in a folder."""
    links = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(fd.readlink()))
        except OSError:
            continue
    return any(link.startswith(f"{scratch}/") for link in links)


def test_a_full_disk_is_told_in_one_line(tmp_path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = piped(ROWS * 100, "check", "-", cwd=tmp_path, preexec_fn=limited)
    assert done.returncode == 2
    assert done.stderr.startswith(b"datalint: error: -: cannot be kept on disk (File too large)")
    assert done.stderr.count(b"\n") == 1
