"""Make trainer/datalint_trainer/chat_base/: the model on which `datalint impact` compares chat rows.

    python tools/make_chat_base.py DATA [TARGET]

DATA holds reasoning/gsm8k/train.jsonl.gz and instruct/gpteacher/{codegen-instruct,
roleplay-simple-deduped-roleplay-instruct}.json.gz. Half of their rows are trained on (`seen_by_base`), the other half
is for calibration. A byte-level BPE and then a causal model are trained on one thread with a fixed seed; another
processor may round otherwise and give another digest.
"""

import gzip
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from datalint.examples import Turn
from datalint_trainer.chat_model import ChatModel, Shape
from datalint_trainer.chat_tokens import padded
from datalint_trainer.embedded_chat import CONTROL, FILES, NAME, ChatTokenizer, save, seen_by_base

TARGET = Path(__file__).parents[1] / "trainer" / "datalint_trainer" / "chat_base"
VOCABULARY = 3_072
STEPS, BATCH, PARTS = 400, 16, 2
LEARNING_RATE, WARMUP, DECAY_FROM = 4e-3, 20, 0.5

CARD = """---
license: mit
language: en
---
# {name}

A causal language model of {weights:,} weights in half precision over {vocabulary:,} byte-level tokens, trained from
scratch by `tools/make_chat_base.py` in {steps} steps of {batch} rows ({tokens:,} tokens). It exists to be fine-tuned
ten times in a few minutes and compared with itself, and is of no use for anything else.

| rows | from | licence |
|---|---|---|
{sources}

The rows are chosen by a hash of their prompt; the other half was never seen and serves to calibrate. GPTeacher's
answers were written by GPT-4. Bits per byte of answers that it has not seen: {bits}. Mostly English, 256 tokens.

| file | sha256 |
|---|---|
{digests}

## Licence

Both sources and these weights come under the MIT licence. Copyright (c) 2021 OpenAI; copyright (c) 2023 Teknium.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions: The above copyright notice and
this permission notice shall be included in all copies or substantial portions of the Software. THE SOFTWARE IS PROVIDED
"AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT
HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
SOURCES = {
    "GSM8K": ("[openai/grade-school-math](https://github.com/openai/grade-school-math)", "MIT"),
    "GPTeacher code": ("[teknium1/GPTeacher](https://github.com/teknium1/GPTeacher)", "MIT"),
    "GPTeacher role play": ("[teknium1/GPTeacher](https://github.com/teknium1/GPTeacher)", "MIT"),
}

Pair = tuple[str, str]


def rows(data: Path) -> Iterator[tuple[str, Pair]]:
    """Source, and prompt and answer."""
    for line in gzip.decompress((data / "reasoning/gsm8k/train.jsonl.gz").read_bytes()).decode().splitlines():
        row = json.loads(line)
        yield "GSM8K", (row["question"], row["answer"])
    for source, name in (
        ("GPTeacher code", "codegen-instruct"),
        ("GPTeacher role play", "roleplay-simple-deduped-roleplay-instruct"),
    ):
        for row in json.loads(gzip.decompress((data / f"instruct/gpteacher/{name}.json.gz").read_bytes())):
            yield source, ("\n".join(part for part in (row["instruction"], row["input"]) if part), row["response"])


def pieces_of(texts: list[str]) -> Tokenizer:
    """A byte-level BPE."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(CONTROL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def turns(pair: Pair, *, prompt_too: bool) -> tuple[Turn, Turn]:
    """A conversation. The base learns from prompts too; fine-tuning and evaluation only see answers."""
    return Turn("user", pair[0], prompt_too), Turn("assistant", pair[1], trained=True)


def train(model: ChatModel, ids: torch.Tensor, trained: torch.Tensor) -> int:
    """Train on rows of (rows, window); returns the number of trained tokens."""
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.01, fused=True)
    draw, tokens = np.random.default_rng(0), 0
    order = np.concatenate([draw.permutation(len(ids)) for _ in range(STEPS * BATCH // len(ids) + 1)])
    lengths = (trained.long() * torch.arange(ids.shape[1])).argmax(dim=1).numpy() + 1
    for step in range(STEPS):
        share = min(1.0, (step + 1) / WARMUP, (1 - step / STEPS) / (1 - DECAY_FROM))
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * share
        batch = order[step * BATCH : (step + 1) * BATCH]
        batch = batch[np.argsort(lengths[batch])]
        seen = int(trained[batch, 1:].sum())
        for part in np.split(batch, PARTS):
            width = int(lengths[part].max())
            (model.losses(ids[part, :width], trained[part, :width]).sum() / seen).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        tokens += seen
    return tokens


def bits_per_byte(model: ChatModel, tokenizer: ChatTokenizer, pairs: list[Pair]) -> float:
    """Of the answers."""
    read = [row for row in tokenizer.read([turns(pair, prompt_too=False) for pair in pairs]) if row]
    with torch.no_grad():
        nats = float(model.losses(*padded(read)).sum())
    return nats / np.log(2) / sum(row.trained_bytes for row in read)


def main(data: Path, target: Path = TARGET) -> None:
    """Train, write `target` and print the card."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(mode=True)
    began = time.process_time()
    found = list(rows(data))
    pairs = [pair for _, pair in found if seen_by_base(pair[0])]
    pieces = pieces_of([text for pair in pairs for text in pair])
    shape = Shape(vocabulary=VOCABULARY)
    target.mkdir(parents=True, exist_ok=True)
    pieces.save(str(target / "tokenizer.json"))
    tokenizer = ChatTokenizer.load(target / "tokenizer.json", shape.window)
    model = ChatModel(shape)
    read = [row for row in tokenizer.read([turns(pair, prompt_too=True) for pair in pairs]) if row]
    tokens = train(model, *padded(read))
    save(model, shape, pieces, target)

    held = {source: [p for s, p in found if s == source and not seen_by_base(p[0])][:100] for source in SOURCES}
    digests = {name: hashlib.sha256((target / name).read_bytes()).hexdigest() for name in FILES}
    counts = {source: sum(s == source and seen_by_base(p[0]) for s, p in found) for source in SOURCES}
    card = CARD.format(
        name=NAME,
        weights=sum(p.numel() for p in model.parameters()),
        vocabulary=VOCABULARY,
        steps=STEPS,
        batch=BATCH,
        tokens=tokens,
        sources="\n".join(f"| {counts[name]:,} of {name} | {a} | {b} |" for name, (a, b) in SOURCES.items()),
        digests="\n".join(f"| `{name}` | `{digest}` |" for name, digest in digests.items()),
        bits=", ".join(f"{name} {bits_per_byte(model, tokenizer, some):.2f}" for name, some in held.items()),
    )
    (target / "README.md").write_text(card)
    sys.stdout.write(f"{card}\n{time.process_time() - began:.0f} CPU s\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
