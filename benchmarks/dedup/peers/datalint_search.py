"""datalint: `near_duplicates` on the texts of a JSONL file, with its default engine or with the compiled kernels."""

import sys

import polars as pl
from rows import cpu, report

from datalint.dedup import near_duplicates

if __name__ == "__main__":
    texts, compiled = pl.read_ndjson(sys.argv[1])["text"], sys.argv[2] == "compiled"
    # Kernels are imported when first used; imports are no part of the search.
    near_duplicates(texts.head(100), compiled=compiled)
    start = cpu()
    found = near_duplicates(texts, compiled=compiled)
    report(found.dropped["row"].to_list(), cpu() - start)
