"""What lies in a tokenizer's folder beside tokenizer.json, and what tokenizer.json itself says."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from datalint.tokens import Tokenizer
from datalint.tokens.files import read_object

# A tokenizer.json for examples: two letters, a space and signs, each a token; text is cut at spaces.
WORDS: dict[str, Any] = {
    "version": "1.0",
    "added_tokens": [],
    "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": False},
    "model": {"type": "WordLevel", "vocab": {"?": 0, "a": 1, "b": 2}, "unk_token": "?"},
}


def added_token(index: int, text: str) -> dict[str, Any]:
    """A special token as tokenizer.json lists it."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": index, "content": text, "special": True, **flags}


def tokenizer_config(folder: Path) -> dict[str, Any]:
    """tokenizer_config.json, or an empty object. Raises TokenizerError where it is broken."""
    return read_object(folder / "tokenizer_config.json")


def model_config(folder: Path) -> dict[str, Any]:
    """config.json, or an empty object. Raises TokenizerError where it is broken."""
    return read_object(folder / "config.json")


def configured(folder: Path | None) -> dict[str, int]:
    """Tokens that tokenizer_config.json adds, text -> id: transformers has them although tokenizer.json may not."""
    listed = tokenizer_config(folder).get("added_tokens_decoder") if folder is not None else None
    pairs = listed.items() if isinstance(listed, dict) else ()
    return {
        token["content"]: int(index)
        for index, token in pairs
        if index.isdecimal() and isinstance(token, dict) and isinstance(token.get("content"), str)
    }


def stop_ids(folder: Path | None) -> set[int]:
    """Ids at which generation_config.json stops; empty without one."""
    stops = read_object(folder / "generation_config.json").get("eos_token_id") if folder is not None else None
    return {stop for stop in (stops if isinstance(stops, list) else [stops]) if isinstance(stop, int)}


def one_token(tokenizer: Tokenizer, text: str) -> bool:
    """Whether a text is always one token: an added one, or one that the folder's configuration makes so."""
    named = text in tokenizer.special_tokens.values() and tokenizer.id_of(text) is not None
    return named or text in tokenizer.special or text in configured(tokenizer.folder)


def prefix_of(tokenizer: Tokenizer) -> str | None:
    """The token that tokenizer.json puts before every text; None where it puts none.

    This is what transformers 5 does with a tokenizer.json, whatever `add_bos_token` says.
    """
    (bare,), (whole,) = tokenizer.ids(["a"]), tokenizer.ids(["a"], add_special_tokens=True)
    before = next((at for at in range(1, len(whole) - len(bare) + 1) if whole[at : at + len(bare)] == bare), 0)
    return tokenizer.backend.id_to_token(whole[0]) if before else None


@lru_cache(maxsize=4)
def largest_id(folder: Path, digest: str) -> int:  # noqa: ARG001 - the digest is for the cache: files change
    """The largest id in tokenizer.json."""
    parsed = msgspec.json.decode((folder / "tokenizer.json").read_bytes())
    vocabulary = parsed["model"]["vocab"]
    ids = vocabulary.values() if isinstance(vocabulary, dict) else [len(vocabulary) - 1]
    return max([*ids, *(token["id"] for token in parsed.get("added_tokens", []))], default=-1)
