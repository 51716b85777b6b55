"""TOK010."""

from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, Totals, none
from datalint.tokens import Tokenizer
from datalint_rules.tok.folder import added_token, model_config, tokenizer_config
from datalint_rules.tok.rebuilt import difference, loaded_as
from datalint_rules.tpl.whole import said, told

_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
_PIECES = {
    "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
    "model": {"type": "BPE", "vocab": {"<unk>": 0, "\u2581": 1, "a": 2, "e": 3}, "merges": [], "unk_token": "<unk>"},
}
_BYTES = {
    "pre_tokenizer": _LEVEL,
    "decoder": _LEVEL,
    "model": {"type": "BPE", "vocab": {"\u0120": 0, "e": 1, "o": 2, "i": 3}, "merges": []},
}


def _sample(tokens: dict[str, Any], named: str | None, model: str | None = None, **options: Any) -> Sample:
    files = {
        "train.jsonl": [{"text": "a b"}],
        "model/tokenizer.json": msgspec.json.encode(
            {"version": "1.0", "added_tokens": [added_token(9, "</s>")], **tokens}
        ),
        "model/tokenizer_config.json": msgspec.json.encode({"tokenizer_class": named, **options}),
    }
    if model is not None:
        files["model/config.json"] = msgspec.json.encode({"model_type": model})
    return Sample(files, {"tokenizer": "model"})


@dataclass(frozen=True)
class TokenizerClassRebuild(Rule):
    """The declared tokenizer class makes transformers 5 put another pipeline in place of that of tokenizer.json.

    ## What it does
    Works out the class that transformers 5 takes for the folder (`tokenizer_class`, and `model_type` of config.json),
    builds what that class builds of tokenizer.json (Llama, Code Llama, Gemma, GPT-2, CodeGen, GPT-NeoX, Cohere and
    Qwen classes), and reports it where some short texts get other ids or come back as another text. Told once a
    dataset. A byte-level file under a Llama class is loaded as it is by AutoTokenizer of 5.23, but not by earlier
    releases of 5, nor by the class itself: it is reported, and the finding says so. Folders with code of their own
    (`auto_map`) are left out.

    ## Why is this bad?
    The trainer reads other tokens than the model was trained with, and than this tool counts; spaces vanish, or
    stand where none was, and nothing is raised.

    ## Example
    DeepSeek-V3: `"tokenizer_class": "LlamaTokenizerFast"`, and a byte-level tokenizer.json.

    ## Fix safety
    No fix: set `tokenizer_class` to `PreTrainedTokenizerFast`, which takes the file as it is. Where the class comes
    from `model_type` (Qwen), load the folder with that class yourself.

    ## Options
    None.

    ## References
    transformers issues #45488, #45812, #45920 and #48206, and pull request #48317; compared with transformers 5.23.
    """

    code, name = "TOK010", "tokenizer-class-rebuild"
    severity = "warning"
    message = "{what}"
    needs = ("tokenizer",)
    within = "dataset"
    bad = [
        _sample(_BYTES, "LlamaTokenizerFast"),
        _sample(_PIECES, "GPT2Tokenizer"),
        _sample(_PIECES, "LlamaTokenizer", "llama"),
        _sample(_BYTES, "PreTrainedTokenizerFast", "qwen2"),
    ]
    good = [
        _sample(_BYTES, "GPT2TokenizerFast", "gpt2"),
        _sample(_BYTES, "LlamaTokenizerFast", "olmo2"),
        _sample(_PIECES, "PreTrainedTokenizerFast"),
        _sample(_PIECES, None, "llama"),
        _sample(_PIECES, "GPT2Tokenizer", auto_map={"AutoTokenizer": ["x.X", None]}),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """The fault of the chunk's tokenizer."""
        tokenizer = chunk.target.tokenizer
        what = _fault(tokenizer) if tokenizer is not None and len(chunk) else None
        return none() if what is None else said([("warning", what)])

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        """Each fault once."""
        return told(frame)


def _fault(tokenizer: Tokenizer) -> str | None:
    config, model = tokenizer_config(tokenizer.folder), model_config(tokenizer.folder)
    declared, kind = config.get("tokenizer_class") or model.get("tokenizer_class"), model.get("model_type")
    if not isinstance(declared, str) or "auto_map" in config:
        return None
    name, always = loaded_as(declared, kind, byte_level=_byte_level(tokenizer))
    options = {key: config[key] for key in ("legacy", "add_prefix_space") if key in config}
    found = name and difference(tokenizer.folder, tokenizer.digest, name, msgspec.json.encode(options))
    if not found:
        return None
    changed, shown = found
    forced = name != declared.removesuffix("Fast")
    who = f"model_type {kind}" if forced else f"tokenizer_class {declared}"
    remedy = (
        "load the file with PreTrainedTokenizerFast" if forced else "set tokenizer_class to PreTrainedTokenizerFast"
    )
    release = (
        "transformers 5" if always else "the class and earlier transformers 5 (5.15 did, AutoTokenizer of 5.23 not)"
    )
    return f"{who} makes {release} rebuild {changed} of tokenizer.json: {shown} gets other tokens; {remedy}"


def _byte_level(tokenizer: Tokenizer) -> bool:
    """Whether tokenizer.json names a byte-level part, the way that AutoTokenizer looks."""
    return '"ByteLevel"' in (tokenizer.folder / "tokenizer.json").read_text(encoding="utf-8")
