"""What trainers and fine-tuning services do with a dataset, one TOML file each: their cut, loss, limits and strictness."""

from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from datalint.errors import UsageError, nearest


class Profile(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """One trainer or service. What a field does not say is not known to be limited.

    `sources` name where the facts were read. `loss` is what is trained where the user does not say, None what fits the
    format. `cut` is what happens to a row longer than `--max-length`. `appends_eos`: the trainer puts the end token after
    text and prompt-completion rows.
    """

    title: str
    sources: list[str]
    loss: Literal["assistant", "completion", "all"] | None = None
    cut: Literal["keep-start", "keep-end"] = "keep-start"
    appends_eos: bool = False


def names() -> list[str]:
    """The profiles that exist, in the order of the alphabet."""
    return sorted(file.name.removesuffix(".toml") for file in files(__name__).iterdir() if file.name.endswith(".toml"))


@cache
def load_profile(name: str | None) -> Profile:
    """The profile of that name; None is a trainer of which nothing is known. Raises UsageError."""
    if name is None:
        return Profile("", [])
    if name not in names():
        raise UsageError(f"--profile: unknown profile {name!r}{nearest(name, names())}; one of {', '.join(names())}")
    return msgspec.toml.decode(files(__name__).joinpath(f"{name}.toml").read_bytes(), type=Profile)
