"""Make fixtures/model/: the tokenizer folder of a model that does not exist, for tests, README and docs.

    python tools/make_model.py

A byte-level BPE of 700 tokens, trained on the clean fixtures, with ChatML control tokens. Its chat template does what
many released ones do: it removes reasoning, knows no tool calls, and strips texts.
"""

import json
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

FIXTURES = Path(__file__).parents[1] / "fixtures"
TARGET = FIXTURES / "model"
SIZE = 700
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = """{%- for message in messages -%}
    {%- if message.role in ('system', 'user', 'assistant') -%}
        {{- '<|im_start|>' + message.role + '\\n' }}
        {{- message.content.split('</think>')[-1] | trim }}
        {{- '<|im_end|>\\n' }}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|im_start|>assistant\\n' }}
{%- endif -%}
"""


def main() -> None:
    """Train, and write the folder."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=CONTROL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train([str(path) for path in sorted((FIXTURES / "clean").iterdir())], trainer)
    TARGET.mkdir(exist_ok=True)
    tokenizer.save(str(TARGET / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "model_max_length": 2048,
    }
    (TARGET / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (TARGET / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")


if __name__ == "__main__":
    main()
