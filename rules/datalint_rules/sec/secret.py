"""SEC001."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Found, Rule, none
from datalint.secrets import find, redact, suspects

# Put together here, so that no scanner of a code host takes an example for a leak.
_AWS = "AK" + "IA" + "4QZ7MWT2LJRXH6VD"
_GITHUB = "gh" + "p_" + "Rk7mZ2xQvT9bLc4WnYd8HsJf3GpKa6Ue5XtV"
_PEM = "-----BEGIN " + "PRIVATE KEY-----\\n" + "MIIEvQIBADANBgkqhkiG9w0B" * 4 + "\\n-----END " + "PRIVATE KEY-----"


@dataclass(frozen=True)
class SecretKey(Rule):
    """A text holds a credential: an API key, an access token, a private key.

    ## What it does
    Looks in every text of the row, tool calls and their results too, for keys with a vendor's own prefix, alphabet and
    length: AWS, GitHub, GitLab, OpenAI, Anthropic, Google, Slack, Stripe (live), Hugging Face, npm, SendGrid, JSON Web
    Tokens, PEM private keys. Random-looking text alone is never reported, nor are the placeholders of documentation.
    No report shows the credential.

    ## Why is this bad?
    A model repeats what it was trained on: whoever may ask it may ask for the key. A key that stands in a dataset
    should be revoked, whatever becomes of the row.

    ## Example
    A tool's result, recorded from a live system: `{"region": "eu-1", "key": "AKIA..."}`

    ## Fix safety
    Unsafe: `[SECRET]` takes the place of the credential, and the text around it stays. The row may make less sense
    than before.

    ## Options
    None.

    ## References
    Formats: the vendors' own documentation, RFC 7468 (PEM), RFC 7519 (JWT). gitleaks, for which keys can be told by
    their form; benchflow issue #537, Truffle Security's count of 12,000 live keys in one web crawl.
    """

    code, name = "SEC001", "secret"
    severity = "error"
    message = "{kind}: {preview}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "puts [SECRET] in its place"
    bad = [
        [{"prompt": "Show the config.", "completion": f'{{"region": "eu-1", "key": "{_AWS}"}}'}],
        [
            {
                "messages": [
                    {"role": "user", "content": "Clone it."},
                    {
                        "role": "assistant",
                        "content": "",
                        "tool_calls": [{"function": {"name": "sh", "arguments": f'{{"env": "A=1\\n{_GITHUB}"}}'}}],
                    },
                ]
            }
        ],
        [{"text": f'{{"private_key": "{_PEM}"}}'}],
    ]
    good = [
        [{"prompt": "Which key?", "completion": "AK" + "IAIOSFODNN7EXAMPLE, or sk-your-key-here."}],
        [{"text": "A risk-averse desk-bound task-runner-with-a-very-long-name-of-many-words and sk-learn."}],
        [{"text": f"Test keys are no secrets: {'sk_' + 'test_'}Rk7mZ2xQvT9bLc4WnYd8HsJf."}],
        [{"prompt": "Hash it.", "completion": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        some = chunk.texts[suspects(chunk.texts["text"])]
        found = [
            (row, pointer, secret.start, secret.end, secret.kind, secret.preview)
            for row, pointer, text in some.select("row", "pointer", "text").iter_rows()
            for secret in find(text)
        ]
        if not found:
            return none()
        return pl.DataFrame(found, schema=["row", "pointer", "start", "end", "kind", "preview"], orient="row")

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        # The whole row, not the pointers: the fix of another rule may have moved the text since it was found.
        return {key: _redacted(value) for key, value in row.items()}


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    return value
