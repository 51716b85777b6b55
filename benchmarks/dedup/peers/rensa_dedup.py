"""rensa, as its manual shows it: word sets, 128 permutations, threshold .8.

deduplicator  R-MinHash with LSH; candidates are compared by their signatures.
rho           its fast bulk path, which samples words; flags every row of a group, also the one that should stay.
"""

import sys

from rensa import RMinHash, RMinHashDeduplicator, RMinHashLSH
from rows import cpu, report, texts, words


def search(rows: list[str], mode: str) -> list[int]:
    if mode == "deduplicator":
        index = RMinHashDeduplicator(threshold=0.8, num_perm=128, use_lsh=True)
        keep = index.add_pairs((str(row), list(words(text))) for row, text in enumerate(rows))
        return [row for row, kept in enumerate(keep) if not kept]
    # Sorted: the path samples by position, so the order of a Python set would make each run another one.
    matrix = RMinHash.digest_matrix_from_token_sets_rho([sorted(words(text)) for text in rows], num_perm=128, seed=42)
    flags = RMinHashLSH(threshold=0.8, num_perm=128, num_bands=8).query_duplicate_flags_matrix_one_shot(matrix)
    return [row for row, flag in enumerate(flags) if flag]


if __name__ == "__main__":
    rows = texts(sys.argv[1])
    start = cpu()
    dropped = search(rows, sys.argv[2])
    report(dropped, cpu() - start)
