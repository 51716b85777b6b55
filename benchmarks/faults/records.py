"""Faults in the records of a text file: told with their line, and no other row is lost."""

import json
import random
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from benchmarks.faults.common import SEED, Bench, Trial
from benchmarks.faults.probe import Case, trials

Row = dict[str, Any]


def good(draw: random.Random, number: int) -> Row:
    """A row without a fault."""
    words = draw.choices(["why", "é", "日本", 'a "quote"', "1 / 2", "x" * 40, "line\nbreak", "\u2028"], k=3)
    return {"prompt": f"{number} {' '.join(words)}", "completion": f"answer {number}", "unused": {"n": [number]}}


def dumped(row: Row, draw: random.Random) -> bytes:
    """In one of the usual styles."""
    layout = draw.choice([(", ", ": "), (",", ":")])
    return json.dumps(row, ensure_ascii=draw.random() < 0.5, separators=layout).encode()


def planted(bench: Bench, *, code: str, bad: Sequence[tuple[bytes, Any]], quick: int, full: int) -> Iterator[Trial]:
    """Each bad line between good ones, at random places. `bad`: a line, and the value that is read of it or None."""
    return trials(bench, _planted(bench.size(quick, full), code, bad))


def _planted(times: int, code: str, bad: Sequence[tuple[bytes, Any]]) -> Iterator[Case]:
    draw = random.Random(f"{SEED} {code} {len(bad)}")
    for _ in range(times):
        for line, value in bad:
            rows = [good(draw, i) for i in range(draw.randrange(1, 40))]
            texts: list[bytes] = [dumped(row, draw) for row in rows]
            at = draw.randrange(len(rows) + 1)
            values: list[Any] = [*rows[:at], value, *rows[at:]]
            texts[at:at] = [line]
            end = draw.choice([b"\n", b"\n", b"\r\n"])
            data = end.join(texts) + draw.choice([b"", end])
            yield Case(code, "train.jsonl", data, [(code, at + 1)], values)


MALFORMED = [
    b'{"prompt": "a", "completion": "b"',
    b'{"prompt": "a", "completion": "b"}}',
    b"{'prompt': 'a', 'completion': 'b'}",
    b'{"prompt": "a", "completion": "b",}',
    b'{prompt: "a", completion: "b"}',
    b'{"prompt": "a" "completion": "b"}',
    b'{"prompt" "a", "completion": "b"}',
    b'{"prompt": "a", "completion": "b"} // note',
    b'{"prompt": None, "completion": True}',
    b'{"prompt": "a\tb", "completion": "c"}',
    b'{"prompt": "a\\x41", "completion": "c"}',
    b'{"prompt": "a\\u00g0", "completion": "c"}',
    b'{"prompt": 01, "completion": "c"}',
    b'{"prompt": .5, "completion": "c"}',
    b'{"prompt": +1, "completion": "c"}',
    b'{"prompt": 0x1f, "completion": "c"}',
    b'{"prompt": "a", "completion": "b',
    b'{"prompt": "a", "completion": "b\\',
    b"just a text",
    b'"a string"',
    b"17",
    b"null",
    b"<<<<<<< HEAD",
    b"\x0c",
    b"{",
    b"}",
    b"\xc2\xa0{}",
]

NOT_UTF_8 = [b"\xff", b"\xc0\xaf", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80", b"caf\xe9", b"\xfe\xff"]


def bad_utf_8() -> list[tuple[bytes, Any]]:
    """In a field that is used, in one that is not, and in a key."""
    forms = [
        b'{"prompt": "a%sb", "completion": "c"}',
        b'{"prompt": "a", "completion": "c", "unused": {"n": ["%s"]}}',
        b'{"prompt": "a", "completion": "c", "%s": 1}',
    ]
    return [(form % bad, None) for form in forms for bad in NOT_UTF_8]


DOUBLED: list[tuple[bytes, Any]] = [
    (b'{"prompt": "a", "prompt": "b", "completion": "c"}', {"prompt": "b", "completion": "c"}),
    (b'{"prompt": "a", "\\u0070rompt": "b", "completion": "c"}', {"prompt": "b", "completion": "c"}),
    (
        b'{"prompt": "a\\u003a", "completion": "c", "completion": "d", "x": "\\u003a\\u003A"}',
        {"prompt": "a:", "completion": "d", "x": "::"},
    ),
    (
        b'{"prompt": "a:b:", "completion": "c", "unused": {"n": 1, "n": [2]}}',
        {"prompt": "a:b:", "completion": "c", "unused": {"n": [2]}},
    ),
    (
        b'{"prompt": "a", "completion": "c", "unused": [[{"n": 1, "m": {}, "n": 1}]]}',
        {"prompt": "a", "completion": "c", "unused": [[{"n": 1, "m": {}}]]},
    ),
]

NOT_FINITE = [
    b'{"prompt": "a", "completion": "c", "x": %s}' % text for text in (b"NaN", b"Infinity", b"-Infinity", b"[NaN, 1]")
]
TOO_LARGE = [
    b'{"prompt": "a", "completion": "c", "x": %s}' % text for text in (b"1e400", b"-1E+400", b"[1, 1e999]", b"9" * 5000)
]
LONE = [
    b'{"prompt": "a\\ud83d", "completion": "c"}',
    b'{"prompt": "a", "completion": "\\udc00 c"}',
    b'{"prompt": "a", "completion": "\\ude00\\ud83d"}',
    b'{"prompt": "a", "completion": "c", "x": ["\\uD800x"]}',
    b'{"prompt": "a", "completion": "c", "\\udfff": 1}',
]
DEEP = [
    b'{"prompt": "a", "completion": "c", "x": %s1%s}' % (opens * depth, closes * depth)
    for depth in (1_000, 100_000)
    for opens, closes in ((b"[", b"]"), (b'{"a":', b"}"))
] + [b"[" * 100_000, b'{"a":' * 100_000]
JOINED = [
    b'{"prompt": "a", "completion": "b"}{"prompt": "c", "completion": "d"}',
    b'{"prompt": "a", "completion": "b"} {"prompt": "c", "completion": "d"}',
    b'{"prompt": "a", "completion": "b"}, {"prompt": "c", "completion": "d"}',
]

malformed = partial(planted, code="FMT001", bad=[(line, None) for line in MALFORMED], quick=1, full=100)
undecodable = partial(planted, code="FMT002", bad=bad_utf_8(), quick=1, full=100)
doubled = partial(planted, code="FMT003", bad=DOUBLED, quick=2, full=400)
not_finite = partial(planted, code="FMT001", bad=[(line, None) for line in NOT_FINITE], quick=1, full=400)
lone_surrogates = partial(planted, code="FMT010", bad=[(line, None) for line in LONE], quick=1, full=400)
too_large = partial(planted, code="FMT001", bad=[(line, None) for line in TOO_LARGE], quick=1, full=400)
deep = partial(planted, code="FMT001", bad=[(line, None) for line in DEEP], quick=1, full=40)
two_on_a_line = partial(planted, code="FMT001", bad=[(line, None) for line in JOINED], quick=2, full=400)


def exact_integers(bench: Bench) -> Iterator[Trial]:
    """Integers beyond 64 bits, kept to the last digit."""
    draw = random.Random(f"{SEED} integers")

    def cases() -> Iterator[Case]:
        for _ in range(bench.size(3, 200)):
            numbers = [2**63, -(2**63) - 1, 2**64, 2**70, -(2**70), 2**53 + 1, 10**300, draw.getrandbits(200)]
            rows = [{**good(draw, i), "id": number} for i, number in enumerate(draw.sample(numbers, len(numbers)))]
            data = b"".join(dumped(row, draw) + b"\n" for row in rows)
            yield Case("integers", "train.jsonl", data, (), rows)

    return trials(bench, cases())


def line_ends(bench: Bench) -> Iterator[Trial]:
    """Byte order mark, CRLF, U+2028 and the like, blank lines, no line end at the end, and all of these together."""
    draw = random.Random(f"{SEED} ends")

    def cases() -> Iterator[Case]:
        for number in range(bench.size(24, 2000)):
            mark, crlf, blank, final = (bool(number >> bit & 1) for bit in range(4))
            rows: list[Any] = [good(draw, i) | {"odd": "a\u2028b\u2029c\x85d\x0b\x0c\x1c\x1e"} for i in range(9)]
            texts = [json.dumps(row, ensure_ascii=False).encode() for row in rows]
            told: list[tuple[str, int | None]] = [("FMT002", 1)] if mark else []
            if blank:
                at = draw.randrange(1, 9)
                texts.insert(at, draw.choice([b"", b" ", b"\t"]))
                rows.insert(at, None)
                told.append(("FMT001", at + 1))
            end = b"\r\n" if crlf else b"\n"
            tail = draw.choice([b"", end, end * 3]) if final else b""
            data = (b"\xef\xbb\xbf" if mark else b"") + end.join(texts) + tail
            yield Case("line ends", "train.jsonl", data, told, rows)

    return trials(bench, cases())


def joined_lines(bench: Bench) -> Iterator[Trial]:
    """Two lines that only parse when joined are two bad lines; what stands around them is read."""
    draw = random.Random(f"{SEED} joined")

    def cases() -> Iterator[Case]:
        for _ in range(bench.size(4, 500)):
            rows = [good(draw, i) for i in range(draw.randrange(2, 30))]
            texts = [dumped(row, draw) for row in rows]
            at = draw.randrange(1, len(rows))
            whole = dumped(good(draw, 99), draw)
            cut = draw.randrange(1, len(whole))
            data = b"\n".join([*texts[:at], whole[:cut], whole[cut:], *texts[at:]]) + b"\n"
            told = [("FMT001", at + 1), ("FMT001", at + 2)]
            if whole[cut] & 0xC0 == 0x80:  # inside of a character: two lines of bad UTF-8, told once
                told = [("FMT002", at + 1)]
            yield Case("joined", "train.jsonl", data, told, [*rows[:at], None, None, *rows[at:]], more=True)

    return trials(bench, cases())


def long_lines(bench: Bench) -> Iterator[Trial]:
    """A line of 64 MiB is read, a longer one is told where it is; the others are read."""
    limit = 64 << 20

    def cases() -> Iterator[Case]:
        few: list[Row] = [{"prompt": "a", "completion": "b"}, {"prompt": "c", "completion": "d"}]
        sizes = [limit + 1] if not bench.full else [limit - 1000, limit + 1, 3 * limit + 77]
        for size in sizes:
            long = {"prompt": "x" * (size - 40), "completion": "y"}
            text = json.dumps(long).encode()
            fits = len(text) <= limit
            texts = [json.dumps(few[0]).encode(), text, json.dumps(few[1]).encode()]
            told: list[tuple[str, int | None]] = [] if fits else [("FMT001", 2)]
            kind = f"{size >> 20} MiB"
            yield Case(kind, "train.jsonl", b"\n".join(texts), told, [few[0], long if fits else None, few[1]])

    return trials(bench, cases())
