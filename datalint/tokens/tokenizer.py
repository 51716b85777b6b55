"""A model's tokenizer.json, loaded by the tokenizers library and asked in batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import xxhash

from datalint.errors import TokenizerError
from datalint.tokens.files import require_folder, special_tokens

if TYPE_CHECKING:
    import tokenizers

# Texts that the library encodes at a time; results of a whole file at once would take its size many times.
_BATCH_CHARACTERS = 4 << 20

# What a normalizer can make of one UTF-8 byte, at most (Unicode FAQ on normalisation; U+0130 in lower case).
_EXPANSION = {"Prepend": 1, "Strip": 1, "StripAccents": 1, "Lowercase": 2, "NFC": 3, "NFD": 3}


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one text and the [start, end) characters that each token stands for."""

    ids: list[int]
    offsets: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A loaded tokenizer.json; `special_tokens` are the texts that the folder's configuration names.

    `digest` covers both. `expansion` is how many tokens one byte can become at most, None where unknown.
    `special` maps the text of each added token, special or not, to its id; those of white space alone are
    left out. Pickles as its folder and digest, so that a worker process loads it once. Texts may hold lone
    surrogates, which count as U+FFFD.
    """

    folder: Path
    digest: str
    special: dict[str, int]
    special_tokens: dict[str, str]
    expansion: int | None
    backend: "tokenizers.Tokenizer"

    @property
    def bos(self) -> str | None:
        """Text of the token that begins a sequence, or None."""
        return self.special_tokens.get("bos_token")

    @property
    def eos(self) -> str | None:
        """Text of the token that ends a sequence, or None."""
        return self.special_tokens.get("eos_token")

    @property
    def pad(self) -> str | None:
        """Text of the padding token, or None."""
        return self.special_tokens.get("pad_token")

    @property
    def bos_id(self) -> int | None:
        """Id of `bos`, or None."""
        return self.id_of(self.bos)

    @property
    def eos_id(self) -> int | None:
        """Id of `eos`, or None."""
        return self.id_of(self.eos)

    @property
    def pad_id(self) -> int | None:
        """Id of `pad`, or None."""
        return self.id_of(self.pad)

    @property
    def size(self) -> int:
        """Number of tokens, added ones included."""
        return int(self.backend.get_vocab_size(with_added_tokens=True))

    def id_of(self, token: str | None) -> int | None:
        """Id of a single token's text, or None where it is no token."""
        return None if token is None else self.backend.token_to_id(token)

    def max_tokens(self, n_bytes: int) -> int | None:
        """Most tokens that a text of `n_bytes` UTF-8 bytes can have, or None where there is no bound.

        A token stands for at least one byte of the normalised text in all models of the library.
        """
        return None if self.expansion is None else 1 + self.expansion * n_bytes

    def fits(self, text: str, limit: int, *, added: bool = False) -> bool:
        """Whether the text is so short that it cannot have more than `limit` tokens, without tokenizing it.

        `added` counts the special tokens that `add_special_tokens` adds.
        """
        limit -= int(self.backend.num_special_tokens_to_add(is_pair=False)) if added else 0
        bound = self.max_tokens(4 * len(text))
        if bound is not None and bound > limit:
            bound = self.max_tokens(len(text.encode("utf-8", "surrogatepass")))
        return bound is not None and bound <= limit

    def ids(self, texts: Sequence[str], *, add_special_tokens: bool = False) -> list[list[int]]:
        """Token ids of each text; `add_special_tokens` adds what the file's post-processor adds."""
        return [
            encoding.ids
            for batch in _batches(texts)
            for encoding in self.backend.encode_batch_fast(batch, add_special_tokens=add_special_tokens)
        ]

    def encode(self, texts: Sequence[str], *, add_special_tokens: bool = False) -> list[Encoded]:
        """Token ids and character offsets of each text. Slower than `ids`."""
        return [
            Encoded(encoding.ids, encoding.offsets)
            for batch in _batches(texts)
            for encoding in self.backend.encode_batch(batch, add_special_tokens=add_special_tokens)
        ]

    def count(self, texts: Sequence[str], *, add_special_tokens: bool = False) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Number of tokens of each text, shape [len(texts)], int64."""
        counts = (
            len(encoding)
            for batch in _batches(texts)
            for encoding in self.backend.encode_batch_fast(batch, add_special_tokens=add_special_tokens)
        )
        return np.fromiter(counts, dtype=np.int64, count=len(texts))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens kept."""
        return str(self.backend.decode(list(ids), skip_special_tokens=False))

    def __reduce__(self) -> tuple[Any, ...]:
        return _reload, (self.folder, self.digest)


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        batch.append(_encodable(text))
        characters += len(text)
        if characters > _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text


def load_tokenizer(folder: Path) -> Tokenizer | None:
    """The tokenizer of `folder`, or None where it has no tokenizer.json.

    The file is the truth: truncation and padding that it may carry are switched off, and what a transformers
    class would rebuild is not. Raises TokenizerError for a missing folder and for a file that does not load.
    """
    require_folder(folder)
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TokenizerError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    tokens = special_tokens(folder)
    digest = xxhash.xxh3_128_hexdigest(data + msgspec.json.encode(tokens, order="sorted"))
    backend, special, expansion = _load(path, data)
    return Tokenizer(folder, digest, special, tokens, expansion, backend)


# Building one takes up to half a second, and each file of a run asks for its tokenizer.
@lru_cache(maxsize=4)
def _load(path: Path, data: bytes) -> tuple["tokenizers.Tokenizer", dict[str, int], int | None]:
    import tokenizers

    try:
        backend = tokenizers.Tokenizer.from_buffer(data)
        normalizer = msgspec.json.decode(data).get("normalizer")
    except Exception as error:  # the library raises no narrower class
        raise TokenizerError(
            f"{path}: does not load in tokenizers {tokenizers.__version__} ({error}); "
            "save it again with a current transformers"
        ) from error
    backend.no_truncation()
    backend.no_padding()
    added = backend.get_added_tokens_decoder().items()
    special = {token.content: index for index, token in sorted(added) if token.content.strip()}
    return backend, special, _expansion(normalizer)


def _expansion(normalizer: Any) -> int | None:
    if normalizer is None:
        return 1
    if normalizer.get("type") == "Sequence":
        factors = [_expansion(part) for part in normalizer["normalizers"]]
        return None if None in factors else int(np.prod([factor for factor in factors if factor]))
    if normalizer.get("type") == "Replace":
        # The usual " " -> "▁" gives one token a character; a longer replacement may give more.
        pattern = normalizer["pattern"].get("String")
        return 1 if pattern is not None and len(normalizer["content"]) <= len(pattern) else None
    return _EXPANSION.get(normalizer.get("type"))


@lru_cache(maxsize=4)
def _reload(folder: Path, digest: str) -> Tokenizer:
    tokenizer = load_tokenizer(folder)
    if tokenizer is None or tokenizer.digest != digest:
        raise TokenizerError(f"{folder / 'tokenizer.json'}: changed while datalint ran; run it again")
    return tokenizer
