"""A real model with LoRA adapters, and how they are trained.

LoRA: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models"; rank 16 on all linear layers.
"""

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from datalint.errors import InputError
from datalint_trainer.finetune import Recipe, device, spread_checkpoints

RANK, ALPHA = 16, 32
BATCH, WEIGHT_DECAY = 16, 0.0
LEARNING_RATE, BASE_WIDTH = 1e-3, 384
EPOCHS, MIN_STEPS, MAX_STEPS = 3, 40, 400
CHECKPOINTS = 4
HEAD_FACTOR = 10
HALF_PRECISION_FROM = 4 << 30  # bytes of weights

# Weights in safetensors cannot carry code; pickled ones can, so they are never asked for.
_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]


def lora_recipe(rows: int, micro: int) -> Recipe:
    """For a raw file of so many rows: three epochs, within bounds."""
    steps = min(max(EPOCHS * rows // BATCH, MIN_STEPS), MAX_STEPS)
    return Recipe(BATCH, micro, spread_checkpoints(steps, CHECKPOINTS), _optimizer)


def resolve(model: str) -> tuple[Path, dict[str, str]]:
    """The folder of a model, and what the report says about it; a hub id is downloaded or found in the cache.

    Raises InputError for what is neither a folder nor reachable, or has no safetensors weights.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if folder.exists() or model.startswith((".", "/", "~")) or model.count("/") > 1:
            raise InputError(f"{model}: no such model folder; give a folder or a hub id such as owner/name")
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(model, allow_patterns=_FILES))
        except Exception as error:  # the library raises a dozen kinds, one for each way of not being reachable
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"{model}: no local folder, and not to be had from the model hub ({reason})") from error
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise InputError(f"{model}: has no *.safetensors weights; convert them with save_pretrained")
    digest = hashlib.sha256()
    for path in weights:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return folder, {"name": model, "digest": digest.hexdigest()[:16], "method": f"LoRA, rank {RANK}"}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' advice ("some weights were newly initialized") off the user's terminal."""
    from transformers.utils import logging as transformers_logging

    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()


def adapted(folder: Path, auto_class: Any, task_type: str, **options: Any) -> Any:
    """Load a model and put LoRA on all its linear layers; the same start every time.

    Raises InputError if transformers cannot load it.
    """
    from peft import LoraConfig, get_peft_model

    large = sum(path.stat().st_size for path in folder.glob("*.safetensors")) > HALF_PRECISION_FROM
    dtype = torch.bfloat16 if device().type == "cuda" and large else torch.float32
    torch.manual_seed(0)
    try:
        base = auto_class.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=dtype, **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(f"{folder}: transformers cannot load it ({str(error).splitlines()[0]})") from error
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type=task_type)
    return get_peft_model(base, config).to(device())


def _optimizer(model: Any) -> torch.optim.Optimizer:
    """A new classification head starts from nothing and has few steps, so it learns faster than the adapters."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    adapters = [p for name, p in named if "lora_" in name]
    head = [p for name, p in named if "lora_" not in name]
    # Adam's steps are as large whatever the width, so that wide models need smaller ones (Yang et al. 2022, muP).
    width = int(getattr(model.config.get_text_config(), "hidden_size", None) or BASE_WIDTH)
    learning_rate = LEARNING_RATE * min(BASE_WIDTH / width, 2.0)
    groups = [{"params": adapters, "peak": learning_rate}, {"params": head, "peak": learning_rate * HEAD_FACTOR}]
    return torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=WEIGHT_DECAY)
