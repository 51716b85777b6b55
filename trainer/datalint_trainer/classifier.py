"""A transformer as a classifier: LoRA on each arm, logits of the eval rows."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from datalint.errors import InputError
from datalint_trainer.arms import Arm
from datalint_trainer.finetune import fine_tune
from datalint_trainer.fit import Fit
from datalint_trainer.lora import BATCH, adapted, lora_recipe, quiet, resolve
from datalint_trainer.rows import IntArray, Pool

MAX_LENGTH = 256


def fit_classifiers(
    model: str,
    pool: Pool,
    arms: Sequence[Arm],
    labels: IntArray,
    eval_texts: Sequence[str],
    classes: int,
    max_length: int | None,
    announce: Callable[[str], None],
    track: Callable[[int], Callable[[], None]],
) -> tuple[dict[str, str], tuple[Fit, ...]]:
    """Fine-tune `model` on every arm. Returns what the report says about the model, and a fit for each arm.

    Texts are cut at `max_length` tokens. Raises InputError for a model that cannot be loaded.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder, about = resolve(model)
    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{model}: its tokenizer cannot be loaded ({str(error).splitlines()[0]})") from error
        network = adapted(folder, AutoModelForSequenceClassification, "SEQ_CLS", num_labels=classes)
    # Causal models come without a padding token, and classify at the last token that is none.
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    network.config.pad_token_id = network.base_model.model.config.pad_token_id = tokenizer.pad_token_id
    limit = min(max_length or MAX_LENGTH, getattr(network.config, "max_position_embeddings", None) or MAX_LENGTH)
    device = next(network.parameters()).device
    texts = [row.prompt for row in pool.rows]

    def logits(model: Any, batch: Sequence[str]) -> torch.Tensor:
        encoded = tokenizer(list(batch), padding=True, truncation=True, max_length=limit, return_tensors="pt")
        return torch.as_tensor(model(**encoded.to(device)).logits).float()

    def loss_of(model: Any, positions: IntArray) -> tuple[torch.Tensor, int]:
        truth = torch.from_numpy(labels[positions]).to(device)
        return cross_entropy(logits(model, [texts[i] for i in positions]), truth, reduction="sum"), len(positions)

    fits = []
    recipe = lora_recipe(len(pool.raw), BATCH)
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    by_length = sorted(range(len(eval_texts)), key=lambda i: len(eval_texts[i]))  # less padding
    for _, step in fine_tune(network, pool, arms, loss_of, recipe, lengths, announce, track):
        scores = np.zeros((len(eval_texts), classes))
        with torch.no_grad():
            for i in range(0, len(by_length), 2 * BATCH):
                part = by_length[i : i + 2 * BATCH]
                scores[part] = logits(network, [eval_texts[k] for k in part]).double().cpu().numpy()
        fits.append(Fit(scores, step))
    return about, tuple(fits)
