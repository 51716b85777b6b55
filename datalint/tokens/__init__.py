"""Chat templates (sandboxed jinja2 in a limited process) and tokenizers, without transformers."""

from datalint.tokens.memory import Encoded
from datalint.tokens.pool import RenderPool, render_rows
from datalint.tokens.rendering import Conversation, Rendered, RenderError
from datalint.tokens.template import ChatTemplate, load_template
from datalint.tokens.tokenizer import Tokenizer, load_tokenizer

__all__ = [
    "ChatTemplate",
    "Conversation",
    "Encoded",
    "RenderError",
    "RenderPool",
    "Rendered",
    "Tokenizer",
    "load_template",
    "load_tokenizer",
    "render_rows",
]
