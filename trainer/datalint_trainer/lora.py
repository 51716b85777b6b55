"""Fine-tuning a real model with LoRA, one arm after the other, from the same starting point.

LoRA: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models"; rank 16 on all linear layers.
"""

import hashlib
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from datalint.errors import InputError
from datalint_trainer.arms import Arm, batch_order
from datalint_trainer.rows import IntArray, Pool

RANK, ALPHA = 16, 32
BATCH, WEIGHT_DECAY, WARMUP_SHARE = 16, 0.0, 0.1
LEARNING_RATE, BASE_WIDTH = 1e-3, 384
EPOCHS, MIN_STEPS, MAX_STEPS = 3, 40, 400
CHECKPOINTS = 4
HEAD_FACTOR = 10
HALF_PRECISION_FROM = 4 << 30  # bytes of weights

# Weights in safetensors cannot carry code; pickled ones can, so they are never asked for.
_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]


class Batch(Protocol):
    """Losses of some rows, as a task computes them."""

    def __call__(self, model: Any, positions: IntArray) -> torch.Tensor:
        """Return the mean loss of the pool rows at `positions`, a scalar with gradient."""


@dataclass(frozen=True)
class Schedule:
    """Equal for all arms: the steps after which weights may be taken; the last is the budget."""

    checkpoints: tuple[int, ...]

    @classmethod
    def of(cls, rows: int) -> "Schedule":
        """Three epochs of the raw file, within bounds."""
        steps = min(max(EPOCHS * rows // BATCH, MIN_STEPS), MAX_STEPS)
        return cls(tuple(steps * (i + 1) // CHECKPOINTS for i in range(CHECKPOINTS)))

    @property
    def steps(self) -> int:
        """The budget."""
        return self.checkpoints[-1]


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

    device = "cuda" if torch.cuda.is_available() else "cpu"
    large = sum(path.stat().st_size for path in folder.glob("*.safetensors")) > HALF_PRECISION_FROM
    dtype = torch.bfloat16 if device == "cuda" and large else torch.float32
    torch.manual_seed(0)
    try:
        base = auto_class.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=dtype, **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(f"{folder}: transformers cannot load it ({str(error).splitlines()[0]})") from error
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type=task_type)
    return get_peft_model(base, config).to(device)


def fine_tune(
    model: Any,
    pool: Pool,
    arms: Sequence[Arm],
    loss_of: Batch,
    micro: int,
    schedule: Schedule,
    announce: Callable[[str], None],
    track: Callable[[int], Callable[[], None]],
) -> Iterator[tuple[Arm, int]]:
    """Train arm after arm from the same start; yields each arm while the model holds its best weights.

    Best is the checkpoint with the least loss on the arm's own validation rows; the step is yielded too. `micro` is
    how many rows go through the model at once; a batch of BATCH rows is made of several such parts.
    """
    start = _trainable(model)
    announce(_cost(model, pool, arms, loss_of, micro, schedule))
    _restore(model, start)
    advance = track(schedule.steps * len(arms))
    for arm in arms:
        _restore(model, start)
        torch.manual_seed(arm.seed)
        optimizer = _optimizer(model)
        warmup = max(1, int(WARMUP_SHARE * schedule.steps))
        order = batch_order(pool, arm, schedule.steps * BATCH)
        best, best_step, best_weights = np.inf, schedule.steps, start
        for step in range(1, schedule.steps + 1):
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * min(1.0, step / warmup)
            _step(model, optimizer, loss_of, micro, order[(step - 1) * BATCH : step * BATCH])
            if step in schedule.checkpoints:
                held = _held_loss(model, arm, loss_of, micro)
                if held < best:
                    best, best_step, best_weights = held, step, _trainable(model)
            advance()
        _restore(model, best_weights)
        model.eval()
        yield arm, best_step
    _restore(model, start)


def _cost(
    model: Any,
    pool: Pool,
    arms: Sequence[Arm],
    loss_of: Batch,
    micro: int,
    schedule: Schedule,
) -> str:
    """Time two steps, and say what all of them will take."""
    order = batch_order(pool, arms[0], 2 * BATCH)
    optimizer = _optimizer(model)
    _step(model, optimizer, loss_of, micro, order[:BATCH])
    began = time.perf_counter()
    _step(model, optimizer, loss_of, micro, order[BATCH:])
    # A third more for validation and evaluation.
    minutes = (time.perf_counter() - began) * schedule.steps * len(arms) * 4 / 3 / 60
    device = "GPU" if torch.cuda.is_available() else "CPU"
    return (
        f"{len(arms)} fine-tunings of {schedule.steps} steps with {BATCH} rows each, "
        f"about {max(1, round(minutes)):,} minutes on this {device}"
    )


def _step(model: Any, optimizer: torch.optim.Optimizer, loss_of: Batch, micro: int, positions: IntArray) -> None:
    model.train()
    optimizer.zero_grad()
    for part in _parts(positions, micro):
        (loss_of(model, part) * (len(part) / len(positions))).backward()
    torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
    optimizer.step()


def _held_loss(model: Any, arm: Arm, loss_of: Batch, micro: int) -> float:
    model.eval()
    with torch.no_grad():
        total = sum(float(loss_of(model, part)) * len(part) for part in _parts(arm.held, 2 * micro))
    return total / len(arm.held)


def _parts(positions: IntArray, size: int) -> list[IntArray]:
    return [positions[i : i + size] for i in range(0, len(positions), size)]


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


def _trainable(model: Any) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


def _restore(model: Any, weights: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(weights[name])
