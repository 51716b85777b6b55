"""Files that hypothesis makes: in anybody's style, compressed or not, with whatever may be in a line.

Each is checked, cleaned and restored, several at a time as one folder: no traceback, no row lost, every byte back.
"""

import contextlib
import csv
import gzip
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.faults.common import SEED, Bench, Trial
from benchmarks.faults.containers import parquet, zstd
from benchmarks.faults.probe import RULES, unpacked

AT_ONCE = 25
PIECE = 2_000  # files of one child: hypothesis remembers what it has made

letters = st.characters(exclude_categories=["Cs"])
texts = st.one_of(
    st.text(letters, max_size=12),
    st.sampled_from(
        ["", "a", "a", "yes", "=1+1", "\u200bx", "a\x07b", "\ufeff", "\u2028", "Ã©", "<|im_end|>", "nan", "\\"]
    ),
)
scalars = st.one_of(
    texts,
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 1e300, 2**53 + 1]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
turns = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "human", "tool"])},
    optional={"content": st.one_of(texts, st.none()), "name": texts, "tool_calls": st.lists(values, max_size=2)},
)
rows = st.one_of(
    st.sampled_from([{"prompt": "a", "completion": "b"}, {"prompt": "a\u200b", "completion": "b", "meta": None}]),
    st.fixed_dictionaries({"prompt": texts, "completion": texts}, optional={"meta": values, "id": scalars}),
    st.fixed_dictionaries({"messages": st.lists(turns, max_size=3)}, optional={"tools": values, "id": scalars}),
    st.dictionaries(texts, values, max_size=3),
)
layouts = st.sampled_from([(", ", ": "), (",", ":"), (" , ", " : "), (",", ": ")])


@st.composite
def a_line(draw: Any) -> bytes:
    """A row in somebody's style, or something that is none."""
    text = json.dumps(draw(rows), ensure_ascii=draw(st.booleans()), separators=draw(layouts)).encode()
    kind = draw(st.integers(0, 30))
    odd = {
        0: b"",
        1: text[: draw(st.integers(0, len(text)))],
        2: b"[" + text + b", " + text + b"]",
        3: b"  " + text + b"\t",
        4: text + text,
        5: text.replace(b"/", b"\\/"),
        6: b'{"a": "\\ud83d"}',
        7: b'{"a": 1, "a": 2}',
        8: b'{"a": NaN}',
        9: draw(st.binary(max_size=20)).replace(b"\n", b""),
        10: text.replace(b"a", b"\xff"),
        11: b"\xef\xbb\xbf" + text,
        12: text + b"\r",
    }
    return odd.get(kind, text)


@st.composite
def json_lines(draw: Any) -> bytes:
    """JSON Lines with their byte order mark, line ends and end; in UTF-16 now and then."""
    end = draw(st.sampled_from([b"\n", b"\n", b"\n", b"\r\n"]))
    body = end.join(draw(st.lists(a_line(), min_size=1, max_size=5)))
    data = body + draw(st.sampled_from([end, b"", end + end, b"\n \n"]))
    if draw(st.integers(0, 8)) == 0:
        return b"\xef\xbb\xbf" + data
    if draw(st.integers(0, 12)) == 0:
        encoding = draw(st.sampled_from(["utf-16", "utf-16-le", "utf-16-be", "utf-32"]))
        return data.decode("utf-8", "replace").encode(encoding)
    return data


@st.composite
def document(draw: Any) -> bytes:
    """A JSON array or one object, as it may be indented."""
    some = draw(st.lists(rows, max_size=5))
    value = draw(st.sampled_from([some, some, some[0] if some else {}, {"data": some}]))
    text = json.dumps(value, indent=draw(st.sampled_from([None, 1, 4, "\t"])), ensure_ascii=draw(st.booleans()))
    data = text.encode() + draw(st.sampled_from([b"", b"\n"]))
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 9)) == 0 else data


@st.composite
def table(draw: Any) -> bytes:
    """CSV, with a record that does not fit now and then."""
    cells = st.text(st.sampled_from('ab ,;"\n\r\tü'), max_size=6)
    width = draw(st.integers(1, 3))
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
    )
    writer.writerow(["prompt", "completion", "id"][:width])
    writer.writerows(draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=6)))
    data = text.getvalue().encode()
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.sampled_from([b'"', b",", b"\n", b"\xff", b"a,b,c,d\n", b"\0"])) + data[at:]
    return data if draw(st.booleans()) else data.rstrip(b"\r\n")


@st.composite
def columns(draw: Any) -> bytes:
    """Parquet, with a byte of it changed now and then."""
    some = draw(
        st.lists(
            st.fixed_dictionaries({"prompt": texts, "completion": texts, "n": st.integers(0, 9)}),
            min_size=1,
            max_size=5,
        )
    )
    data = parquet(some, compression=draw(st.sampled_from(["zstd", "snappy", "none"])))
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(4, len(data) - 5))
        return data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
    return data


@st.composite
def a_file(draw: Any) -> tuple[str, bytes]:
    """An ending and what is in the file."""
    kind = draw(st.integers(0, 11))
    if kind < 7:
        ending, data = "jsonl", draw(json_lines())
    elif kind < 9:
        ending, data = "json", draw(document())
    elif kind < 11:
        ending, data = "csv", draw(table())
    else:
        return "parquet", draw(columns())
    if draw(st.integers(0, 6)):
        return ending, data
    last, packed = draw(st.sampled_from([("gz", gzip.compress(data, mtime=0)), ("zst", zstd(data))]))
    if draw(st.integers(0, 2)) == 0:
        packed = packed[: draw(st.integers(1, len(packed)))]
    return f"{ending}.{last}", packed


def files(bench: Bench) -> Iterator[Trial]:
    """2,000 of them, or 100,000 in 50 pieces."""
    with bench.folder() as folder:
        for piece in bench.pieces:
            args = (str(SEED + piece), str(PIECE), str(folder), "checks" if bench.full else "")
            end = bench.run(*args, cwd=folder, call="benchmarks.faults.generated:made")
            if end.code or not end.out:
                yield Trial("died", f"seed {args[0]}: exit code {end.code} {end.err.strip()[-500:]}")
                continue
            told = json.loads(end.out.splitlines()[-1])
            yield from [Trial("files")] * told["files"]
            if told["problem"]:
                yield Trial("files", f"seed {args[0]}: {told['problem']}")


def made(number: str, count: str, folder: str, checks: str) -> None:
    """In the child: so many files from one seed. Of a folder that fails the file is told that fails by itself."""
    done, problem = 0, ""

    @seed(int(number))
    @settings(
        max_examples=int(count) // AT_ONCE,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # to shrink what fails would take longer than reading it
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(a_file(), min_size=AT_ONCE, max_size=AT_ONCE))
    def survive(some: list[tuple[str, bytes]]) -> None:
        nonlocal done, problem
        lost = gone_through(some, Path(folder) / "work", checks=bool(checks))
        if lost:
            alone = (one for one in some if gone_through([one], Path(folder) / "work", checks=True))
            problem = f"{lost[:300]}: {next(alone, 'not with one file alone')!r}"
            raise AssertionError(problem)
        done += len(some)
        print(json.dumps({"files": done, "problem": ""}), flush=True)

    with contextlib.suppress(AssertionError):
        survive()
    print(json.dumps({"files": done, "problem": problem}), flush=True)


def gone_through(some: list[tuple[str, bytes]], work: Path, *, checks: bool) -> str:
    """Clean and restore files as one folder, and check them; what went wrong, or nothing."""
    shutil.rmtree(work, ignore_errors=True)
    (work / "in").mkdir(parents=True)
    names = [f"part{number}.{ending}" for number, (ending, _) in enumerate(some)]
    for name, (_, data) in zip(names, some, strict=True):
        (work / "in" / name).write_bytes(data)
    try:
        return _there_and_back(work, dict(zip(names, some, strict=True)), checks=checks)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _there_and_back(work: Path, some: dict[str, tuple[str, bytes]], *, checks: bool) -> str:
    import datalint
    from datalint.cleaner import restore

    options: dict[str, Any] = {"isolated": True, "select": RULES.split(",")}
    result = datalint.clean(work / "in", out=work / "out", **options)
    report = datalint.check(work / "in", **options) if checks else result.report
    counts = Counter[str]()
    for entry in result.files:
        counts[entry.relative] += entry.rows_in
        if entry.rows_in != entry.rows_out + entry.rows_removed + entry.rows_unreadable:
            return f"{entry.relative}: the rows do not add up"
    read = {Path(file.name).name: file.rows for file in report.files}
    if counts != read:
        return f"rows read {read}, counted {counts}"
    restore(work / "out", out=work / "back")
    if sorted(path.name for path in (work / "back").iterdir()) != sorted(some):
        return "files are missing"
    for name, (ending, data) in some.items():
        if (work / "in" / name).read_bytes() != data:
            return f"{name}: the input was changed"
        if ending != "parquet" and unpacked((work / "back" / name).read_bytes()) != unpacked(data):
            return f"{name}: comes back otherwise"
    return ""
