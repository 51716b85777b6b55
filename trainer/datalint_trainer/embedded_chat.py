"""The chat model in the package: its folder, its way of laying out a conversation, how it is fine-tuned."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from datalint.examples import Turn
from datalint_trainer.chat_model import ChatModel, Shape
from datalint_trainer.chat_tokens import Tokens
from datalint_trainer.finetune import Recipe, device, spread_checkpoints
from datalint_trainer.rows import IntArray, Row, utf8

NAME = "datalint chat base, 1.0M weights"
FILES = ("model.safetensors", "tokenizer.json", "config.json")
CONTROL = ("end", "system", "user", "assistant", "tool")  # ids that follow those of the tokenizer, so no text has them
MAX_CHARACTERS = 20_000  # the window holds a thousand; a longer text only costs tokenization

BATCH, STEPS, CHECKPOINTS = 16, 100, 4
MICRO = {"cpu": 4, "cuda": BATCH}  # a processor is fastest on what fits its cache
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 0.01


@dataclass(frozen=True)
class ChatTokenizer:
    """Byte-level word pieces, and conversations made of them: role, text and end of each turn.

    - bytes_of: int (vocabulary,), UTF-8 bytes that each id stands for; 0 for control ids.
    """

    pieces: Any
    bytes_of: IntArray
    window: int

    @classmethod
    def load(cls, path: Path, window: int) -> "ChatTokenizer":
        """From a tokenizer.json of the tokenizers library."""
        from tokenizers import Tokenizer

        pieces = Tokenizer.from_file(str(path))
        # Byte-level pieces are spelled with one character a byte.
        sizes = [len(str(pieces.id_to_token(i))) for i in range(pieces.get_vocab_size())]
        return cls(pieces, np.array(sizes + [0] * len(CONTROL), dtype=np.int64), window)

    def read(self, conversations: Sequence[Sequence[Turn]]) -> list[Tokens | None]:
        """Tokens of each conversation, None for one without a trained turn. Each distinct text is tokenized once."""
        texts = [[_text(turn) for turn in turns] for turns in conversations]
        place = {text: i for i, text in enumerate(dict.fromkeys(text for row in texts for text in row))}
        encoded = [np.array(found.ids, dtype=np.int64) for found in self.pieces.encode_batch(list(place))]
        return [
            self._laid_out(turns, [encoded[place[text]] for text in row])
            for turns, row in zip(conversations, texts, strict=True)
        ]

    def _laid_out(self, turns: Sequence[Turn], texts: Sequence[IntArray]) -> Tokens | None:
        trained = [i for i, turn in enumerate(turns) if turn.trained]
        if not trained:
            return None
        last = trained[-1]
        parts = [
            np.concatenate([[self._control(turn.role)], text, [self._control("end")]])
            for turn, text in zip(turns[: last + 1], texts, strict=False)
        ]
        ids = np.concatenate(parts)
        mask = np.zeros(len(ids), dtype=bool)
        starts = np.cumsum([0, *map(len, parts)])
        for turn, (start, end) in zip(turns, pairwise(starts.tolist()), strict=False):
            mask[start + 1 : end] = turn.trained
        answer = int(starts[last]) + 1

        # What does not fit: the prompt loses its beginning, down to half of the window, then the answer its end.
        kept = min(len(ids) - answer, max(self.window // 2, self.window - answer))
        first = max(0, answer - (self.window - kept))
        ids, mask, answer = ids[first : answer + kept], mask[first : answer + kept], answer - first
        sizes = self.bytes_of[ids] * mask
        return Tokens(ids, mask, answer, int(sizes.sum()), int(sizes[answer:].sum()))

    def _control(self, role: str) -> int:
        return len(self.bytes_of) - len(CONTROL) + CONTROL.index(role if role in CONTROL else "user")


@dataclass(frozen=True)
class EmbeddedChat:
    """The model that ships in the package, or one made like it.

    - folder: holds FILES, as tools/make_chat_base.py writes them.
    - about: name, digest and method, for the report.
    """

    folder: Path
    about: dict[str, str]
    shape: Shape
    tokenizer: ChatTokenizer

    @classmethod
    def load(cls, folder: Path | None = None, window: int | None = None) -> "EmbeddedChat":
        """The model in `folder`, default the package's; `window` makes it see fewer tokens than it could."""
        where = folder or Path(str(files("datalint_trainer") / "chat_base"))
        shape = Shape(**json.loads((where / "config.json").read_text()))
        digest = hashlib.sha256((where / "model.safetensors").read_bytes()).hexdigest()[:16]
        about = {"name": NAME, "digest": digest, "method": "all weights fine-tuned"}
        tokenizer = ChatTokenizer.load(where / "tokenizer.json", min(window or shape.window, shape.window))
        return cls(where, about, shape, tokenizer)

    def read(self, rows: Sequence[Row]) -> tuple[list[Tokens | None], Counter[str]]:
        """Tokens of each row, and how many rows were left out for which reason."""
        read = self.tokenizer.read([row.example.turns if row.example else () for row in rows])
        left_out = sum(found is None for found in read)
        return read, Counter({"without an answer": left_out} if left_out else {})

    def model(self) -> ChatModel:
        """A fresh copy on the graphics card, where there is one."""
        from safetensors.torch import load_file

        model = ChatModel(self.shape)
        weights = load_file(self.folder / "model.safetensors")
        model.load_state_dict({name: values.float() for name, values in weights.items()})
        model.to(device())
        return model

    def recipe(self) -> Recipe:
        """For any file: what ten models may cost decides, not the rows."""
        checkpoints = spread_checkpoints(STEPS, CHECKPOINTS)
        return Recipe(BATCH, MICRO[device().type], checkpoints, _optimizer, averaged=True)


def save(model: ChatModel, shape: Shape, pieces: Any, folder: Path) -> None:
    """Write FILES; weights in half precision."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: values.half().contiguous() for name, values in model.state_dict().items()}, folder / FILES[0])
    pieces.save(str(folder / FILES[1]))
    (folder / FILES[0]).chmod(0o644)
    (folder / FILES[2]).write_text(json.dumps(asdict(shape), indent=2) + "\n")


def seen_by_base(prompt: str) -> bool:
    """Whether the base was trained on this row of its sources; calibration takes the others."""
    return hashlib.sha256(prompt.encode(errors="replace")).digest()[0] % 2 == 0


def _text(turn: Turn) -> str:
    """What a turn says, its reasoning and tool calls included; of a long text the end that the window may see."""
    text = utf8("\n".join(part for part in (turn.reasoning, turn.content, turn.calls) if part))
    return text[:MAX_CHARACTERS] if turn.trained else text[-MAX_CHARACTERS:]


def _optimizer(model: ChatModel) -> torch.optim.Optimizer:
    group = {"params": list(model.parameters()), "peak": LEARNING_RATE}
    return torch.optim.AdamW([group], betas=(0.9, 0.95), weight_decay=WEIGHT_DECAY, fused=True)
