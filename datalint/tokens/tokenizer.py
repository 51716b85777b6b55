"""A model's tokenizer.json, loaded by the tokenizers library and asked in batches."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import xxhash

from datalint.errors import TokenizerError
from datalint.tokens.bounds import Bounds, bounds_of
from datalint.tokens.files import AddedToken, added_tokens, require_folder, special_tokens
from datalint.tokens.memory import Encoded, Ints, Memory

if TYPE_CHECKING:
    import tokenizers

# Characters that the library encodes at a time: its own encodings take some hundred bytes a token.
_BATCH_CHARACTERS = 1 << 20
# Room for what a few chunks of rows become, offsets included.
_MEMORY_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A loaded tokenizer.json; `special_tokens` are the texts that the folder's configuration names.

    `digest` covers both. `bounds` tell how many tokens a text can have. What was encoded is remembered in this
    process (`memory`), so that rules which ask for the same texts share the work. `special` maps the text of each
    added token, special or not, to its id; those of white space alone are left out. Pickles as its folder and
    digest, so that a worker process loads it once. Texts may hold lone surrogates, which count as U+FFFD.
    """

    folder: Path
    digest: str
    special: dict[str, int]
    special_tokens: dict[str, str]
    bounds: Bounds
    backend: "tokenizers.Tokenizer"
    memory: Memory = field(repr=False, compare=False)

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

    @property
    def added(self) -> int:
        """How many tokens `add_special_tokens` adds to a text."""
        return int(self.backend.num_special_tokens_to_add(is_pair=False))

    def max_tokens(self, n_bytes: int) -> int | None:
        """Most tokens that a text of `n_bytes` UTF-8 bytes can have, or None where there is no bound."""
        return self.bounds.upper(n_bytes)

    def min_tokens(self, text: str) -> int:
        """Fewest tokens that a text can have, from its letters and words; 0 where there is no bound."""
        return self.bounds.lower(_bytes(text))

    def fits(self, text: str, limit: int, *, added: bool = False) -> bool:
        """Whether the text is so short that it cannot have more than `limit` tokens, without tokenizing it.

        `added` counts the special tokens that `add_special_tokens` adds.
        """
        limit -= self.added if added else 0
        bound = self.max_tokens(4 * len(text))
        if bound is not None and bound > limit:
            bound = self.max_tokens(len(_bytes(text)))
        return bound is not None and bound <= limit

    def over(self, texts: Sequence[str], limit: int, *, added: bool = False) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which texts have more than `limit` tokens, shape [len(texts)], bool; tokenizes only what no bound decides."""
        result = np.zeros(len(texts), dtype=np.bool_)
        long = [place for place, text in enumerate(texts) if not self.fits(text, limit, added=added)]
        sure = limit - (self.added if added else 0)
        result[[place for place in long if self.min_tokens(texts[place]) > sure]] = True
        open_ = [place for place in long if not result[place]]
        result[open_] = self.count([texts[place] for place in open_], add_special_tokens=added) > limit
        return result

    def ids(self, texts: Sequence[str], *, add_special_tokens: bool = False) -> list[list[int]]:
        """Token ids of each text; `add_special_tokens` adds what the file's post-processor adds."""
        return [ids.tolist() for ids, _ in self._encoded(texts, add_special_tokens, spans=False)]

    def arrays(self, texts: Sequence[str], *, add_special_tokens: bool = False) -> list[Ints]:
        """`ids` as arrays, int32 [tokens], a ninth of the memory of lists. Shared: read only."""
        return [ids for ids, _ in self._encoded(texts, add_special_tokens, spans=False)]

    def encode(self, texts: Sequence[str], *, add_special_tokens: bool = False) -> list[Encoded]:
        """Token ids and character offsets of each text. Slower than `ids`."""
        encoded = self._encoded(texts, add_special_tokens, spans=True)
        return [Encoded(ids, spans) for ids, spans in encoded if spans is not None]

    def count(self, texts: Sequence[str], *, add_special_tokens: bool = False) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Number of tokens of each text, shape [len(texts)], int64."""
        encoded = self._encoded(texts, add_special_tokens, spans=False)
        return np.fromiter((len(ids) for ids, _ in encoded), dtype=np.int64, count=len(texts))

    def _encoded(self, texts: Sequence[str], add: bool, *, spans: bool) -> list[tuple[Ints, Ints | None]]:  # noqa: FBT001
        add = add and self.added > 0
        keys = [xxhash.xxh3_128_digest(_bytes(text)) + (b"+" if add else b"") for text in texts]
        known = {key: self.memory.get(key, spans=spans) for key in keys}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if known[key] is None}
        encode = self.backend.encode_batch if spans else self.backend.encode_batch_fast
        results = (
            (np.array(encoding.ids, dtype=np.int32), _spans(encoding) if spans else None)
            for batch in _batches(missing.values())
            for encoding in encode(batch, add_special_tokens=add)
        )
        with _panics_told(self.folder):
            for key, result in zip(missing, results, strict=True):
                known[key] = result
                self.memory.put(key, *result)
        return [entry for key in keys if (entry := known[key]) is not None]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens kept."""
        return str(self.backend.decode(list(ids), skip_special_tokens=False))

    def __reduce__(self) -> tuple[Any, ...]:
        return _reload, (self.folder, self.digest)


@contextmanager
def _panics_told(path: Path) -> Iterator[None]:
    """A panic of the library, which is no Exception, as a TokenizerError."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise TokenizerError(f"{path}: the tokenizers library fails on this tokenizer ({error})") from error


def _spans(encoding: "tokenizers.Encoding") -> Ints:
    return np.fromiter(chain.from_iterable(encoding.offsets), np.int32, 2 * len(encoding)).reshape(-1, 2)


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
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


def _bytes(text: str) -> bytes:
    """UTF-8; a lone surrogate has as many bytes as the U+FFFD that it counts as."""
    return text.encode("utf-8", "surrogatepass")


def load_tokenizer(folder: Path) -> Tokenizer | None:
    """The tokenizer of `folder`, or None where it has no tokenizer.json.

    The file is the truth, with the tokens that the configuration adds to it: truncation and padding that it may
    carry are switched off, and what a transformers class would rebuild is not. Raises TokenizerError for a missing
    folder and for a file that does not load.
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
    added = tuple(added_tokens(folder))
    digest = xxhash.xxh3_128_hexdigest(data + msgspec.json.encode([tokens, added], order="sorted"))
    backend, special, bounds, memory = _load(path, data, added)
    return Tokenizer(folder, digest, special, tokens, bounds, backend, memory)


# Building one takes up to half a second, and each file of a run asks for its tokenizer.
@lru_cache(maxsize=4)
def _load(
    path: Path, data: bytes, wanted: tuple[AddedToken, ...]
) -> tuple["tokenizers.Tokenizer", dict[str, int], Bounds, Memory]:
    import tokenizers

    try:
        with _panics_told(path):
            backend = tokenizers.Tokenizer.from_buffer(data)
        config = msgspec.json.decode(data)
        known = {token.content for token in backend.get_added_tokens_decoder().values()}
        lacking = [token for token in wanted if token.content not in known]
        backend.add_tokens([tokenizers.AddedToken(**token._asdict()) for token in lacking])
        config["added_tokens"] = [*(config.get("added_tokens") or ()), *(token._asdict() for token in lacking)]
        bounds = bounds_of(config, backend.get_vocab(with_added_tokens=False))
    except Exception as error:  # the library raises no narrower class
        raise TokenizerError(
            f"{path}: does not load in tokenizers {tokenizers.__version__} ({error}); "
            "save it again with a current transformers"
        ) from error
    backend.no_truncation()
    backend.no_padding()
    added = backend.get_added_tokens_decoder().items()
    special = {token.content: index for index, token in sorted(added) if token.content.strip()}
    return backend, special, bounds, Memory(_MEMORY_BYTES)


@lru_cache(maxsize=4)
def _reload(folder: Path, digest: str) -> Tokenizer:
    tokenizer = load_tokenizer(folder)
    if tokenizer is None or tokenizer.digest != digest:
        raise TokenizerError(f"{folder / 'tokenizer.json'}: changed while datalint ran; run it again")
    return tokenizer
