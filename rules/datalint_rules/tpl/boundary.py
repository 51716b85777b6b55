"""Whether a prompt keeps its tokens when the answer follows, told from the text around the boundary."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from datalint.tokens import Tokenizer
from datalint_rules.tpl.prompts import Prompt

# What may stand behind a word so that the word ends there for good, whatever follows.
_AFTER = " \n，。、！？：；"
# How far back a window's start is looked for first: most are right before the place.
_NEAR = 32


@dataclass(frozen=True)
class Cuts:
    """Where a text can be cut without changing the tokens on either side; None: nowhere for certain.

    Added tokens split a text first (`tokens` finds them). Beyond them a word may end a window where no token
    goes on behind it: either the pre-tokenizer splits there, or the vocabulary has no such token. A window may
    begin with a word, with its space or without: as the tokenizer has it at the start of a text.
    """

    tokens: re.Pattern[str]
    ending: re.Pattern[str] | None
    beginning: re.Pattern[str] | None

    def before(self, text: str, at: int) -> int:
        """The last place up to `at` where a window can start."""
        for first in (max(0, at - _NEAR), max(0, at - 8 * _NEAR), 0):
            patterns = [self.tokens] if self.beginning is None else [self.tokens, self.beginning]
            starts = [found.start() for pattern in patterns for found in pattern.finditer(text, first, at)]
            if starts:
                return max(starts)
        return 0

    def behind(self, text: str, at: int) -> int:
        """The first place behind `at` where a window can end."""
        ending = self.ending.search(text, at + 1) if self.ending else None
        token = self.tokens.search(text, at, ending.start() if ending else len(text))
        return token.end() if token else ending.start() if ending else len(text)


def cuts_of(tokenizer: Tokenizer) -> Cuts:
    """The places that a tokenizer allows, found by asking it."""
    special = sorted(tokenizer.special, key=len, reverse=True)
    tokens = re.compile("|".join(map(re.escape, special)) or r"(?!)")
    after = [] if any(re.search(r"[^\W\d_]\s", token) for token in special) else list(_after(tokenizer))
    whole, first, spaced, bare = tokenizer.ids(["Lorem ipsum dolor", "Lorem ipsum", " dolor", "dolor"])
    beginning = None
    if " " in after and whole == first + spaced:
        beginning = re.compile(r"(?<=[^\W\d_])(?= [^\W\d_])")
    elif " " in after and whole == first + bare:  # it puts the space there itself
        beginning = re.compile(r"(?<=[^\W\d_] )(?=[^\W\d_])")
    ending = re.compile(rf"(?<=[^\W\d_])(?=[{''.join(after)}])") if after else None
    return Cuts(tokens, ending, beginning)


def _after(tokenizer: Tokenizer) -> Iterator[str]:
    split = tokenizer.backend.pre_tokenizer
    if split is None:
        inner = re.compile("[^▁]▁")
        words = tokenizer.ids(["Lorem ipsum dolor", "Lorem ipsum"])
        marked = words[0][: len(words[1])] == words[1]
        vocabulary = tokenizer.backend.get_vocab(with_added_tokens=False)
        if marked and not any(" " in token or inner.search(token) for token in vocabulary):
            yield " "
        return
    for character in _AFTER:
        pieces = [split.pre_tokenize_str(f"{word}{character}{word}") for word in ("ab", "文字")]
        if all(any(end == 2 for _, (_, end) in piece) for piece in pieces):
            yield character


def kept(tokenizer: Tokenizer, prompts: Sequence[Prompt]) -> list[bool]:
    """For each prompt: whether the ids of the full text begin with its ids.

    Only windows around the place where both texts part are tokenized. Where that is doubtful, both are as a
    whole: once for each pair of windows.
    """
    cuts = cuts_of(tokenizer)
    pairs = [_windows(cuts, prompt) for prompt in prompts]
    known = {pair: number for number, pair in reversed(list(enumerate(pairs)))}
    fine = dict(zip(known, _begin(tokenizer, list(known)), strict=True))
    doubtful = [pair for pair in known if not fine[pair]]
    whole = [(prompt.text[: prompt.at] + prompt.tail, prompt.text) for prompt in (prompts[known[p]] for p in doubtful)]
    fine.update(zip(doubtful, _begin(tokenizer, whole), strict=True))
    return [fine[pair] for pair in pairs]


def _windows(cuts: Cuts, prompt: Prompt) -> tuple[str, str]:
    text, parted, end = prompt.text, prompt.parted, prompt.at + len(prompt.tail)
    start = cuts.before(text, parted)
    return text[start:parted] + prompt.tail[parted - prompt.at :], text[start : cuts.behind(text, end)]


def _begin(tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]) -> list[bool]:
    prompts = tokenizer.ids([prompt for prompt, _ in pairs])
    return [
        whole[: len(prompt)] == prompt
        for prompt, whole in zip(prompts, tokenizer.ids([text for _, text in pairs]), strict=True)
    ]
