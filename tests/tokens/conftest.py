from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def byte_tokenizer() -> str:
    """tokenizer.json of a byte-level BPE with a few merges, special tokens and a begin token."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, processors, trainers

    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>", "\n\n"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["the lake and the hill and the lake"] * 5, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return tokenizer.to_str()


CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture
def folder(tmp_path: Path, byte_tokenizer: str) -> Path:
    """A tokenizer folder with a ChatML template in its configuration."""
    import json

    (tmp_path / "tokenizer.json").write_text(byte_tokenizer, encoding="utf-8")
    config = {
        "bos_token": {"__type": "AddedToken", "content": "<s>"},
        "eos_token": "<|im_end|>",
        "pad_token": None,
        "image_token": "<image>",
        "added_tokens_decoder": {},
        "chat_template": CHATML,
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return tmp_path
