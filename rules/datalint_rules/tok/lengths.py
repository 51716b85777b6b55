"""Texts of more tokens than the trainer takes."""

from collections.abc import Sequence

import numpy as np

from datalint.tokens import Tokenizer


def too_long(tokenizer: Tokenizer, texts: Sequence[tuple[str, bool]], limit: int) -> list[int]:
    """Numbers of the (text, plain) of more than `limit` tokens; to plain texts the tokenizer adds its own tokens."""
    found: list[int] = []
    for plain in (True, False):
        places = [place for place, (_, alone) in enumerate(texts) if alone == plain]
        over = tokenizer.over([texts[place][0] for place in places], limit, added=plain)
        found += [places[number] for number in np.flatnonzero(over).tolist()]
    return sorted(found)
