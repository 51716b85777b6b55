"""Duplicates: normalisation that makes texts comparable, and the search for near duplicates.

The steps are plain functions, in the order in which they run: `text.normalise`, `tokens.tokenise`, `survey.survey`,
`survey.strip_boilerplate`, `shingles.shingle`, `lsh.minhash`, `lsh.band_keys`, `lsh.buckets`, `lsh.candidates`,
`compare.similar`, `cluster.cluster`; `near.near_duplicates` calls them. Needs numpy and polars only.
"""

from datalint.dedup.near import (
    Definition,
    NearDuplicates,
    duplicates_in,
    matches_in,
    near_duplicates,
    near_matches,
    packed,
)
from datalint.dedup.packed import places, pointed
from datalint.dedup.text import normalise

__all__ = [
    "Definition",
    "NearDuplicates",
    "duplicates_in",
    "matches_in",
    "near_duplicates",
    "near_matches",
    "normalise",
    "packed",
    "places",
    "pointed",
]
