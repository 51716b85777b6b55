"""A transformer as a classifier: LoRA on each arm, logits of the eval rows."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from datalint.errors import InputError
from datalint_trainer.arms import Arm
from datalint_trainer.baselines import Features
from datalint_trainer.finetune import fine_tune
from datalint_trainer.fit import NAMES, Fit, packed, unpacked
from datalint_trainer.lora import BATCH, adapted, lora_recipe, quiet, resolve
from datalint_trainer.request import Request
from datalint_trainer.rows import IntArray, Pool
from datalint_trainer.store import key_of

MAX_LENGTH = 256


def fit_classifiers(
    pool: Pool, arms: Sequence[Arm], labels: IntArray, eval_texts: Sequence[str], classes: int, request: Request
) -> tuple[dict[str, str], Features, tuple[Fit, ...]]:
    """Fine-tune the model on every arm that is not in the store.

    Returns what the report says about the model, the frozen features of pool and eval rows before any fine-tuning
    (the mean over a text's tokens in the last layer), and a fit for each arm. Texts are cut at `max_length` tokens.
    Raises InputError for a model that cannot be loaded.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    assert request.model is not None
    folder, about = resolve(request.model)
    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{request.model}: its tokenizer cannot be loaded ({reason})") from error
        network = adapted(folder, AutoModelForSequenceClassification, "SEQ_CLS", num_labels=classes)
    # Causal models come without a padding token, and classify at the last token that is none.
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    network.config.pad_token_id = network.base_model.model.config.pad_token_id = tokenizer.pad_token_id
    positions = getattr(network.config, "max_position_embeddings", None) or MAX_LENGTH
    limit = min(request.max_length or MAX_LENGTH, positions)
    device = next(network.parameters()).device
    texts = [row.prompt for row in pool.rows]

    def encoded(batch: Sequence[str]) -> Any:
        found = tokenizer(list(batch), padding=True, truncation=True, max_length=limit, return_tensors="pt")
        return found.to(device)

    def logits(model: Any, batch: Sequence[str]) -> torch.Tensor:
        return torch.as_tensor(model(**encoded(batch)).logits).float()

    def pooled(batch: Sequence[str]) -> torch.Tensor:
        tokens = encoded(batch)
        states = network(**tokens, output_hidden_states=True).hidden_states[-1].float()
        seen = tokens["attention_mask"][..., None].float()
        return torch.as_tensor((states * seen).sum(dim=1) / seen.sum(dim=1).clamp(min=1))

    def loss_of(model: Any, positions: IntArray) -> tuple[torch.Tensor, int]:
        truth = torch.from_numpy(labels[positions]).to(device)
        return cross_entropy(logits(model, [texts[i] for i in positions]), truth, reduction="sum"), len(positions)

    recipe = lora_recipe(len(pool.raw), BATCH)
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    told = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.json"))]
    decides = {"model": [about["digest"], told], "texts": [texts, list(eval_texts)], "limit": limit, "classes": classes}
    data = key_of({"kind": "LoRA"} | decides, labels, pool.slot, np.array([recipe.batch, *recipe.checkpoints]))
    keys = [key_of({"data": data, "seed": arm.seed}, arm.train, arm.held) for arm in arms]
    kept = {key: request.store.load(key, NAMES) for key in keys}
    found = {key: unpacked(arrays)[0] for key, arrays in kept.items() if arrays is not None}
    # Before anything is trained: adapters that have learnt nothing change nothing.
    frozen = _frozen(pooled, key_of({"data": data}), texts, eval_texts, request)
    missing = {key: arm for key, arm in zip(keys, arms, strict=True) if key not in found}
    if missing:
        fitted = fine_tune(
            network, pool, list(missing.values()), loss_of, recipe, lengths, request.announce, request.track
        )
        for key, trained in zip(missing, fitted, strict=True):
            scores = _batched(lambda batch: logits(network, batch), eval_texts).astype(np.float64)
            found[key] = Fit(scores, trained.step, trained.curve)
            request.store.save(key, packed([found[key]]))
    return about, frozen, tuple(found[key] for key in keys)


def _frozen(pooled: Any, key: str, texts: Sequence[str], eval_texts: Sequence[str], request: Request) -> Features:
    kept = request.store.load(key, ("own", "other"))
    if kept is None:
        kept = {"own": _batched(pooled, texts), "other": _batched(pooled, eval_texts)}
        request.store.save(key, kept)
    return kept["own"], kept["other"]


def _batched(of: Any, texts: Sequence[str]) -> np.ndarray:
    """Rows of `of` for each text, float32; texts of like length go together, which needs less padding."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    parts = []
    with torch.no_grad():
        for i in range(0, len(order), 2 * BATCH):
            parts.append(of([texts[k] for k in order[i : i + 2 * BATCH]]).cpu().numpy())
    found = np.concatenate(parts).astype(np.float32)
    result = np.empty_like(found)
    result[order] = found
    return result
