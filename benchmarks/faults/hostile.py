"""Folders and files that somebody else made: paths that lead outside, pickles."""

import io
import json
import os
import pickle
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.faults.common import Bench, Trial, contents, lines
from benchmarks.faults.ending import CLEAN, rows

OUTSIDE = (
    "../escape.jsonl",
    "../../escape.jsonl",
    "a/../../escape.jsonl",
    "/tmp/faults-escape.jsonl",
    "..",
    ".",
    "",
    "a\x00b.jsonl",
    "link/escape.jsonl",
    "manifest.json/../../escape.jsonl",
    "x" * 5000,
    "a/" * 2000 + "b",
)


def manifest_paths(bench: Bench) -> Iterator[Trial]:
    """A manifest that names files outside of its folder: refused in one line, and nothing is written or read there."""
    with bench.folder() as outer:
        folder = outer / "work"
        folder.mkdir()
        (folder / "train.jsonl").write_bytes(lines(rows(30)))
        assert bench.run(*CLEAN, "--select", "FMT001,DUP001", cwd=folder).code == 0
        (outer / "escape.jsonl").write_text("precious")
        good = json.loads((folder / "out" / "manifest.json").read_text())
        for field in ("relative", "output", "outputs", "name_bytes"):
            for name in OUTSIDE if bench.full else OUTSIDE[:6]:
                manifest = json.loads(json.dumps(good))
                if field == "outputs":
                    manifest["outputs"][name] = "0" * 64
                elif field == "name_bytes":
                    import base64

                    manifest["files"][0][field] = base64.b64encode(os.fsencode(name)).decode()
                else:
                    manifest["files"][0][field] = name
                yield _restored(bench, outer, folder, manifest, f"{field} {name[:40]!r}")


def _restored(bench: Bench, outer: Path, folder: Path, manifest: Any, kind: str) -> Trial:
    (folder / "out" / "manifest.json").write_text(json.dumps(manifest))
    link = folder / "out" / "link"
    link.symlink_to(outer)
    before = contents(outer)
    done = bench.run("restore", "out", "--out", "back", cwd=folder)
    problem = done.problem(0, 2)
    made = {name for name in contents(outer).keys() - before.keys() if not name.startswith("work/back/")}
    if not problem and (made or {name: before[name] for name in before} != contents_of(outer, before)):
        problem = f"written outside: {sorted(made)}"
    if Path("/tmp/faults-escape.jsonl").exists():
        problem = "written to /tmp"
    shutil.rmtree(folder / "back", ignore_errors=True)
    link.unlink()
    return Trial(f"exit {done.code}", problem and f"{kind}: {problem}")


def contents_of(folder: Path, names: Any) -> dict[str, bytes]:
    """The files that were there before, as they are now."""
    now = contents(folder)
    return {name: now.get(name, b"") for name in names}


def report_over_input(bench: Bench) -> Iterator[Trial]:
    """A report that is to be written where the data are, by whatever name: refused, the data stay."""
    with bench.folder() as folder:
        (folder / "data").mkdir()
        (folder / "data" / "train.jsonl").write_bytes(lines(rows(20)))
        (folder / "link.jsonl").symlink_to(folder / "data" / "train.jsonl")
        (folder / "datalint.toml").write_text('[datasets.x]\ntrain = ["data/*.jsonl"]\n')
        before = contents(folder)
        for given in ("data/train.jsonl", "data", ".", "link.jsonl", ""):
            for name in ("data/train.jsonl", "./data/../data/train.jsonl", "link.jsonl"):
                args = ("check", *filter(None, (given,)), "--output-format", f"json:{name}")
                done = bench.run(*args, cwd=folder)
                problem = done.problem(2) or ("" if contents(folder) == before else "written over")
                yield Trial("check", problem and f"{given}, {name}: {problem}")
        for name in ("data/train.jsonl", "link.jsonl"):
            done = bench.run("explain", "data/train.jsonl:1", "--output-format", f"html:{name}", cwd=folder)
            problem = done.problem(2) or ("" if contents(folder) == before else "written over")
            yield Trial("explain", problem and f"{name}: {problem}")


class _Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


def pickles(bench: Bench) -> Iterator[Trial]:
    """Files that run a command when they are unpickled, by any name: told, never loaded."""
    with bench.folder() as folder:
        sprung = folder / "sprung"
        files = _pickled(str(sprung))
        for number, name in enumerate(_NAMES if bench.full else _NAMES[::2]):
            for kind, data in files.items():
                (folder / name).write_bytes(data)
                runs = (
                    ("check", name, "--isolated"),
                    ("clean", name, "--out", "out", "--overwrite", "--isolated"),
                    ("explain", f"{name}:1", "--isolated"),
                )
                for args in runs if bench.full else runs[number % 3 : number % 3 + 1]:
                    done = bench.run(json.dumps(args), cwd=folder, call="benchmarks.faults.hostile:watched")
                    problem = done.problem(0, 1, 2)
                    if sprung.exists() or "UNPICKLED" in done.out:
                        problem = "was unpickled"
                    yield Trial(args[0], problem and f"{name}, {kind}: {problem}")
                (folder / name).unlink()


_NAMES = ("model.pkl", "model.pt", "model.bin", "train.jsonl", "train.csv", "train.parquet", "train.json")


def _pickled(path: str) -> dict[str, bytes]:
    import gzip

    trap = _Trap(path)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("archive/data.pkl", pickle.dumps(trap, 2))
    made = {f"protocol {number}": pickle.dumps(trap, number) for number in (0, 2, 4)}
    return {**made, "zip": archive.getvalue(), "gzip": gzip.compress(pickle.dumps(trap, 4), mtime=0)}


def watched(arguments: str) -> None:
    """In the child: the command, with an eye on everything that unpickles."""
    from datalint.cli import main

    def seen(event: str, _: Any) -> None:
        if event == "pickle.find_class":
            os.write(1, b"UNPICKLED\n")

    sys.addaudithook(seen)
    sys.argv = ["datalint", *json.loads(arguments)]
    main()
