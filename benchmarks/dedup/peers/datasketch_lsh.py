"""datasketch: MinHash of word sets, LSH at .8; a row that meets an earlier one is dropped.

documented  MinHash.update word by word and MinHashLSH(threshold=0.8, num_perm=128), the first page of its manual
bulk        MinHash.generator, 126 permutations in 21 bands of 6: the fast way in, with the recall of datalint
xxhash      bulk with xxhash in place of SHA-1
verified    xxhash, and the exact Jaccard with the rows that the index proposes, until one is near
"""

import sys
from collections.abc import Iterator

import xxhash
from datasketch import MinHash, MinHashLSH
from rows import cpu, report, texts, words


def documented(sets: list[set[str]]) -> Iterator[MinHash]:
    for one in sets:
        signature = MinHash(num_perm=128)
        for word in one:
            signature.update(word.encode())
        yield signature


def bulk(sets: list[set[str]], **options: object) -> Iterator[MinHash]:
    return MinHash.generator(([word.encode() for word in one] for one in sets), num_perm=126, **options)


def jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0


def search(rows: list[str], mode: str) -> list[int]:
    sets = [words(row) for row in rows]
    if mode == "documented":
        lsh, signatures = MinHashLSH(threshold=0.8, num_perm=128), documented(sets)
    else:
        options = {} if mode == "bulk" else {"hashfunc": xxhash.xxh32_intdigest}
        lsh, signatures = MinHashLSH(num_perm=126, params=(21, 6)), bulk(sets, **options)
    dropped = []
    for row, signature in enumerate(signatures):
        proposed = lsh.query(signature)
        if any(mode != "verified" or jaccard(sets[row], sets[other]) >= 0.8 for other in proposed):
            dropped.append(row)
        # Rows that go stay in the index too: it then finds what the groups of datalint find.
        lsh.insert(row, signature, check_duplication=False)
    return dropped


if __name__ == "__main__":
    rows = texts(sys.argv[1])
    start = cpu()
    dropped = search(rows, sys.argv[2])
    report(dropped, cpu() - start)
