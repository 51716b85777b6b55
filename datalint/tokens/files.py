"""The JSON files of a tokenizer folder, and the special tokens that they name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from datalint.errors import TokenizerError

# What transformers gives to a template as variables, beside any other `*_token` of the configuration.
NAMED_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class AddedToken(NamedTuple):
    """A token beside the vocabulary's own, as the tokenizers library takes it."""

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False
    special: bool = True


def require_folder(folder: Path) -> None:
    """Raise TokenizerError unless `folder` is a directory."""
    if not folder.is_dir():
        raise TokenizerError(
            f"{folder}: no such tokenizer folder; give --tokenizer a local folder that holds "
            "tokenizer_config.json or tokenizer.json"
        )


def read_text(path: Path) -> str:
    """The text of `path` as UTF-8 (a byte order mark is dropped). Raises TokenizerError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TokenizerError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise TokenizerError(f"{path}: not UTF-8 text (byte {error.start}); save the file again as UTF-8") from error


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in `path`, or an empty one where the file is absent. Raises TokenizerError."""
    if not path.exists():
        return {}
    try:
        value = msgspec.json.decode(read_text(path))
    except (msgspec.DecodeError, RecursionError) as error:
        raise TokenizerError(f"{path}: broken JSON ({error}); fetch the file again") from error
    if not isinstance(value, dict):
        raise TokenizerError(f"{path}: holds no JSON object; fetch the file again")
    return value


def token_text(value: object) -> str | None:
    """A token as the configuration spells it: a string, or a serialised AddedToken with its `content`."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None


def special_tokens(folder: Path) -> dict[str, str]:
    """Variable name (`bos_token`, ...) -> text of the special tokens that `folder` names.

    special_tokens_map.json counts only beside a configuration without `added_tokens_decoder`, and then goes
    first, as in transformers 5 (`PreTrainedTokenizerBase._from_pretrained`). Defaults that transformers
    keeps in a tokenizer class are not known here. Raises TokenizerError.
    """
    config = read_object(folder / "tokenizer_config.json")
    if "added_tokens_decoder" not in config:
        config = config | read_object(folder / "special_tokens_map.json")
    extra = config.get("extra_special_tokens")
    named = {key: value for key, value in config.items() if key in NAMED_TOKENS or key.endswith("_token")}
    named |= extra if isinstance(extra, dict) else {}
    texts = {key: token_text(value) for key, value in named.items()}
    return {key: text for key, text in texts.items() if text is not None}


def added_tokens(folder: Path) -> list[AddedToken]:
    """Tokens that `folder` names beside tokenizer.json and transformers 5 adds to it where it lacks them, in order.

    First those of `added_tokens_decoder` by their ids, then the named ones, which are special
    (`TokenizersBackend.__init__`). Raises TokenizerError.
    """
    listed = read_object(folder / "tokenizer_config.json").get("added_tokens_decoder")
    numbered = sorted((int(key), value) for key, value in (listed or {}).items() if key.isdecimal())
    tokens = [_added(value) for _, value in numbered if token_text(value) is not None]
    known = {token.content for token in tokens}
    return tokens + [AddedToken(text) for text in dict.fromkeys(special_tokens(folder).values()) if text not in known]


def _added(value: Mapping[str, Any]) -> AddedToken:
    flags = {name: bool(value.get(name)) for name in ("single_word", "lstrip", "rstrip", "normalized", "special")}
    return AddedToken(str(token_text(value)), **flags)
