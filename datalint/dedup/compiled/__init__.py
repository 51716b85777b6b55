"""The inner loops compiled by numba (the extra `[fast]`), with the answers of the numpy functions of the same names.

    search    sets, pairs, sorting
    tokens    from texts to words, by the kernels in `text` and the characters in `alphabet`

Compiled code is cached beside these files, or in the user's cache folder: the first large input on a machine pays some
seconds, later processes a fraction of one.
"""

from datalint.dedup.compiled.search import band_keys, bigram_jaccard, jaccard, sort, strip_boilerplate
from datalint.dedup.compiled.tokens import tokenise

__all__ = ["band_keys", "bigram_jaccard", "jaccard", "sort", "strip_boilerplate", "tokenise"]
