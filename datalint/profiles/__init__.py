"""What trainers and fine-tuning services do with a dataset, one TOML file each: their cut, loss, limits and strictness.

A file states only what was read in the sources that it names; what a field does not say is not known to be limited.
"""

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from datalint.errors import UsageError, nearest

Loss = Literal["assistant", "completion", "all"]
Cut = Literal["keep-start", "keep-end", "drop", "by-turn", "none"]

_FOLDER = Path(__file__).parent


class Profile(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """One trainer or service, by what it does and by what it refuses.

    `sources` name where the facts were read. `loss` is what is trained of a conversation where the user does not
    say; None is what fits the format. `cut` is what happens to a row of more than `--max-length` tokens: one end is
    kept, the row is dropped, each turn is shortened in proportion (`by-turn`), or nothing is lost because sequences
    continue (`none`). Sizes are in rows, bytes, characters and tokens. An empty list or None: no such limit is known.
    """

    title: str
    sources: list[str]
    loss: Loss | None = None
    only_last_with_tools: bool = False  # of a row with tools only the last answer is trained
    cut: Cut = "keep-start"
    appends_eos: bool = False  # the end token is put after rows that no template renders
    arguments: dict[str, str] = {}  # how the trainer calls what `datalint.advice` recommends
    drops_untrained: bool = False  # rows without a trained token left after the cut are taken out without a word

    min_rows: int | None = None  # of the training split
    max_rows: int | None = None
    advised_rows: int | None = None  # fewer are taken
    max_eval_rows: int | None = None
    max_file_bytes: int | None = None
    max_tokens: int | None = None  # of a row, by the tokenizer that the user gives
    max_chars: int | None = None  # of prompt and completion together
    parquet_columns: list[str] = []  # Parquet files need these: they are taken tokenized or not at all

    columns: list[list[str]] = []  # a row has the columns of exactly one of these
    extra_columns: list[str] | None = None  # what may stand beside them; None: anything
    message_keys: list[str] | None = None  # keys that a message may have; None: any
    roles: list[str] = []
    turn_order: Literal["alternate", "odd-even"] | None = None  # see datalint_rules/qty/strictness.py
    prompt_ends: list[str] = []  # roles that the last message of a prompt may have
    content_blocks: bool = False  # content is a list of blocks, never text
    reasoning_roles: list[str] = []  # roles whose messages may hold reasoning blocks
    tool_ids: bool = False  # calls have an id, results the id of their call
    tool_arguments: Literal["string", "object"] | None = None
    unique_tools: bool = False
    min_candidates: int | None = None  # of a preference row
    single_answers: bool = False  # each side of a preference row is exactly one message of the assistant
    reserved: list[str] = []  # texts that no message may hold


def names() -> list[str]:
    """The profiles that exist, in the order of the alphabet."""
    return sorted(file.stem for file in _FOLDER.glob("*.toml"))


@cache
def load_profile(name: str | None) -> Profile:
    """The profile of that name; None is a trainer of which nothing is known. Raises UsageError."""
    if name is None:  # nothing is known of the trainer but that most are TRL's, or have its arguments
        return Profile("", [], arguments=load_profile("trl").arguments)
    fault = unknown_profile(name)
    if fault:
        raise UsageError(f"--profile: {fault}")
    return msgspec.toml.decode((_FOLDER / f"{name}.toml").read_bytes(), type=Profile)


def unknown_profile(name: str, where: str = "") -> str | None:
    """Why there is no profile of that name, with the nearest that there is; None where there is one."""
    known = names()
    if name in known:
        return None
    return f"unknown profile {name!r}{where}{nearest(name, known)}; one of {', '.join(known)}"
