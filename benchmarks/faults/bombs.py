"""What takes time or memory without end: templates, patterns, texts, and files that expand to a thousand times more."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults.common import Bench, Done, Trial, lines
from benchmarks.faults.containers import zstd

LIMIT = 3 << 29  # bytes of memory that no run may need: some twenty times what one record may have

# Each only where the second message asks for it: the other rows must be rendered.
TEMPLATES = {
    "a long string": "{{ 'a' * 10**9 }}",
    "an endless loop": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a big number": "{% set n = messages | length * 5 %}{{ n ** (n ** 8) }}",
    "endless recursion": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "doubling": "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "long output": "{% for i in range(90000) %}{{ 'abcdefghijklmnop' * 100 }}{% endfor %}",
    "padding": "{{ 'a' | center(10**10) }}",
    "a big list": "{{ ([1] * 10**9) | length }}",
}


def template_bombs(bench: Bench) -> Iterator[Trial]:
    """Eight templates that blow up at one row: that row is told, the others are rendered."""
    talk = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]
    boom = [{"role": "user", "content": "boom"}, talk[1]]
    head = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}{% if messages[0].content == 'boom' %}"
    with bench.folder() as folder:
        some = [{"messages": talk}] * 5
        (folder / "train.jsonl").write_bytes(lines([*some, {"messages": boom}, *some]))
        for kind, bomb in TEMPLATES.items() if bench.full else list(TEMPLATES.items())[:2]:
            (folder / "t.jinja").write_text(f"{head}{bomb}{{% endif %}}")
            args = ("check", "train.jsonl", "--isolated", "--select", "TPL001", "--chat-template", "t.jinja")
            done = bench.run(*args, "--output-format", "concise", cwd=folder)
            problem = _bounded(done, 1)
            told = [line.split(" TPL001 ")[0].split(":")[:2] for line in done.out.splitlines()]
            if not problem and told != [["train.jsonl", "6"]]:
                problem = f"told {done.out!r}"
            yield Trial(kind, problem and f"{kind}: {problem}")


def patterns(bench: Bench) -> Iterator[Trial]:
    """Patterns in settings and in a dataset card, options that become patterns: done soon, or refused in one line."""
    stars = "*a" * 60 + "*b"
    names = json.dumps(["a" * 200, " ".join("a" * 99), "(a+)+$", "(" * 50, "\\"])
    card = '---\nconfigs:\n- config_name: x\n  data_files: "%s"\n---\n'
    settings = {
        "globs of names": f'[per-file-ignores]\n"{stars}" = ["FMT"]\n',
        "a set in a glob": f'[per-file-ignores]\n"{"[!a-z]*" * 40}" = ["FMT"]\n',
        "a list of names": f"select = ['PII003']\n[rules.PII003]\nnames = {names}\n",
        "a count": "[rules.FMT011]\nmin_chars = 1000000000\n",
        "a negative count": "[rules.FMT011]\nmin_chars = -1\n",
        "texts": f"[rules.TXT005]\nmore = {names}\n",
    }
    with bench.folder() as folder:
        deep = folder / Path(*"a" * 30)
        deep.mkdir(parents=True)
        (deep / ("a" * 200 + ".jsonl")).write_bytes(lines([{"prompt": "a " * 5000, "completion": "aa" * 5000}]))
        for kind, text in settings.items():
            (folder / "datalint.toml").write_text(text)
            done = bench.run("check", ".", "--fail-on", "never", cwd=folder)
            yield Trial("setting", (problem := _bounded(done, 0, 2)) and f"{kind}: {problem}")
        (folder / "datalint.toml").unlink()
        for pattern in ("**/" * 40 + "*.jsonl", "**/a/" * 15 + "*.jsonl", "**/*/" * 20 + "*.jsonl", "*a" * 60 + "b"):
            (folder / "README.md").write_text(card % pattern)
            done = bench.run("check", ".", "--isolated", "--fail-on", "never", cwd=folder)
            yield Trial("dataset card", (problem := _bounded(done, 0, 2)) and f"{pattern[:40]}: {problem}")


# Repeated to a long text, each is what some expression of some rule begins to match again and again.
TEXTS = (
    "[[",
    '{"a":',
    "(",
    "a",
    " ",
    "\n",
    "a.",
    "a@",
    "<a ",
    "<|",
    "1",
    "1-",
    "a=",
    "```",
    "{{",
    "\\",
    "=",
    "&#",
    "/",
    "a-a.",
)


def long_texts(bench: Bench) -> Iterator[Trial]:
    """Texts of one thing over and over, through every rule: done soon."""
    size = bench.size(20_000, 300_000)
    with bench.folder() as folder:
        for text in TEXTS if bench.full else [*TEXTS[:2], "".join(TEXTS)]:
            long = text * (size // len(text))
            (folder / "train.jsonl").write_bytes(lines([{"prompt": f"Q {long}", "completion": long}]))
            args = ("check", "train.jsonl", "--isolated", "--select", "ALL", "--fail-on", "never")
            done = bench.run(*args, "--output-format", "concise", cwd=folder)
            yield Trial("text", (problem := _bounded(done, 0)) and f"{text!r}: {problem}")


def packed_bombs(bench: Bench) -> Iterator[Trial]:
    """A small gzip or zstd file that stands for a long line, for many lines or for none: in bounded memory."""
    size = bench.size(100 << 20, 1 << 30)
    row = b'{"prompt": "q", "completion": "%s"}\n' % (b"a" * 1000)
    kinds = {
        "one line": (b"a" * (1 << 20), ("FMT", 1)),
        "one string": (b'{"prompt": "' + b"a" * (1 << 20), ("FMT", 1)),
        "brackets": (b"[" * (1 << 20), ("FMT", 1)),
        "rows": (row * ((1 << 20) // len(row)), ("", 0)),
        "zeros": (bytes(1 << 20), ("FMT", 1)),
    }
    with bench.folder() as folder:
        for kind, (piece, (told, code)) in list(kinds.items())[: bench.size(2, len(kinds))]:
            count = (size >> 20) // (1 if told else 4)
            data = {"gz": gzip.compress(piece, mtime=0) * count, "zst": zstd(piece) * count}
            for ending, packed in data.items() if bench.full else list(data.items())[:1]:
                name = f"train.jsonl.{ending}"
                (folder / name).write_bytes(packed)
                done = bench.run(
                    "check", name, "--isolated", "--select", "FMT001", "--output-format", "concise", cwd=folder
                )
                problem = _bounded(done, code) or ("" if told in done.out else f"told {done.out[:200]!r}")
                yield Trial(kind, problem and f"{kind}, {ending}: {problem}")
                (folder / name).unlink()


def _bounded(done: Done, *codes: int) -> str:
    """What is wrong with a run that must end soon (a hang is a problem of every run), and in bounded memory."""
    return done.problem(*codes) or (f"took {done.peak >> 20} MiB" if done.peak > LIMIT else "")
