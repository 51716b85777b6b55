"""What the name of a file says: whether it is data, and of which split."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

ENDINGS = ("jsonl", "ndjson", "json", "csv", "tsv", "parquet", "arrow", "arrows", "feather")
SPLITS = ("train", "eval", "reference")

_DATA = re.compile(r"\.(?:(?:jsonl|ndjson|json|csv|tsv|parquet)(?:\.(?:gz|zst))?|arrows?|feather)$", re.IGNORECASE)
# JSON that lies beside data, models and programs, and is never training data. A file named on its own is always read.
_NOT_DATA = frozenset(
    {
        "adapter_config.json",
        "added_tokens.json",
        "chat_template.json",
        "composer.json",
        "config.json",
        "config_sentence_transformers.json",
        "croissant.json",
        "datalint-baseline.jsonl",
        "datalint-suppressions.jsonl",
        "dataset_dict.json",
        "dataset_info.json",
        "dataset_infos.json",
        "generation_config.json",
        "jsconfig.json",
        "manifest.json",
        "model_index.json",
        "package-lock.json",
        "package.json",
        "preprocessor_config.json",
        "processor_config.json",
        "pyrightconfig.json",
        "quantization_config.json",
        "quantize_config.json",
        "renovate.json",
        "sentence_bert_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "trainer_state.json",
        "tsconfig.json",
        "video_preprocessor_config.json",
        "vocab.json",
    }
)
# The index of a model's shards, and what `datasets` keeps of a `map` beside the data that it was made from.
_NEVER = re.compile(r"\.(?:safetensors|bin)\.index\.json$|^cache-[0-9a-f]+.*\.arrow$")
_MODEL = re.compile(
    r"\.(?:safetensors|gguf|bin|pt|pth|ckpt|onnx)$|^(?:adapter_config|config|tokenizer|tokenizer_config)\.json$"
)
# Names that may be data, but are a model's beside its weights, tokenizer or configuration.
_OF_A_MODEL = frozenset(
    {
        "all_results.json",
        "eval_results.json",
        "metadata.json",
        "metrics.json",
        "modules.json",
        "params.json",
        "predict_results.json",
        "state.json",
        "train_results.json",
        "trainer_log.jsonl",
        "training_args.json",
    }
)
# The words and separators by which Hugging Face `datasets` finds splits (datasets/data_files.py).
_WORD = re.compile(
    r"(?:^|[-._ 0-9])(train|training|validation|valid|val|dev|test|testing|eval|evaluation)(?=$|[-._ 0-9])"
)

# What `datasets` calls the shards of a file: train-00000-of-00002.parquet.
SHARD = re.compile(r"-\d{5,}(-of-\d{5,}(?:\.\w+)+)$")


def whole_of(path: Path) -> Path | None:
    """Of a shard what the names of all shards of its file have in common; None for any other file."""
    name, shards = SHARD.subn(r"\1", path.name)
    return path.with_name(name) if shards else None


def data_names(names: Collection[str]) -> list[str]:
    """Of the names in a folder those that are read when it is searched, sorted."""
    lower = {name: name.lower() for name in names}
    model = any(_MODEL.search(name) for name in lower.values())
    left_out = _NOT_DATA | _OF_A_MODEL if model else _NOT_DATA
    return sorted(name for name in names if is_data_name(name) and lower[name] not in left_out)


def is_data_name(name: str) -> bool:
    """Whether a file of this name may be read without being named."""
    return bool(_DATA.search(name)) and not name.startswith(".") and not _NEVER.search(name.lower())


def split_of(parts: Sequence[str]) -> str:
    """The split that a file's name tells, else the nearest folder's name; train if none does.

    As Hugging Face `datasets` reads names: "validation", "valid", "val", "dev", "test" and "eval" as words. Of
    several words the last one says most: `train.eval.jsonl` is for evaluation.
    """
    for part in reversed(parts):
        if words := _WORD.findall(part.lower()):
            return "train" if words[-1].startswith("train") else "eval"
    return "train"
