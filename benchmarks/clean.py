"""What cleaning costs beside checking, and how much memory it takes as files grow.

    python benchmarks/clean.py [FILE ...] [--runs 3] [--rows 50000 500000] [--parts cost memory]

Cost: CPU seconds (user and system) of `check`, `clean` in its forms and `restore` on each file, each the least of
some runs in processes of their own, with the start of Python in all of them; the ratio is to `check`. Without FILE:
50,000 chats of which 4 % are at fault, and 15,000 of them as Parquet, as one JSON array and as CSV.
Memory: the peak of a process of its own, in MiB, on chat rows that are made on the fly. Rules that compare rows keep
something of each row, so that `clean` is shown beside `check` with and without them.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ALONE = ("FMT", "TXT", "PII", "SEC001", "SEC002")  # of which hardly a rule compares rows
FORMS: dict[str, tuple[str, ...]] = {
    "clean": (),
    "clean --to jsonl": ("--to", "jsonl"),
    "clean --max-shard-size 5MB": ("--max-shard-size", "5MB"),
    "clean --unsafe-fixes": ("--unsafe-fixes",),
}
# Only this mark is of the process alone: what getrusage says begins with that of the process which started it.
PEAK = """
import sys
from datalint.cli import main
try:
    main()
finally:
    sys.stderr.write(open("/proc/self/status").read())
"""


def command(args: Sequence[str]) -> tuple[float, int]:
    """CPU seconds and peak memory (KiB) of a run of datalint."""
    before = os.times()
    done = subprocess.run([sys.executable, "-c", PEAK, *args], capture_output=True, text=True, check=False)
    after = os.times()
    if done.returncode not in (0, 1) or "VmHWM" not in done.stderr:
        raise SystemExit(f"datalint {' '.join(args)}: {done.stderr.splitlines()[:1]}")
    peak = next(line.split()[1] for line in done.stderr.splitlines() if line.startswith("VmHWM"))
    spent = (after.children_user - before.children_user) + (after.children_system - before.children_system)
    return spent, int(peak)


def least(args: Sequence[str], runs: int) -> float:
    return min(command(args)[0] for _ in range(runs))


def cost(files: Sequence[Path], runs: int, folder: Path) -> None:
    print("| file | MB | check, CPU s | form | CPU s | ratio |\n|---|---:|---:|---|---:|---:|")
    for file in files:
        plain = ["--isolated", "--no-progress"]
        checked = least(["check", str(file), "--exit-zero", *plain], runs)
        size = file.stat().st_size / 1e6
        out = folder / "out"
        for name, more in FORMS.items():
            spent = least(["clean", str(file), "--out", str(out), "--overwrite", "-q", *plain, *more], runs)
            print(f"| {file.name} | {size:.1f} | {checked:.2f} | {name} | {spent:.2f} | {spent / checked:.2f} |")
        spent = 1e9
        for number in range(runs):
            spent = min(spent, command(["restore", str(out), "--out", str(folder / f"{file.name}{number}"), "-q"])[0])
        print(f"| {file.name} | {size:.1f} | {checked:.2f} | restore | {spent:.2f} | {spent / checked:.2f} |")


def chats(rows: int) -> Iterator[dict[str, Any]]:
    """Chat rows of about 330 bytes, every hundredth with a role that is rewritten."""
    chance = random.Random(1)
    words = [f"w{i}" for i in range(20_000)]
    for i in range(rows):
        asked, said = (" ".join(chance.choices(words, k=k)) for k in (12, 25))
        asks = "user" if i % 100 else "human"
        yield {"messages": [{"role": asks, "content": asked}, {"role": "assistant", "content": said}], "id": i}


def write(path: Path, rows: int) -> Path:
    """JSON Lines."""
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in chats(rows))
    return path


def faulty(folder: Path) -> list[Path]:
    """Files of each kind in which one row in a hundred has another role, a hidden character, is a copy, is broken."""
    rows = list(chats(50_000))
    for i in range(0, len(rows), 100):
        rows[i + 1]["messages"][0]["content"] += " hid\u200bden"
        rows[i + 2] = rows[i]
    lines = [json.dumps(row) for row in rows]
    lines[3::100] = [line[:-9] for line in lines[3::100]]
    jsonl, parquet, array, table = (folder / f"chat.{ending}" for ending in ("jsonl", "parquet", "json", "csv"))
    jsonl.write_text("\n".join(lines) + "\n")
    some = rows[:15_000]
    pq.write_table(pa.Table.from_pylist(some), parquet)
    array.write_text(json.dumps(some))
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt", "completion"])
        writer.writerows([message["content"] for message in row["messages"]] for row in some)
    return [jsonl, parquet, array, table]


def memory(rows: Sequence[int], folder: Path) -> None:
    print(f"| rules | command | {' | '.join(f'{count:,} rows' for count in rows)} |\n|---|---|{'---:|' * len(rows)}")
    files = [write(folder / f"{count}.jsonl", count) for count in rows]
    plain = ["--isolated", "--no-progress"]
    for rules, more in ((", ".join(ALONE), ["--select", ",".join(ALONE)]), ("all that are on", [])):
        lines: dict[str, list[str]] = {"check": []}
        for file in files:
            lines["check"].append(mib(["check", str(file), "--exit-zero", *plain, *more]))
            for number, (name, form) in enumerate(FORMS.items()):
                out = folder / f"{file.stem}-{number}"
                args = ["clean", str(file), "--out", str(out), "--overwrite", "-q", *plain, *more, *form]
                lines.setdefault(name, []).append(mib(args))
            back = folder / f"{file.stem}-{len(more)}-back"
            lines.setdefault("restore", []).append(mib(["restore", str(folder / f"{file.stem}-0"), "--out", str(back)]))
        for name, cells in lines.items():
            print(f"| {rules} | {name} | {' | '.join(cells)} |")


def mib(args: Sequence[str]) -> str:
    return f"{command(args)[1] / 1024:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 500_000])
    parser.add_argument("--parts", nargs="+", default=["cost", "memory"], choices=["cost", "memory"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="datalint-clean-") as name:
        if "cost" in options.parts:
            files = options.files or faulty(Path(name))
            cost(files, options.runs, Path(name))
        if "memory" in options.parts:
            memory(options.rows, Path(name))


if __name__ == "__main__":
    main()
