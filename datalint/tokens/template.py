"""Which chat template a tokenizer folder or a file gives, chosen as transformers 5 chooses it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

import msgspec
import xxhash

from datalint.errors import TokenizerError
from datalint.tokens.files import NAMED_TOKENS, read_object, read_text, require_folder, special_tokens

_GENERATION = re.compile(r"\{%[-+]?\s*generation\s*[-+]?%\}")


@dataclass(frozen=True)
class ChatTemplate:
    """The chat templates of one model and the special tokens that they may use; plain data, picklable.

    `named` maps a name ("default", "tool_use", ...) to jinja2 source; `path` is where it was found, for
    messages. `now` is what `strftime_now` tells the template; None is the time of the rendering.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    special_tokens: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    now: datetime | None = None

    @property
    def template(self) -> str | None:
        """The source for rows without tools; None where there is no template at all."""
        return self.named.get("default") if self.named else None

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits over everything that a render depends on beside the row."""
        content = (dict(self.named), dict(self.special_tokens), self.now)
        encoded = msgspec.json.encode(content, order="sorted")
        return xxhash.xxh3_128_hexdigest(encoded)

    @cached_property
    def sources(self) -> str:
        """32 hexadecimal digits over the jinja2 sources alone."""
        return xxhash.xxh3_128_hexdigest(msgspec.json.encode(dict(self.named), order="sorted"))

    def source(self, *, tools: bool) -> str:
        """The jinja2 source for a row with or without a tools list (even an empty one).

        Raises TokenizerError where the model has no template for it. Selection as in transformers 5
        (`get_chat_template`): "tool_use" for rows with tools where it exists, else "default".
        """
        if tools and "tool_use" in self.named:
            return self.named["tool_use"]
        if "default" in self.named:
            return self.named["default"]
        where = self.path or "no tokenizer folder was given"
        if self.named:
            names = ", ".join(sorted(self.named))
            raise TokenizerError(f"{where}: no template is named default (there are: {names}); give --chat-template")
        raise TokenizerError(f"{where}: no chat template; give one with --chat-template FILE")

    def has_generation_tags(self) -> bool:
        """Whether a template marks what the assistant generates with `{% generation %}`."""
        return any(_GENERATION.search(source) for source in self.named.values())


def load_template(tokenizer_dir: Path | None, chat_template: Path | None) -> ChatTemplate:
    """The template of a folder, or of a file that overrides it; special tokens come from the folder.

    Without a folder the special tokens are empty texts. A folder without any template is no error before a
    render asks for it: its `template` is None. chat_template.jinja and additional_chat_templates/*.jinja override the
    configuration's `chat_template` (a string, or a list of {name, template}), as in transformers 5. Nothing
    is compiled here. Raises TokenizerError for a missing folder or file, broken JSON, or a template that is
    no text.
    """
    # Without a folder nobody knows the tokens, and a template that adds one to a string must not fail for it.
    tokens = dict.fromkeys(NAMED_TOKENS, "")
    if tokenizer_dir is not None:
        require_folder(tokenizer_dir)
        tokens = special_tokens(tokenizer_dir)
    if chat_template is not None:
        return ChatTemplate({"default": read_text(chat_template)}, tokens, str(chat_template))
    if tokenizer_dir is None:
        return ChatTemplate()
    named = _from_files(tokenizer_dir) or _from_config(tokenizer_dir / "tokenizer_config.json")
    return ChatTemplate(named, tokens, str(tokenizer_dir))


def _from_files(folder: Path) -> dict[str, str]:
    default = folder / "chat_template.jinja"
    named = {"default": read_text(default)} if default.is_file() else {}
    for name in ("chat_templates", "additional_chat_templates"):
        for path in sorted((folder / name).glob("*.jinja")):
            named[path.name.removesuffix(".jinja")] = read_text(path)
    return named


def _from_config(path: Path) -> dict[str, str]:
    value = read_object(path).get("chat_template")
    if value is None:
        return {}
    if isinstance(value, str):
        return {"default": value}
    if isinstance(value, list):
        items = [item if isinstance(item, dict) else {} for item in value]
        value = {item.get("name"): item.get("template") for item in items}
    if isinstance(value, dict) and all(isinstance(text, str) for pair in value.items() for text in pair):
        return value
    raise TokenizerError(
        f"{path}: chat_template is neither text nor a list of {{name, template}}; give --chat-template FILE"
    )
