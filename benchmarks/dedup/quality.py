"""What the definition of a near duplicate finds and what it leaves alone, beside the definitions of other tools.

    python benchmarks/dedup/quality.py --data DIR

The first three columns are datalint: as it is, with `threshold = 0.75`, and with `min-words = 5`. Then the Jaccard of
sets of words, of runs of five words (text-dedup and data-juicer by default: .7; many recipes: .8), and of runs of five
characters, each computed exactly on the normalised text of the whole row. Rows equal after normalisation are one row
everywhere. Two rows are "found" if a chain of pairs leads from one to the other, as in the tools themselves; a row is
"hit" if a pair names it.
"""

import argparse
import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from common import planted, read, table, texts
from definitions import DEFINITIONS, Definition, words

Measure = tuple[str, str]
"""What was measured, and the figure."""

PLANTED_ROWS = 12_000
COPIES = {"exact": "exact", "norm": "normalised", "near5": "5 %", "near10": "10 %", "near15": "15 %"}


def per_cent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def precision_recall(right: int, found: int, recalled: int, wanted: int) -> Iterator[Measure]:
    """Of what was found the share that is right, of what was wanted the share recalled, and their harmonic mean."""
    precision, recall = (right / found if found else 0.0), recalled / wanted
    yield "precision", per_cent(right, found)
    yield "recall", per_cent(recalled, wanted)
    yield "F1", f"{200 * precision * recall / (precision + recall):.1f}" if right else "0.0"


def pairs_within(group: list[Any]) -> int:
    """How many pairs of rows stand in one group."""
    return sum(count * (count - 1) // 2 for count in Counter(group).values())


def dedupe_examples(data: Path, find: Definition) -> Iterator[Measure]:
    """Records of child-care sites from several lists. Pairs: two records with one True Id are the same site."""
    records = list(read(data / "neardup/dedupe-examples/csv_example_input_with_true_ids.csv.gz"))
    fields = [field for field in records[0] if field not in ("True Id", "Id", "Source")]
    found = find(pl.Series([" ".join(record[field] or "" for field in fields) for record in records]))
    truth = [record["True Id"] for record in records]
    right = pairs_within(list(zip(truth, found.group, strict=True)))
    yield from precision_recall(right, pairs_within(found.group), right, pairs_within(truth))


def toolformer(data: Path, find: Definition) -> Iterator[Measure]:
    """Tool prompts from few templates, of which the publisher kept some at each of four similarities.

    Recall: of the rows that he dropped, those in a group with a row that he kept. Precision: if one row of each group
    stays, one of his where there is one, those of the rows that go which he dropped too.
    """
    found = find(texts(data / "instruct/gpteacher/toolformer-dedupe-only-dataset.json.gz"))
    truth = json.loads((data / "instruct/gpteacher/toolformer-kept.truth.json").read_text(encoding="utf-8"))
    for similarity, one in truth["kept"].items():
        kept = set(one["kept_row_indices"])
        members: dict[int, list[bool]] = {}
        for row, group in enumerate(found.group):
            members.setdefault(group, []).append(row in kept)
        gone = sum(len(rows) - 1 for rows in members.values())
        right = sum(len(rows) - max(1, sum(rows)) for rows in members.values())
        recalled = sum(len(rows) - sum(rows) for rows in members.values() if any(rows))
        for name, figure in precision_recall(right, gone, recalled, len(found.first) - len(kept)):
            yield f"kept at {similarity}: {name}", figure


def jsts(data: Path, find: Definition) -> Iterator[Measure]:
    """Pairs of Japanese captions that people scored 0 to 5 for sameness of meaning; 4 and more are wanted: 146."""
    pairs = list(read(data / "neardup/jsts/valid-v1.3.jsonl.gz"))
    found = find(pl.Series([row[side] for row in pairs for side in ("sentence1", "sentence2")]))
    together = {i for i in range(len(pairs)) if found.group[2 * i] == found.group[2 * i + 1]}
    wanted = {i for i, row in enumerate(pairs) if row["label"] >= 4}
    yield from precision_recall(len(together & wanted), len(together), len(together & wanted), len(wanted))


def crows_pairs(data: Path, find: Definition) -> Iterator[Measure]:
    """Sentences that differ in the group that they speak of, on purpose: none should be hit."""
    pairs = list(read(data / "bias/crows-pairs/crows_pairs_anonymized.csv.gz"))
    found = find(pl.Series([row[side] for row in pairs for side in ("sent_more", "sent_less")]))
    yield f"rows hit of {2 * len(pairs):,}", str(len(found.hit))


def messy(name: str, data: Path, find: Definition) -> Iterator[Measure]:
    """10,000 rows with planted faults: copies found, and hits among rows that are no copies (nor copied)."""
    truth_of = "textlabel" if name == "textlabel" else "chat"
    truth = {item["line"] - 1: item for item in read(data / f"messy/{truth_of}_truth.jsonl.gz")}
    line_of = {item["uid"]: line for line, item in truth.items() if "uid" in item}
    found = find(texts(data / f"messy/{name}.jsonl.gz"))
    partners = {line: line_of[item["partner"]] for line, item in truth.items() if item.get("partner") is not None}
    copies = {*partners, *partners.values()}
    for kind, title in COPIES.items():
        places = [line for line in partners if truth[line]["cls"] == kind]
        yield (
            f"{title} copies found",
            per_cent(sum(found.group[x] == found.group[partners[x]] for x in places), len(places)),
        )
    rows = Counter(truth[line]["cls"] for line in truth if line not in copies)
    hits = Counter(truth[line]["cls"] for line in found.hit - copies)
    yield f"template rows hit of {rows['hardneg']:,}", str(hits["hardneg"])
    yield f"clean rows hit of {rows['clean']:,}", str(hits["clean"])


def planted_copies(data: Path, find: Definition) -> Iterator[Measure]:
    """Real instruct rows, a third of them copies of 20 words and more: per cent found.

    Set apart: copies in which an edit met a number, and copies of rows with lines that 1 % of all rows share.
    """
    rows, truth = planted(data, PLANTED_ROWS)
    found = find(rows)
    lines = [{" ".join(words(line)) for line in row.split("\n")} - {""} for row in rows]
    count = Counter(line for one in lines for line in one)
    shared = {line for line, times in count.items() if times >= PLANTED_ROWS / 100}
    hits: dict[str, list[bool]] = {}
    for kind in ("0 %", "5 %", "10 %", "15 %"):
        for row, copy in ((one, other) for name, one, other in truth if name == kind):
            before, after = words(rows[row]), words(rows[copy])
            if min(len(before), len(after)) < 20:
                continue
            title = f"{kind} edited"
            if kind == "0 %":
                title = "written in capitals"
            elif lines[row] & shared:
                title = "lines shared, " + title
            elif numbers(before) != numbers(after):
                title = "a number edited, " + title
            hits.setdefault(title, []).append(found.group[row] == found.group[copy])
    for title, one in sorted(hits.items(), key=lambda item: item[0].rpartition(", ")[0]):
        yield f"{title} ({len(one)})", per_cent(sum(one), len(one))


def numbers(found: list[str]) -> set[str]:
    return {word for word in found if re.search(r"\d", word)}


def intents(rows: list[tuple[str, str]], find: Definition) -> Iterator[Measure]:
    found = find(pl.Series([text for text, _ in rows]))
    yield f"rows hit of {len(rows):,}", str(len(found.hit))
    yield "pairs across labels", str(sum(rows[one][1] != rows[other][1] for one, other in found.pairs))


def banking77(data: Path, find: Definition) -> Iterator[Measure]:
    """Customers' questions to a bank, each with one of 77 intents."""
    return intents(
        [(row["text"], row["category"]) for row in read(data / "classification/banking77/train.csv.gz")], find
    )


def clinc(data: Path, find: Definition) -> Iterator[Measure]:
    """Questions to an assistant, each with one of 151 intents."""
    splits = json.loads(gzip.decompress((data / "classification/clinc/data_full.json.gz").read_bytes()))
    return intents([(text, label) for split in splits.values() for text, label in split], find)


SETS: dict[str, Callable[[Path, Definition], Iterator[Measure]]] = {
    "planted": planted_copies,
    "messy chat": partial(messy, "chat"),
    "messy alpaca": partial(messy, "alpaca"),
    "messy text/label": partial(messy, "textlabel"),
    "dedupe-examples": dedupe_examples,
    "toolformer": toolformer,
    "JSTS": jsts,
    "CrowS-Pairs": crows_pairs,
    "banking77": banking77,
    "CLINC": clinc,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", choices=SETS, nargs="*", default=list(SETS))
    options = parser.parse_args()
    lines = []
    for name in options.only:
        columns = [dict(SETS[name](options.data, find)) for find in DEFINITIONS.values()]
        lines += [[f"{name}: {measure}", *(column[measure] for column in columns)] for measure in columns[0]]
    table(["per cent where no number of rows is named", *DEFINITIONS], lines)


if __name__ == "__main__":
    main()
