"""Near duplicates: speed and accuracy on real rows, and against datasketch where that is installed.

    python benchmarks/dedup.py --data ../shared/data [--rows 60000] [--only speed|accuracy]

The comparison needs datasketch, which datalint itself never imports; give it an environment of its own:

    python -m venv .venv-bench && .venv-bench/bin/pip install -e . datasketch

CPU seconds are those of this process (user + system, all threads), reading excluded; "whole process" is a fresh
interpreter that imports datalint, reads a Parquet file of texts and searches it.
"""

import argparse
import csv
import gzip
import io
import itertools
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from datalint.dedup import NearDuplicates, near_duplicates, normalise


def read(path: Path) -> Iterator[Any]:
    """Records of a .json array, .jsonl or .csv file, gzip-compressed or not; None for a broken line."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = raw.decode()
    if ".csv" in path.suffixes:
        yield from csv.DictReader(io.StringIO(text, newline=""))
    elif text.lstrip().startswith("["):
        yield from json.loads(text)
    else:
        for line in text.split("\n"):
            if line:
                try:
                    yield json.loads(line)
                except ValueError:
                    yield None


def text_of(row: Any) -> str | None:
    """The whole row as one text: the strings of its fields and turns, one under the other."""
    if row is None:
        return None
    turns = row.get("messages") or row.get("conversations")
    if turns:
        return "\n".join(str(turn.get("content") or turn.get("value") or "") for turn in turns)
    fields = (
        "instruction",
        "input",
        "output",
        "response",
        "question",
        "answer",
        "std_answer",
        "text",
        "code",
    )
    return "\n".join(str(row[field]) for field in fields if row.get(field))


def texts(path: Path) -> pl.Series:
    return pl.Series([text_of(row) for row in read(path)], dtype=pl.String)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def bodies(rows: pl.Series) -> list[list[str]]:
    """The words of each row without the lines that 1 % of the distinct rows share."""
    lines = [["\n".join(words(line)) for line in (row or "").split("\n")] for row in rows]
    count = Counter(line for row in {tuple(row) for row in lines} for line in set(row))
    limit = max(10, 0.01 * len({tuple(row) for row in lines}))
    return [[word for line in row if line and count[line] < limit for word in line.split("\n")] for row in lines]


def is_near(a: list[str], b: list[str]) -> bool:
    """The definition, read off plain Python sets of words."""

    def similarity(x: set[Any], y: set[Any]) -> float:
        return len(x & y) / len(x | y) if x | y else 1.0

    return (
        similarity(set(a), set(b)) >= 0.8
        and similarity(set(itertools.pairwise(a)), set(itertools.pairwise(b))) >= 0.5
        and similarity({w for w in a if re.search(r"\d", w)}, {w for w in b if re.search(r"\d", w)}) >= 0.8
    )


def edited(text: str, share: float, vocabulary: list[str], rng: random.Random) -> str:
    """The text with a share of its words replaced, left out or doubled by another one."""
    tokens = text.split(" ")
    for place in rng.sample(range(len(tokens)), round(share * len(tokens))):
        tokens[place] = rng.choice(
            (rng.choice(vocabulary), rng.choice(vocabulary), "", f"{tokens[place]} {rng.choice(vocabulary)}")
        )
    return " ".join(token for token in tokens if token)


def planted(data: Path, rows: int) -> tuple[pl.Series, list[tuple[str, int, int]]]:
    """Real instruct rows and, one third of the total, copies of them; (class, row, copy) for each copy."""
    sources = (
        "instruct/gpteacher/codegen-instruct.json.gz",
        "instruct/gpteacher/roleplay-simple-deduped-roleplay-instruct.json.gz",
        "instruct/gpteacher/toolformer-dedupe-only-dataset.json.gz",
        "instruct/dolly/dolly_3k.json.gz",
        "instruct/llama-factory/c4_demo.jsonl.gz",
        "instruct/gorilla/torchhub_train.json.gz",
        "reasoning/gsm8k/train.jsonl.gz",
        "messy/alpaca.jsonl.gz",
        "messy/eval_chat.jsonl.gz",
    )
    pool = pl.concat([texts(data / source) for source in sources]).drop_nulls()
    base = pool.filter(normalise(pool).is_first_distinct()).to_list()
    rng = random.Random(20261121)
    vocabulary = [word for text in rng.sample(base, 2000) for word in text.split()]
    # Where the real rows do not suffice, pairs of their halves make new ones.
    real = list(base)
    while len(base) < rows - rows // 3:
        one, other = rng.choice(real).split(" "), rng.choice(real).split(" ")
        base.append(" ".join(one[: len(one) // 2] + other[len(other) // 2 :]))
    rng.shuffle(base)
    base = base[: rows - rows // 3]
    items = [(text, i, "") for i, text in enumerate(base)]
    for i in rng.sample(range(len(base)), rows // 3):
        percent = rng.choice((0, 5, 10, 15))
        items.append(
            (
                edited(base[i], percent / 100, vocabulary, rng) if percent else base[i].upper(),
                i,
                f"{percent} %",
            )
        )
    rng.shuffle(items)
    place = {origin: at for at, (_, origin, kind) in enumerate(items) if not kind}
    truth = [(kind, place[origin], at) for at, (_, origin, kind) in enumerate(items) if kind]
    return pl.Series([text for text, _, _ in items], dtype=pl.String), truth


def linked(found: NearDuplicates, count: int) -> list[int]:
    """For each row a name of its group of linked rows."""
    group = list(range(count))

    def root(row: int) -> int:
        while group[row] != row:
            group[row] = group[group[row]]
            row = group[row]
        return row

    for left, right in found.pairs.select("left", "right").iter_rows():
        group[root(left)] = root(right)
    return [root(row) for row in range(count)]


def cpu(who: int = resource.RUSAGE_SELF) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def timed(rows: pl.Series) -> tuple[NearDuplicates, float]:
    start = cpu()
    found = near_duplicates(rows)
    return found, cpu() - start


def whole_process(rows: pl.Series, call: str) -> tuple[float, float]:
    """CPU seconds and peak MiB of a fresh interpreter that reads the rows and runs `call` on them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        rows.alias("text").to_frame().write_parquet(path)
        code = (
            "import resource, polars as pl\n"
            f"rows = pl.read_parquet({str(path)!r})['text']\n{call}\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
        )
        start = cpu(resource.RUSAGE_CHILDREN)
        peak = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        return cpu(resource.RUSAGE_CHILDREN) - start, float(peak)


def datasketch_seconds(rows: pl.Series) -> float | None:
    """datasketch as its documentation shows it: word sets, 126 permutations, MinHashLSH at .8; no verification."""
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError:
        return None
    start = cpu()
    lsh = MinHashLSH(num_perm=126, params=(21, 6))
    for row, text in enumerate(dict.fromkeys(unicodedata.normalize("NFKC", t or "").casefold() for t in rows)):
        signature = MinHash(num_perm=126)
        signature.update_batch([word.encode() for word in set(re.findall(r"\w+", text))])
        lsh.query(signature)
        lsh.insert(row, signature)
    return cpu() - start


def speed(data: Path, counts: list[int]) -> None:
    print(f"{'rows':>7} {'MB':>6} {'search':>7} {'process':>8} {'peak MiB':>9} {'datasketch':>11} {'times':>6}")
    for count in counts:
        rows, truth = planted(data, count)
        found, seconds = timed(rows)
        whole, peak = whole_process(rows, "from datalint.dedup import near_duplicates; near_duplicates(rows)")
        other = datasketch_seconds(rows)
        size = int(rows.str.len_bytes().sum()) / 1e6
        versus = f"{other:>11.2f} {other / seconds:>6.1f}" if other else f"{'-':>11} {'-':>6}"
        print(f"{count:>7} {size:>6.1f} {seconds:>7.2f} {whole:>8.2f} {peak:>9.0f} {versus}", flush=True)
        if count == counts[-1]:
            report_planted(rows, truth, found)


def report_planted(rows: pl.Series, truth: list[tuple[str, int, int]], found: NearDuplicates) -> None:
    group, body = linked(found, len(rows)), bodies(rows)
    total, hits, defined, defined_hits = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for kind, one, other in truth:
        if kind != "0 %" and min(len(body[one]), len(body[other])) >= 20:
            hit = group[one] == group[other]
            total[kind] += 1
            hits[kind] += hit
            if is_near(body[one], body[other]):
                defined[kind] += 1
                defined_hits[kind] += hit
    for kind in sorted(total, key=lambda name: int(name[:-2])):
        print(
            f"  copies with {kind:>4} of the words edited: {hits[kind]} of {total[kind]} found "
            f"({100 * hits[kind] / total[kind]:.1f} %); within the definition {defined_hits[kind]} of {defined[kind]}"
        )
    print(f"  pairs {len(found.pairs)}, dropped {len(found.dropped)}")


def messy(data: Path, name: str) -> None:
    rows = texts(data / f"messy/{name}.jsonl.gz")
    truth_name = "textlabel" if name == "textlabel" else "chat"
    truth = {item["line"] - 1: item for item in read(data / f"messy/{truth_name}_truth.jsonl.gz")}
    # The text/label truth names partners by uid alone.
    line_of = {item["uid"]: line for line, item in truth.items() if "uid" in item}
    found, seconds = timed(rows)
    group = linked(found, len(rows))
    recall: dict[str, list[bool]] = {}
    copies = set()
    for line, item in truth.items():
        if item.get("partner") is not None:
            partner = line_of[item["partner"]]
            copies |= {line, partner}
            if item["cls"].startswith("near"):
                recall.setdefault(item["cls"], []).append(group[line] == group[partner])
    flagged = Counter(truth[row]["cls"] for row in found.dropped["row"] if row not in copies)
    shares = ", ".join(f"{kind} {sum(hit)}/{len(hit)}" for kind, hit in sorted(recall.items()))
    hard = sum(item["cls"] == "hardneg" for item in truth.values())
    print(
        f"{name:>10}: {seconds:.2f} s; {shares}; hardneg flagged {flagged.pop('hardneg', 0)}/{hard}; "
        f"others flagged beyond planted copies: {dict(flagged)}"
    )


def pairwise(name: str, rows: pl.Series, labels: list[Any] | None = None) -> None:
    found, seconds = timed(rows)
    across = ""
    if labels is not None:
        differ = sum(labels[one] != labels[other] for one, other in found.pairs.select("left", "right").iter_rows())
        across = f", {differ} pairs across labels"
    print(
        f"{name:>16}: {len(rows)} rows, {seconds:.2f} s, {len(found.pairs)} pairs, {len(found.dropped)} dropped{across}"
    )


def accuracy(data: Path) -> None:
    for name in ("chat", "alpaca", "textlabel"):
        messy(data, name)
    rows = list(read(data / "classification/banking77/train.csv.gz"))
    pairwise("banking77", pl.Series([row["text"] for row in rows]), [row["category"] for row in rows])
    pairwise("gsm8k train", texts(data / "reasoning/gsm8k/train.jsonl.gz"))
    pairwise("toolformer", texts(data / "instruct/gpteacher/toolformer-dedupe-only-dataset.json.gz"))
    pairwise(
        "belle",
        pl.Series([f"{r['question']}\n{r['std_answer']}" for r in read(data / "instruct/belle/eval_set.json.gz")]),
    )
    pairs = list(read(data / "neardup/jsts/valid-v1.3.jsonl.gz"))
    pairwise("jsts", pl.Series([row[side] for row in pairs for side in ("sentence1", "sentence2")]))
    records = list(read(data / "neardup/dedupe-examples/csv_example_input_with_true_ids.csv.gz"))
    fields = [field for field in records[0] if field not in ("True Id", "Id", "Source")]
    joined = pl.Series([" ".join(record[field] or "" for field in fields) for record in records])
    pairwise("dedupe-examples", joined, [record["True Id"] for record in records])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 5000, 20000, 60000])
    parser.add_argument("--only", choices=("speed", "accuracy"))
    options = parser.parse_args()
    if options.only != "speed":
        accuracy(options.data)
    if options.only != "accuracy":
        speed(options.data, options.rows)


if __name__ == "__main__":
    main()
