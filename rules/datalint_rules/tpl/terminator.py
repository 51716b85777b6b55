"""TPL006."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, Totals, none
from datalint.target import Target
from datalint.tokens.probe import Probe, probe_of
from datalint_rules.tok.folder import WORDS, configured, one_token, stop_ids
from datalint_rules.tpl.whole import has_answers, said, told

_PLAIN = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>\n{% endfor %}"
_MARKED = (
    "{%% for m in messages %%}<{{ m.role }}>{%% if m.role == 'assistant' %%}{%% generation %%}{{ m.content }}"
    "%s{%% else %%}{{ m.content }}<end>{%% endif %%}\n{%% endfor %%}"
)
_ROWS = [{"messages": [{"role": "user", "content": "Name a lake."}, {"role": "assistant", "content": "Baikal."}]}]


def _sample(source: str, rows: list[dict[str, Any]] = _ROWS, **files: Any) -> Sample:
    named = {f"model/{name}.json": msgspec.json.encode(content) for name, content in files.items()}
    all_files = {"train.jsonl": rows, "model/chat_template.jinja": source, **named}
    return Sample(all_files, {"tokenizer": "model"})


@dataclass(frozen=True)
class Terminator(Rule):
    """The template ends answers in a way that training does not teach, or at which generation does not stop.

    ## What it does
    Renders a short conversation and looks at what stands right behind the last answer. Reports, once a dataset: a
    control token that is not `eos_token` (unless the folder's generation_config.json stops at it), nothing at all,
    generation markers that leave the turn's end out, and an end that the tokenizer writes as several tokens.

    ## Why is this bad?
    A model that never saw its end token in the loss, or that is stopped by another one than it learned, writes on
    until the limit.

    ## Example
    Phi-3: turns end with `<|end|>`, `eos_token` is `<|endoftext|>`.

    ## Fix safety
    No fix: set the trainer's and the generation's end token, or mend the template.

    ## Options
    None.

    ## References
    TRL's check that the stop token is trained, axolotl's checks of end-of-turn tokens.
    """

    code, name = "TPL006", "terminator"
    severity = "warning"
    message = "{what}"
    needs = ("template",)
    within = "dataset"
    bad = [
        _sample(_PLAIN, tokenizer_config={"eos_token": "<eos>"}),
        _sample(_PLAIN.replace("<end>", "")),
        _sample(_MARKED % "{% endgeneration %}<end>", tokenizer_config={"eos_token": "<end>"}),
        _sample(_PLAIN.replace("<end>", "<|a b|>").replace("a b", "end-of-turn"), tokenizer=WORDS),
    ]
    good = [
        _sample(_PLAIN, tokenizer_config={"eos_token": "<end>"}),
        _sample(_PLAIN.replace("<end>", " {{ eos_token }}"), tokenizer_config={"eos_token": {"content": "</s>"}}),
        _sample(_PLAIN.replace("<end>", "<stop><end>"), tokenizer_config={"eos_token": "<end>"}),
        _sample(_MARKED % "<end>{% endgeneration %}", tokenizer_config={"eos_token": "<end>"}),
        _sample(
            _PLAIN,
            tokenizer_config={"eos_token": "<eos>", "added_tokens_decoder": {"7": {"content": "<end>"}}},
            generation_config={"eos_token_id": [3, 7]},
        ),
        _sample(_PLAIN, [{"prompt": "a", "completion": "b"}], tokenizer_config={"eos_token": "<eos>"}),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """The template's faults."""
        template = chunk.target.template
        probe = probe_of(template) if template is not None and has_answers(chunk) else None
        return none() if probe is None else said(("warning", what) for what in _faults(probe, chunk.target))

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        """Each fault once."""
        return told(frame)


def _faults(probe: Probe, target: Target) -> Iterator[str]:
    template, tokenizer, folder = target.template, target.tokenizer, target.tokenizer_dir
    eos = template.special_tokens.get("eos_token") if template is not None else None
    config = configured(folder)
    end = probe.turn_end
    if not probe.run:
        yield "the template writes nothing behind the last answer, so the model does not learn to stop"
    elif eos and eos not in probe.run:
        known = None if tokenizer is None else tokenizer.id_of(end)
        if config.get(end or "", known) not in stop_ids(folder):
            shown = end or probe.run[:40]
            yield f"the template ends an answer with {shown}, and eos_token is {eos}: generation looks for another end"
    if False in probe.marked:
        yield f"the generation markers leave out what ends an answer ({probe.run[:40]}), so the loss never sees it"
    if end is not None and tokenizer is not None and not one_token(tokenizer, end):
        count = len(tokenizer.ids([end])[0])
        yield f"{end}, which ends an answer, is no token of the tokenizer but {count} pieces of text"
