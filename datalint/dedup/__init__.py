"""Duplicates: normalisation that makes texts comparable, and the search for near duplicates.

The steps are plain functions, in the order in which they run: `text.normalise`, `tokens.tokenise`,
`tokens.strip_boilerplate`, `tokens.shingle`, `lsh.minhash`, `lsh.band`, `lsh.candidates`, `compare.verify`,
`cluster.cluster`; `near.near_duplicates` calls them. Needs numpy and polars only.
"""

from datalint.dedup.near import NearDuplicates, near_duplicates, near_matches
from datalint.dedup.text import normalise

__all__ = ["NearDuplicates", "near_duplicates", "near_matches", "normalise"]
