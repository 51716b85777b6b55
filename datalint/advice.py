"""Trainer arguments that fit the data: what the token budget, the template and the tokenizer say about them."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from datalint.budget import BATCH, Budget
from datalint.target import Target

_TALKS = frozenset({"chat", "sharegpt", "preference", "unpaired", "prompt-only"})
# Tokens that vocabularies have to spare, best first.
_SPARE = (re.compile(r"pad", re.IGNORECASE), re.compile(r"unused|reserved|extra_id|dummy|filler", re.IGNORECASE))
_STEP = 64  # lengths that hardware likes
_PADDED = 0.25  # share of a batch from which on packing pays


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as the trainer calls it, its value in Python's notation, and the reason."""

    name: str
    value: str
    why: str


def advice(target: Target, budget: Budget, formats: Collection[str]) -> list[Argument]:
    """What the profile's trainer should be told, in its own names; nothing for services that set these themselves."""
    names = target.trainer.arguments
    return [Argument(names[key], value, why) for key, value, why in _fitting(target, budget, formats) if key in names]


def _fitting(target: Target, budget: Budget, formats: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Our name of the argument, value, reason."""
    yield ("max-length", *_length(budget))
    template, tokenizer = target.template, target.tokenizer
    talks = template is not None and not _TALKS.isdisjoint(formats)
    if template is not None and talks and (target.loss or target.trainer.loss or "assistant") == "assistant":
        if template.has_generation_tags():
            yield "assistant-loss", "True", "the template marks what the assistant says"
        else:
            yield "assistant-loss", "True", "needs {% generation %} markers, which the template lacks (TPL005)"
    elif "prompt-completion" in formats and (target.loss or "completion") == "completion":
        yield "completion-loss", "True", "prompts are read, not learnt"
    end = None
    if template is not None and talks:
        from datalint.tokens.probe import probe_of

        probe = probe_of(template)
        end = None if probe is None else probe.turn_end
        if end is not None:
            yield "eos-token", repr(end), "what the template writes after an answer"
    if tokenizer is not None and tokenizer.pad in (None, tokenizer.eos, end):
        spare = _spare([token for token in tokenizer.special if token not in (tokenizer.eos, end)])
        if spare is not None:
            yield "pad-token", repr(spare), "a token that ends nothing (TOK005)"
    batches = budget.tokens - budget.cut + budget.padding
    if batches and budget.padding / batches > _PADDED:
        share = budget.padding / batches
        yield "packing", "True", f"{share:.0%} of batches of {BATCH} rows would be padding"


def _length(budget: Budget) -> tuple[str, str]:
    *_, most, longest = budget.lengths
    about = "" if budget.exact else "about "
    if longest <= 2 * most:
        return str(_rounded(longest)), f"the longest text has {about}{longest:,} tokens"
    return str(_rounded(most)), f"99 % of the texts have at most {about}{most:,} tokens, the longest {about}{longest:,}"


def _rounded(length: int) -> int:
    return -(-length // _STEP) * _STEP


def _spare(tokens: Collection[str]) -> str | None:
    return next((token for pattern in _SPARE for token in tokens if pattern.search(token)), None)
