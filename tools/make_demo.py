"""Make the data of `datalint demo`: a labelling project that went the way labelling projects go.

    python tools/make_demo.py FOLDER_OF_BANKING77

Three people labelled the same customer questions and their exports were concatenated. Two of them slip now
and then; the third mostly worked from last year's guide, in which the labels meant other intents. A part of
one export was pasted in twice, some rows lost their text or label, lines were cut off, somebody pasted an
access key, and a few of the held-out questions slipped in. Every fault is drawn here, with a fixed seed.

The questions are from banking77 (Casanueva et al. 2020, "Efficient Intent Detection with Dual Sentence
Encoders"), CC-BY-4.0: https://github.com/PolyAI-LDN/task-specific-datasets. FOLDER holds its train.csv and
test.csv (or .gz).
"""

import csv
import gzip
import io
import json
import random
import string
import sys
from collections import defaultdict
from pathlib import Path

TARGET = Path(__file__).parents[1] / "trainer" / "datalint_trainer" / "demo_data"
CLASSES, TRAIN_PER_CLASS, EVAL_PER_CLASS = 20, 30, 35
SLIPS = {"ada": 0.03, "ben": 0.05}  # share of labels chosen at random
OLD_GUIDE = ("cem", 0.75)
COPIED, LEAKED, EMPTIED, CUT = 90, 24, 8, 5

README = """# Data of `datalint demo`

Made by `tools/make_demo.py` from [banking77](https://github.com/PolyAI-LDN/task-specific-datasets)
(Casanueva, Temcinas, Gerz, Henderson and Vulic 2020, PolyAI Limited), licensed under
[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/). Changes: {classes} of 77 intents, a part of their
rows, JSON Lines, and in `train.jsonl` the planted faults that the script describes. `eval.jsonl` has rows of
the original test split, unchanged.
"""


def read(folder: Path, name: str) -> dict[str, list[str]]:
    """Texts by label."""
    path = next(p for p in (folder / f"{name}.csv", folder / f"{name}.csv.gz") if p.exists())
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    by_label: defaultdict[str, list[str]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(data.decode(), newline="")):
        by_label[row["category"]].append(row["text"].strip())
    return by_label


def main(folder: Path) -> None:
    """Write train.jsonl, eval.jsonl and README.md."""
    draw = random.Random(20)  # noqa: S311 -- faults, not secrets
    train, test = read(folder, "train"), read(folder, "test")
    labels = sorted(draw.sample(sorted(train), CLASSES))
    evaluation = [
        {"text": text, "label": label} for label in labels for text in draw.sample(test[label], EVAL_PER_CLASS)
    ]
    draw.shuffle(evaluation)
    questions = [(text, label) for label in labels for text in draw.sample(train[label], TRAIN_PER_CLASS)]

    old_guide = dict(zip(labels, labels[1:] + labels[:1], strict=True))
    rows: list[dict[str, str]] = []
    for annotator in (*SLIPS, OLD_GUIDE[0]):
        draw.shuffle(questions)
        for text, label in questions:
            if annotator == OLD_GUIDE[0]:
                given = old_guide[label] if draw.random() < OLD_GUIDE[1] else label
            else:
                given = draw.choice(labels) if draw.random() < SLIPS[annotator] else label
            rows.append({"text": text, "label": given, "annotator": annotator})

    start = draw.randrange(len(rows) - COPIED)
    rows += rows[start : start + COPIED]
    rows += [row | {"annotator": "ada"} for row in draw.sample(evaluation, LEAKED)]
    draw.shuffle(rows)
    for i, row in enumerate(draw.sample(rows, EMPTIED)):
        row["text" if i % 2 else "label"] = ""
    key = "AKIA" + "".join(draw.choices(string.ascii_uppercase + "234567", k=16))
    victim = draw.choice(rows)
    victim["text"] += f" my access key is {key}"

    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    for i in draw.sample(range(len(lines)), CUT):
        lines[i] = lines[i][: draw.randrange(20, len(lines[i]) - 2)]
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    held_out = [json.dumps(row, ensure_ascii=False) for row in evaluation]
    (TARGET / "eval.jsonl").write_text("\n".join(held_out) + "\n", encoding="utf-8")
    (TARGET / "README.md").write_text(README.format(classes=CLASSES))
    sys.stdout.write(f"{len(lines)} rows, {len(held_out)} held-out rows, labels: {', '.join(labels)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
