"""Personal data: recall and false hits on labelled texts and on real rows, of datalint and of presidio's patterns.

    python benchmarks/pii.py --data ../shared/data [--envs DIR] [--misses]

The labelled texts are 1,500 synthetic ones of presidio-research (MIT): a span is found if a hit of its class overlaps
it; a hit that overlaps no span of its class is false. datalint's words beside telephone numbers were chosen with these
texts in view, so its recall there is that of a development set. Real rows have no labels: what is found there is
counted, and `--misses` prints it (to a terminal of yours: it is personal data).

With `--envs`, presidio-analyzer is installed in a virtual environment under DIR (about 320 MB, from the package index)
and its six pattern recognisers are called on the same texts: no spaCy model, hence no words around a number that
would raise its score. It is given twice: all that it reports, and what scores 0.4 or more.
"""

import argparse
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PRESIDIO = "presidio-analyzer==2.2.366"
LIMIT = 900  # seconds for each step of the peer
KINDS = {
    "EMAIL_ADDRESS": "e-mail address",
    "PHONE_NUMBER": "phone number",
    "IP_ADDRESS": "IP address",
    "CREDIT_CARD": "card number",
    "IBAN_CODE": "IBAN",
    "US_SSN": "US social security number",
}
REAL = (
    "reasoning/gsm8k/train.jsonl.gz",
    "instruct/dolly/dolly_3k.json.gz",
    "instruct/gpteacher/codegen-instruct.json.gz",
)

Hit = tuple[str, int, int, float]
"""Class (as presidio calls it), start, end, score."""

PEER = """
import json, sys, time
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer, EmailRecognizer, IbanRecognizer, IpRecognizer, PhoneRecognizer, UsSsnRecognizer)
known = [one() for one in (
    CreditCardRecognizer, EmailRecognizer, IbanRecognizer, IpRecognizer, PhoneRecognizer, UsSsnRecognizer)]
texts = json.load(sys.stdin)
began = time.perf_counter()
found = [
    [(r.entity_type, r.start, r.end, r.score) for one in known
     for r in one.analyze(text, one.supported_entities, None) or []]
    for text in texts
]
json.dump({"found": found, "seconds": time.perf_counter() - began}, sys.stdout)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--envs", type=Path, help="where presidio may be installed; without it datalint alone is measured"
    )
    parser.add_argument("--misses", action="store_true", help="print what datalint missed and what it found beside")
    options = parser.parse_args()
    records = json.loads(gzip.decompress((options.data / "pii/synth_dataset_v2.json.gz").read_bytes()))
    texts = [record["full_text"] for record in records]
    spans = [
        [(span["entity_type"], span["start_position"], span["end_position"]) for span in record["spans"]]
        for record in records
    ]
    real = [text for name in REAL for text in rows(options.data / name)]
    ours, seconds = datalint(texts + real)
    results = {"datalint": ours}
    print(f"datalint: {seconds:.2f} s for {len(texts) + len(real):,} texts")
    if options.envs:
        try:
            theirs, seconds = presidio(texts + real, options.envs)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"presidio: not measured, {PRESIDIO} cannot be installed or run: {error}")
        else:
            print(f"presidio: {seconds:.2f} s for the same")
            results["presidio"] = theirs
            results["presidio >= 0.4"] = [[hit for hit in hits if hit[3] >= 0.4] for hits in theirs]
    table(results, spans, len(real))
    if options.misses:
        show(ours, texts, spans, real)


def rows(path: Path) -> list[str]:
    """Each row's strings, one under the other."""
    text = gzip.decompress(path.read_bytes()).decode()
    values = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.split("\n") if line]
    return ["\n".join(value for value in row.values() if isinstance(value, str)) for row in values]


def datalint(texts: Sequence[str]) -> tuple[list[list[Hit]], float]:
    """As the rules do it: a search over all texts, then a look at the few."""
    import polars as pl

    from datalint.pii import CONTACTS, ID_NUMBERS, find, suspects

    names = {kind: name for name, kind in KINDS.items()}
    began = time.perf_counter()
    column = pl.Series(texts)
    some = {int(index) for kinds in (CONTACTS, ID_NUMBERS) for index in suspects(column, kinds)}
    found = [
        [(names[one.kind], one.start, one.end, 1.0) for one in find(text)] if index in some else []
        for index, text in enumerate(texts)
    ]
    return found, time.perf_counter() - began


def presidio(texts: Sequence[str], envs: Path) -> tuple[list[list[Hit]], float]:
    """The peer in its own process and environment. Raises OSError or SubprocessError."""
    python = envs / "presidio" / "bin" / "python"
    stamp = envs / "presidio" / "installed.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != PRESIDIO:
        print(f"installing {PRESIDIO} into {python.parent.parent}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(python.parent.parent)], check=True, timeout=LIMIT)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", PRESIDIO], check=True, timeout=LIMIT)
        stamp.write_text(PRESIDIO, encoding="utf-8")
    done = subprocess.run(
        [str(python), "-c", PEER], input=json.dumps(texts), capture_output=True, text=True, timeout=LIMIT, check=True
    )
    result = json.loads(done.stdout)
    return [[(kind, start, end, score) for kind, start, end, score in hits] for hits in result["found"]], result[
        "seconds"
    ]


def table(results: Mapping[str, list[list[Hit]]], spans: list[list[tuple[str, int, int]]], real: int) -> None:
    labelled = len(spans)
    print(f"\n{'class':26} {'spans':>5}", *(f"{name:>32}" for name in results))
    print(" " * 32, *(f"{'recall':>10} {'false':>8} {'in ' + format(real, ',') + ' rows':>13}" for _ in results))
    for name, kind in KINDS.items():
        wanted = [[span for span in row if span[0] == name] for row in spans]
        total = sum(map(len, wanted))
        cells = []
        for found in results.values():
            hits = [[hit for hit in row if hit[0] == name] for row in found]
            pairs = list(zip(wanted, hits[:labelled], strict=True))
            recall = sum(any(overlap(span, hit) for hit in row) for spans_, row in pairs for span in spans_)
            false = sum(not any(overlap(span, hit) for span in spans_) for spans_, row in pairs for hit in row)
            cells.append(f"{recall / total:>10.1%} {false:>8} {sum(map(len, hits[labelled:])):>13}")
        print(f"{kind:26} {total:>5}", *cells)


def overlap(one: tuple[str, int, int], other: Hit) -> bool:
    return max(one[1], other[1]) < min(one[2], other[2])


def show(found: list[list[Hit]], texts: list[str], spans: list[list[tuple[str, int, int]]], real: list[str]) -> None:
    for text, wanted, hits in zip(texts, spans, found[: len(texts)], strict=True):
        for span in wanted:
            if span[0] in KINDS and not any(hit[0] == span[0] and overlap(hit, span) for hit in hits):
                print("missed", span[0], repr(text[max(span[1] - 30, 0) : span[2] + 10]))
        for hit in hits:
            if not any(hit[0] == span[0] and overlap(hit, span) for span in wanted):
                print("false", hit[0], repr(text[max(hit[1] - 30, 0) : hit[2] + 10]))
    for text, hits in zip(real, found[len(texts) :], strict=True):
        for hit in hits:
            print("in real rows", hit[0], repr(text[max(hit[1] - 30, 0) : hit[2] + 10]))


if __name__ == "__main__":
    main()
