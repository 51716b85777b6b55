"""Sentence features from the static encoder in the package: numpy and tokenizers, no torch, no network."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from datalint.errors import MissingExtraError
from datalint_trainer.rows import utf8

MAX_CHARACTERS = 20_000  # the encoder reads 512 tokens; a longer text only costs tokenization


@dataclass(frozen=True)
class Encoder:
    """A frozen encoder.

    - name: as shown in reports. digest: sha256 of its weights, the first 16 hex digits.
    - dimensions: of a feature vector.
    """

    name: str
    digest: str
    dimensions: int
    model: Any

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Feature vectors of length 1 (zero for a text without any known token), (texts, dimensions).

        Each distinct text is encoded once: the rows that all arms share, and the copies among them, cost
        nothing.
        """
        position: dict[str, int] = {}
        where = [position.setdefault(utf8(text[:MAX_CHARACTERS]), len(position)) for text in texts]
        if not position:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        distinct = self.model.encode(list(position), use_multiprocessing=False)
        return np.nan_to_num(np.asarray(distinct, dtype=np.float32))[where]


def embedded_encoder() -> Encoder:
    """Load the encoder that ships in the package.

    - raises MissingExtraError: model2vec is not installed.
    """
    try:
        from model2vec import StaticModel
    except ImportError as error:
        raise MissingExtraError("the embedded encoder needs the extra: pip install 'datalint-ft[audit]'") from error
    folder = files("datalint_trainer") / "encoder"
    weights = (folder / "model.safetensors").read_bytes()
    model = StaticModel.from_pretrained(str(folder), quantize_to="float32")
    return Encoder("all-MiniLM-L6-v2, static", hashlib.sha256(weights).hexdigest()[:16], model.dim, model)
