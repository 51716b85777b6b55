"""The tokenizer that a class of transformers 5 makes of a tokenizer.json.

Most classes with a constructor of their own take vocabulary, merges and post-processor from the file, and put their
own normalizer, pre-tokenizer, decoder and options of the model in place of the file's. Read from and compared with
transformers 5.23 (`TokenizersBackend.convert_to_native_format`, `AutoTokenizer.from_pretrained`).
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from datalint.tokens import load_tokenizer

Part = dict[str, Any] | None

# Models whose tokenizer.json is loaded as it is, whatever class is declared.
_AS_FILED = """
arctic aria canary chatlm cohere_asr ernie4_5 ernie4_5_moe flex_olmo fuyu glm glm4 glm4_moe glm4_moe_lite glm4v
glm4v_moe gpt_bigcode granite granitemoe granitemoehybrid granitemoeshared h2ovl_chat hyperclovax
hyperclovax_vlm internlm2 internlm3 iquestcoder jamba kimi_k25 kimi_linear llava llava_next mimo_v2_flash
minicpm3 minicpm_ocr minicpmv minicpmv4_6 minicpmv4_7 minimax_m2 ministral ministral3 mistral mistral3
mistral_large4 mixtral molmo molmo2 nemotron nvfp4 olmo2 olmo3 olmo_hybrid opencua openvla paddleocr_vl
persimmon phi3 phi3_v phimoe pixtral smolvlm stablelm step3_vl vipllava voxtral voxtral_realtime
"""
# Models that get this class, whatever is declared.
_FORCED = {
    "qwen2": "Qwen2Tokenizer",
    "qwen3_5": "Qwen3_5Tokenizer",
    "qwen3_5_moe": "Qwen3_5Tokenizer",
    "qwen3_5_moe_text": "Qwen3_5Tokenizer",
    "hyperclovax_vision_v2": "GPT2Tokenizer",
}
_LETTERS = {"Qwen2Tokenizer": r"\p{L}", "Qwen3_5Tokenizer": r"\p{L}\p{M}"}
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
_BYTE_MODEL = {"unk_token": None, "fuse_unk": False, "byte_fallback": False}
_PIECE_MODEL = {"fuse_unk": True, "byte_fallback": True}
_NFC = {"type": "NFC"}

# Texts in which pipelines differ: spaces at odd places, text behind control tokens, digits, contractions, accents
# in two characters, other scripts.
_TEXTS = (
    "Hello world, it's 1234567 items.",
    "  two  spaces",
    "one\n\n\n  two\t\tthree\n",
    "We'LL don't",
    "cafe\u0301 na\u00efve",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8 \u0939\u093f\u0928\u094d\u0926\u0940",
)


def loaded_as(declared: str, model_type: str | None, *, byte_level: bool) -> tuple[str | None, bool]:
    """The class that AutoTokenizer takes, None for the file as it is; and whether every release of 5 does so.

    Earlier releases (5.3 and 5.15 are known) do not look whether the file is byte-level, nor does the class itself.
    """
    if model_type in _FORCED:
        return _FORCED[model_type], True
    if model_type in _AS_FILED.split():
        return None, True
    name = declared.removesuffix("Fast")
    return name, not (name == "LlamaTokenizer" and byte_level)


def pipeline_of(name: str, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a class puts in place of the file's parts; None for classes that put nothing, or are not known.

    `options` is tokenizer_config.json.
    """
    spaced = options.get("add_prefix_space")
    if name in ("LlamaTokenizer", "CodeLlamaTokenizer"):
        always = "always" if options.get("legacy") and name == "LlamaTokenizer" else "first"
        scheme = "never" if spaced is False else always
        metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": False}
        unknown = {} if name == "LlamaTokenizer" else {"unk_token": "<unk>"}
        return _parts(None, metaspace, _pieces(strip=scheme != "never"), {"unk_token": None, **_PIECE_MODEL, **unknown})
    if name == "GemmaTokenizer":
        spaces = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
        split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
        return _parts(spaces, split, _pieces(strip=False), {"unk_token": "<unk>", **_PIECE_MODEL})
    level = {**_BYTE_LEVEL, "add_prefix_space": bool(spaced)}
    if name in ("GPT2Tokenizer", "CodeGenTokenizer"):
        return _parts(None, level, _BYTE_LEVEL, _BYTE_MODEL)
    if name == "GPTNeoXTokenizer":
        return _parts(_NFC, level, _BYTE_LEVEL, _BYTE_MODEL)
    if name == "CohereTokenizer":
        return _parts(_NFC, _sequence({"type": "Digits", "individual_digits": True}, level), _BYTE_LEVEL, _BYTE_MODEL)
    if name in _LETTERS:
        split = {"type": "Split", "pattern": {"Regex": _words(_LETTERS[name])}, "behavior": "Isolated", "invert": False}
        return _parts(_NFC, _sequence(split, {**level, "use_regex": False}), _BYTE_LEVEL, _BYTE_MODEL)
    return None


def _parts(normalizer: Part, pre_tokenizer: Part, decoder: Part, model: dict[str, Any]) -> dict[str, Any]:
    return {"normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "decoder": decoder, "model": model}


def _sequence(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": list(parts)}


def _pieces(*, strip: bool) -> dict[str, Any]:
    back = {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}
    ends = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if strip else []
    return {"type": "Sequence", "decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"}, *ends]}


def _words(letters: str) -> str:
    """The pattern of the Qwen tokenizers: contractions, words, single digits, signs, line ends, spaces."""
    word = letters if letters == r"\p{L}" else f"[{letters}]"
    return "|".join(
        (
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
            rf"[^\r\n\p{{L}}\p{{N}}]?{word}+",
            r"\p{N}",
            rf" ?[^\s{letters}\p{{N}}]+[\r\n]*",
            r"\s*[\r\n]+",
            r"\s+(?!\S)",
            r"\s+",
        )
    )


@lru_cache(maxsize=8)
def difference(folder: Path, digest: str, name: str, options: bytes) -> tuple[str, str] | None:  # noqa: ARG001
    """What a class changes in tokenizer.json and a text that shows it; None where no text of ours shows anything.

    `options` is tokenizer_config.json; the digest is for the cache. Cached because the vocabulary is loaded once more.
    """
    import tokenizers

    pipeline = pipeline_of(name, msgspec.json.decode(options))
    if pipeline is None:
        return None
    filed = msgspec.json.decode((folder / "tokenizer.json").read_bytes())
    if filed["model"].get("type", "BPE") != "BPE":
        return f"the model (BPE in place of {filed['model']['type']})", "any text"
    keep = {key: filed["model"][key] for key in ("vocab", "merges")}
    parts = {part: pipeline[part] for part in ("normalizer", "pre_tokenizer", "decoder")}
    model = {"type": "BPE", "dropout": None, "ignore_merges": False, **pipeline["model"], **keep}
    if model["unk_token"] not in model["vocab"]:
        model["unk_token"] = None  # the library refuses to read with it
    loaded = load_tokenizer(folder)
    assert loaded is not None
    ours = loaded.backend
    theirs = tokenizers.Tokenizer.from_str(msgspec.json.encode({**filed, **parts, "model": model}).decode())
    shown = next((text for text in _texts(filed) if _reads(ours, text) != _reads(theirs, text)), None)
    changed = [
        f"the {part.replace('_', '-')} ({_kind(made)} in place of {_kind(filed.get(part))})"
        for part, made in parts.items()
        if _kind(made) != _kind(filed.get(part))
    ]
    return None if shown is None else (", ".join(changed) or "details of the pipeline", repr(shown))


def _texts(filed: dict[str, Any]) -> list[str]:
    special = [token["content"] for token in filed.get("added_tokens", []) if token["content"].strip()]
    return [*_TEXTS, *(f"{token}hi{token}\n there" for token in special[-1:])]


def _reads(tokenizer: Any, text: str) -> tuple[list[int], str]:
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    return ids, tokenizer.decode(ids, skip_special_tokens=False)


def _kind(part: Part) -> str:
    if part is None:
        return "none"
    inner = next((part[key] for key in ("normalizers", "pretokenizers", "decoders") if key in part), [part])
    return "+".join(item["type"] for item in inner)
