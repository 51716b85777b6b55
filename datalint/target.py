"""What the data is for: the model and the trainer that will read it."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datalint.profiles import Profile
    from datalint.tokens import ChatTemplate, Tokenizer

# The date that templates are told: two runs over the same data must find the same.
_TODAY = datetime(2026, 1, 1)


@dataclass(frozen=True)
class Target:
    """What the data is for: the model's tokenizer and template, the trainer's cut and its loss.

    What the user asks for goes before what the profile says: `datalint.views.training.as_trained` puts them together.
    Loaded when a rule first asks, in the process that asks; an unreadable folder raises TokenizerError.
    """

    tokenizer_dir: Path | None = None
    chat_template: Path | None = None
    max_length: int | None = None
    loss: str | None = None  # assistant, completion, all; None: the profile's, or what fits the format
    profile: str | None = None
    against: str | None = None  # the index of rows seen before: a folder, or a server's address

    @cached_property
    def trainer(self) -> "Profile":
        """What is known of the trainer; without a profile its defaults. Raises UsageError for an unknown name."""
        from datalint.profiles import load_profile

        return load_profile(self.profile)

    @cached_property
    def template(self) -> "ChatTemplate | None":
        """The chat template, or None where neither a file nor the tokenizer's folder gives one."""
        from datalint.tokens import load_template

        if self.tokenizer_dir is None and self.chat_template is None:
            return None
        template = load_template(self.tokenizer_dir, self.chat_template)
        return replace(template, now=_TODAY) if template.named else None

    @cached_property
    def tokenizer(self) -> "Tokenizer | None":
        """The tokenizer, or None without a folder or where the folder has no tokenizer.json."""
        from datalint.tokens import load_tokenizer

        return None if self.tokenizer_dir is None else load_tokenizer(self.tokenizer_dir)

    @cached_property
    def indexed(self) -> bool:
        """Whether there is an index. Raises UsageError or InputError if it cannot be opened."""
        if self.against is None:
            return False
        from datalint.index import open_index

        return open_index(self.against) is not None
