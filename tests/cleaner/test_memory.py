"""Memory follows what is read at once, not the size of the file: eight times the rows take hardly more of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Row groups are made small, so that few rows fill some; what is measured is the highest mark of this process alone.
CLEAN = """
import sys
from datalint.cleaner import restore
from datalint.cleaner.stored import tables
import datalint
tables.GROUP_BYTES = 1 << 20
out = sys.argv[2]
options = {"to": "jsonl"} if sys.argv[3] == "jsonl" else {"max_shard_size": "1MB"} if sys.argv[3] == "shards" else {}
if sys.argv[3] == "restore":
    restore(sys.argv[1], out=out)
elif sys.argv[3] == "check":
    assert not datalint.check(sys.argv[1], isolated=True, select=["FMT"]).passed
else:
    done = datalint.clean(sys.argv[1], out=out, isolated=True, select=["FMT"], unsafe_fixes=True, **options)
    assert done.rows_changed == done.rows_in // 50
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
# What allocators keep for later, and for each of their threads, differs from run to run.
STEADY = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    "POLARS_MAX_THREADS": "1",
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0",
}
ALLOWED = 20 << 10  # KiB; the large file has 22 MiB, and as values several times that


def write(path: Path, rows: int) -> Path:
    """Rows of chat; some have a role that is mended, some cannot be read."""
    with path.open("w") as file:
        for i in range(rows):
            said, asks = f"answer {i} " + "x" * 480, "human" if i % 50 == 3 else "user"
            talk = [{"role": asks, "content": f"question {i}"}, {"role": "assistant", "content": said}]
            row = {"messages": talk, "tags": {f"k{i % 7}": i}}
            file.write(("broken" if i % 1000 == 7 else json.dumps(row)) + "\n")
    return path


def peak(source: Path, out: Path, how: str) -> int:
    command = [sys.executable, "-c", CLEAN, str(source), str(out), how]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | STEADY)
    return int(done.stdout)


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(),
    reason="only /proc tells the peak of a process alone: that of getrusage is the parent's, if that was higher",
)
def test_eight_times_the_rows_take_hardly_more_memory(tmp_path: Path) -> None:
    files = {rows: write(tmp_path / f"{rows}.jsonl", rows) for rows in (5_000, 40_000)}
    for how in ("check", "parquet", "jsonl", "shards", "restore"):
        sources = {rows: tmp_path / f"parquet{rows}" if how == "restore" else path for rows, path in files.items()}
        small, large = (peak(source, tmp_path / f"{how}{rows}", how) for rows, source in sources.items())
        assert large - small < ALLOWED, (how, small, large)
    assert (tmp_path / "restore40000/40000.jsonl").read_bytes() == files[40_000].read_bytes()
