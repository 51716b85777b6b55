"""Trainers take what `clean` writes as it is: a few steps of trl with a tiny model of random weights, on the CPU."""

import copy
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cleaner_helpers import lines

import datalint

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning"),
    pytest.mark.train,
    pytest.mark.skipif(not (find_spec("trl") and find_spec("datasets")), reason="needs trl and datasets"),
]

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def call(**arguments: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "weather", "arguments": arguments}}


def talk(i: int, *turns: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": f"What is {i} + {i}?"}, *turns, {"role": "assistant", "content": f"{i + i}."}]


DATA: dict[str, list[dict[str, Any]]] = {
    "chat": [{"messages": talk(i)} for i in range(12)],
    "chat with tools": [
        {
            "messages": talk(
                i,
                {"role": "assistant", "content": "", "tool_calls": [call(**({"city": "Oslo"} if i % 2 else {"n": i}))]},
                {"role": "tool", "name": "weather", "content": json.dumps({"degrees": i})},
            ),
            "tools": [TOOL],
        }
        for i in range(12)
    ],
    "prompt-completion": [{"prompt": f"What is {i} + {i}?", "completion": f" {i + i}."} for i in range(12)],
    "text": [{"text": f"{i} + {i} = {i + i}", "source": {"page": i} if i % 2 else {"book": "x"}} for i in range(12)],
}
PAIRS = [{"prompt": talk(i)[:1], "chosen": talk(i)[1:], "rejected": talk(i + 1)[1:]} for i in range(12)]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(FIXTURES / "model")


@pytest.fixture
def model(tokenizer: Any) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    return LlamaForCausalLM(config)


def loaded(tmp_path: Path, rows: list[dict[str, Any]], to: str) -> Any:
    """The training split of a cleaned file, as a trainer loads it."""
    import datasets

    # The odd lines are no part of the output: a copy, and what cannot be read.
    (tmp_path / "train.jsonl").write_text(lines(*rows, rows[0], "broken"))
    result = datalint.clean(
        tmp_path / "train.jsonl", out=tmp_path / "out", isolated=True, select=["DUP001"], to=to, max_shard_size="300"
    )
    assert (result.rows_out, len(result.files) > 1) == (len(rows), True)
    return datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))


def steps(tmp_path: Path) -> dict[str, Any]:
    return {
        "output_dir": str(tmp_path / "run"),
        "max_steps": 2,
        "per_device_train_batch_size": 2,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": True,
        "bf16": False,
        "disable_tqdm": True,
    }


def losses(trainer: Any) -> list[float]:
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


@pytest.mark.parametrize("to", ["parquet", "jsonl"])
@pytest.mark.parametrize("name", DATA)
def test_sft_trains_on_the_output(tmp_path: Path, tokenizer: Any, model: Any, name: str, to: str) -> None:
    from trl import SFTConfig, SFTTrainer

    data = loaded(tmp_path, DATA[name], to)
    config = SFTConfig(**steps(tmp_path), max_length=256)
    trainer = SFTTrainer(model=model, args=config, train_dataset=data, processing_class=tokenizer)
    trainer.train()
    assert len(losses(trainer)) == 2
    assert all(0 < loss < 20 for loss in losses(trainer))


def test_dpo_trains_on_cleaned_preferences(tmp_path: Path, tokenizer: Any, model: Any) -> None:
    from trl import DPOConfig, DPOTrainer

    data = loaded(tmp_path, PAIRS, "parquet")
    config = DPOConfig(**steps(tmp_path), max_length=256)
    before = copy.deepcopy(model)
    trainer = DPOTrainer(model=model, ref_model=before, args=config, train_dataset=data, processing_class=tokenizer)
    trainer.train()
    assert len(losses(trainer)) == 2
