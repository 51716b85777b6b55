"""Which conversations are longer than --max-length: datalint with and without its bounds, and transformers.

    python benchmarks/tokens.py --data DIR [--max-length 2048] [--runs 3] [--tokenizers NAME ...]

Needs the extra [train]. The rows of messy/chat.jsonl.gz are rendered by a ChatML template and counted by tokenizers of
the data folder. Rows are in memory before the clock starts, and each contender has dealt with one of them: what that
took, imports and loading included, is `start`. transformers is asked row by row, since a batch fails as a whole where
one of its rows does; and in batches of 1,000 without the rows that fail. Every contender runs in a process of its own,
in turn, and the median of the runs is given. All must come to the same verdict on each row.
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

TEMPLATE = "chat-templates/chujiezheng/chatml.jinja"
TOKENIZERS = ("phi-3-mini", "olmo-dolma2", "torchtitan-test")
CONTENDERS = {
    "bounds": "datalint",
    "counts": "datalint, bounds off",
    "rows": "transformers, row by row",
    "batches": "transformers, batches without the rows that fail",
}

Talk = list[dict[str, Any]]
Judge = Callable[[list[Talk]], list[bool | None]]
"""Is each longer than the limit? None where it cannot be rendered."""


def talks_of(data: Path) -> list[Talk]:
    rows = []
    for line in gzip.decompress((data / "messy/chat.jsonl.gz").read_bytes()).splitlines():
        try:
            rows.append(json.loads(line).get("messages"))
        except (ValueError, AttributeError):
            continue  # a planted fault of another kind
    return [row for row in rows if isinstance(row, list)]


def datalint_judge(data: Path, name: str, limit: int, *, bounds: bool) -> tuple[Judge, Callable[[], float]]:
    from datalint.tokens import ChatTemplate, Conversation, Rendered, RenderPool, load_tokenizer
    from datalint.tokens.memory import Memory

    loaded = load_tokenizer(data / "tokenizers" / name)
    assert loaded is not None
    template = ChatTemplate({"default": (data / TEMPLATE).read_text(encoding="utf-8")})
    pool = RenderPool()

    def judge(talks: list[Talk]) -> list[bool | None]:
        tokenizer = replace(loaded, memory=Memory(loaded.memory.limit))
        renders = pool.render(template, [Conversation(talk) for talk in talks])
        texts = [render.text for render in renders if isinstance(render, Rendered)]
        over = iter((tokenizer.over(texts, limit) if bounds else tokenizer.count(texts) > limit).tolist())
        return [next(over) if isinstance(render, Rendered) else None for render in renders]

    def cpu() -> float:
        worker = pool._worker
        if worker is None:
            return own_cpu()
        # User and system ticks: fields 14 and 15 of proc(5), the second of which may hold spaces.
        fields = Path(f"/proc/{worker.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return own_cpu() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    return judge, cpu


def transformers_judge(data: Path, name: str, limit: int, *, batch: int) -> tuple[Judge, Callable[[], float]]:
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(data / "tokenizers" / name / "tokenizer.json"))
    tokenizer.chat_template = (data / TEMPLATE).read_text(encoding="utf-8")

    def one(talk: Talk) -> bool | None:
        try:
            return len(tokenizer.apply_chat_template(talk, tokenize=True)["input_ids"]) > limit
        except Exception:
            return None

    def batched(talks: list[Talk]) -> list[bool | None]:
        return [
            len(ids) > limit
            for start in range(0, len(talks), batch)
            for ids in tokenizer.apply_chat_template(talks[start : start + batch], tokenize=True)["input_ids"]
        ]

    return (batched if batch else lambda talks: [one(talk) for talk in talks]), own_cpu


def own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def contend(options: argparse.Namespace) -> dict[str, Any]:
    """One contender's run, in this process."""
    began = time.perf_counter()
    name, limit = options.tokenizers[0], options.max_length
    talks = talks_of(options.data)
    if options.contender in ("rows", "batches"):
        make = transformers_judge(options.data, name, limit, batch=1000 if options.contender == "batches" else 0)
    else:
        make = datalint_judge(options.data, name, limit, bounds=options.contender == "bounds")
    judge, cpu = make
    failing = set(json.loads(options.failing.read_text()) if options.failing else ())
    talks = [talk for place, talk in enumerate(talks) if place not in failing]
    judge(talks[:1])
    wall, used = time.perf_counter(), cpu()
    verdicts = judge(talks)
    done = time.perf_counter()
    return {"wall": done - wall, "cpu": cpu() - used, "start": wall - began, "verdicts": verdicts}


def spawned(options: argparse.Namespace, name: str, contender: str, failing: Path | None) -> dict[str, Any]:
    command = [sys.executable, __file__, "--data", str(options.data), "--max-length", str(options.max_length)]
    command += ["--tokenizers", name, "--contender", contender]
    command += ["--failing", str(failing)] if failing else []
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(options: argparse.Namespace, name: str, scratch: Path) -> None:
    runs: dict[str, list[dict[str, Any]]] = {contender: [] for contender in CONTENDERS}
    failing = scratch / f"{name}.json"
    for _ in range(options.runs):
        for contender in CONTENDERS:
            runs[contender].append(spawned(options, name, contender, failing if contender == "batches" else None))
            if contender == "rows":
                verdicts = runs["rows"][0]["verdicts"]
                failing.write_text(json.dumps([place for place, over in enumerate(verdicts) if over is None]))
    verdicts = runs["rows"][0]["verdicts"]
    rendered = [over for over in verdicts if over is not None]
    print(
        f"\n{name}: {len(verdicts):,} rows, {verdicts.count(None)} not rendered, {sum(rendered)} longer than "
        f"{options.max_length:,} tokens\n\n"
        "| contender | start, s | wall, s | CPU, s | rows/s | wall | CPU | verdicts |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    middle = {
        contender: {key: median(run[key] for run in some) for key in ("start", "wall", "cpu")}
        for contender, some in runs.items()
    }
    for contender, label in CONTENDERS.items():
        mine, base = middle[contender], middle["bounds"]
        expected = rendered if contender == "batches" else verdicts
        equal = all(run["verdicts"] == expected for run in runs[contender])
        times = " | ".join(f"{mine[key] / base[key]:.1f} x" for key in ("wall", "cpu"))
        print(
            f"| {label} | {mine['start']:.2f} | {mine['wall']:.2f} | {mine['cpu']:.2f} | "
            f"{len(expected) / mine['wall']:,.0f} | {times} | {'equal' if equal else 'DIFFERENT'} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--max-length", type=int, default=2048)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tokenizers", nargs="+", default=list(TOKENIZERS))
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--failing", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        print(json.dumps(contend(options)))
        return
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        for name in options.tokenizers:
            compare(options, name, Path(scratch))


if __name__ == "__main__":
    main()
