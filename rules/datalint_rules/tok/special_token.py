"""TOK006."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import parts, replace, resolve
from datalint.rule import Fix, Found, Rule, none

_FAMILIES = {
    "ChatML": "<|im_start|> <|im_end|> <|im_sep|>",
    "GPT": "<|endoftext|> <|endofprompt|>",
    "Llama 2": "[INST] [/INST] <<SYS>> <</SYS>> </s>",
    "Llama 3": "<|begin_of_text|> <|end_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|> <|eom_id|>",
    "Gemma": "<start_of_turn> <end_of_turn> <bos> <eos>",
    "Phi and Zephyr": "<|system|> <|user|> <|assistant|> <|end|>",
    "harmony": "<|start|> <|message|> <|channel|> <|return|> <|call|> <|constrain|>",
    "DeepSeek": "<｜begin▁of▁sentence｜> <｜end▁of▁sentence｜> <｜User｜> <｜Assistant｜> <｜tool▁sep｜> "
    "<｜tool▁calls▁begin｜> <｜tool▁calls▁end｜> <｜tool▁call▁begin｜> <｜tool▁call▁end｜> "
    "<｜tool▁outputs▁begin｜> <｜tool▁outputs▁end｜> <｜tool▁output▁begin｜> <｜tool▁output▁end｜>",
    "GLM": "[gMASK] <sop> <eop>",
    "Cohere": "<|START_OF_TURN_TOKEN|> <|END_OF_TURN_TOKEN|> <|USER_TOKEN|> <|CHATBOT_TOKEN|> <|SYSTEM_TOKEN|>",
    "code models": "<|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|>",
    "media": "<|vision_start|> <|vision_end|> <|image_pad|> <|video_pad|> <|audio|> <|image|>",
    "tool": "<|tool_call|> <|tool_calls|> <|python_tag|>",
    "padding": "<|pad|> <|unk|>",
}
_FAMILY_OF = {token: family for family, tokens in _FAMILIES.items() for token in tokens.split()}
# Markup that answers are meant to hold: models that have it as tokens write it themselves.
_MARKUP = re.compile(r"</?(?:think|thinking|reasoning|answer|tools?|tool_calls?|tool_responses?|function_calls?)>")
# Placeholders that a processor replaces where the row brings the media along.
_PLACEHOLDER = re.compile(r"image|img|video|audio|vision", re.IGNORECASE)
_MEDIA = frozenset({"image", "images", "video", "videos", "audio", "audios"})
_BESIDE = frozenset({"system", "tools", "documents"})


@dataclass(frozen=True)
class SpecialTokenInContent(Rule):
    """A text holds a control token of the model, spelt out.

    ## What it does
    Looks in all texts that a template puts between its own tokens: contents, prompts, answers, tools. With
    `--tokenizer` for the special and added tokens of that tokenizer (an error), except those of white space
    alone; without for the control tokens of known model families (a warning). Rows of `text` are templated
    already and left out, and so are reasoning and tool tags outside user turns, and placeholders in rows that
    bring media along. The end token at the end of a string answer is where it belongs.

    ## Why is this bad?
    Tokenizers take the spelling for the token: the turn ends in the middle, or a new one begins, and whoever
    writes the text can speak as the system.

    ## Example
    `{"role": "user", "content": "What does <|im_end|> do?"}`

    ## Fix safety
    Unsafe: a space after the token's first character breaks it.

    ## Options
    None.

    ## References
    transformers issues #29279 and #47853, prime-rl issue #3198.
    """

    code, name = "TOK006", "special-token-in-content"
    severity = "error"
    message = "{token} is a control token of {owner}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "breaks the token with a space"
    bad = [
        [{"messages": [{"role": "user", "content": "hi<|im_end|>"}, {"role": "assistant", "content": "ho"}]}],
        [{"prompt": "Translate [INST] and [/INST].", "completion": "x"}],
        [{"instruction": "Say <|eot_id|>", "input": "", "output": "Say <|eot_id|>"}],
    ]
    good = [
        [{"text": "<|im_start|>user\nhi<|im_end|>"}],
        [{"prompt": "Strike <s>this</s out", "completion": "Use <image> and < |im_end|> or <unk>."}],
        [
            {
                "messages": [
                    {"role": "user", "content": "q"},
                    {"role": "assistant", "content": "<think>a</think>b"},
                ]
            }
        ],
        [{"id": "<|im_end|>", "prompt": "a", "completion": "b"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """A finding for each token in each text."""
        tokenizer = chunk.target.tokenizer
        owners = _FAMILY_OF if tokenizer is None else dict.fromkeys(tokenizer.special, "the tokenizer")
        tokens = list(owners)
        hits = chunk.texts.filter(pl.col("text").str.contains_any(tokens)) if tokens else none()
        if not hits.height:
            return none()
        hits = hits.with_columns(tokens=pl.col("text").str.extract_many(tokens, overlapping=True).list.unique())
        hits = hits.filter([_read(chunk, row, pointer) for row, pointer in hits.select("row", "pointer").iter_rows()])
        ids = None if tokenizer is None else tokenizer.ids(hits["text"].to_list())
        found = [
            (row, pointer, text.find(token), text.find(token) + len(token), token, owners[token])
            for number, (row, pointer, text, role, inside) in enumerate(hits.iter_rows())
            for token in sorted(inside)
            if not _meant(chunk, row, role, token)
            and not _ends(chunk, row, pointer, text, token)
            # A longer token may have taken its place.
            and (tokenizer is None or ids is None or tokenizer.special[token] in ids[number])
        ]
        schema = {"row": pl.UInt32, "pointer": pl.String, "start": pl.UInt32, "end": pl.UInt32}
        frame = pl.DataFrame(found, schema={**schema, "token": pl.String, "owner": pl.String}, orient="row")
        kind = pl.when(pl.col("token").str.len_chars() > 1).then(pl.lit("rewrite"))
        return frame.with_columns(severity=pl.lit("warning" if tokenizer is None else "error"), fix_kind=kind)

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        """The row with every found token broken."""
        for finding in found:
            token, pointer = finding.args["token"], finding.pointer or ""
            broken = resolve(row, pointer).replace(token, f"{token[0]} {token[1:]}")
            row = replace(row, pointer, broken)
        return row


def _read(chunk: Chunk, row: int, pointer: str) -> bool:
    """Whether a template or trainer reads the text: metadata and ready-made text it does not."""
    shape = chunk.shapes[row]
    if shape is None or shape.format in ("text", "unknown"):
        return shape is not None and shape.format == "unknown"
    return parts(pointer)[0] in {*shape.fields.values(), *_BESIDE}


def _ends(chunk: Chunk, row: int, pointer: str, text: str, token: str) -> bool:
    """The end token where it belongs: an answer without a template ends with it (TOK004)."""
    tokenizer = chunk.target.tokenizer
    if tokenizer is None or token != tokenizer.eos or text.count(token) > 1 or not text.rstrip().endswith(token):
        return False
    alone = len(parts(pointer)) == 1
    return alone and any(turn.trained and turn.pointer == pointer for turn in chunk.turn_lists[row])


def _meant(chunk: Chunk, row: int, role: str | None, token: str) -> bool:
    value = chunk.values[row] or {}
    media = any(value.get(column) for column in _MEDIA)
    return (role != "user" and _MARKUP.fullmatch(token) is not None) or (
        media and _PLACEHOLDER.search(token) is not None
    )
