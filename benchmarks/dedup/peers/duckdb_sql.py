"""duckdb: MinHash of word sets in SQL, 21 bands of 6, each pair that shares a band with the first row of its bucket
verified: nothing that duckdb documents, but what one would write with it.
"""

import random
import sys

import duckdb
from rows import cpu, report

BANDS, ROWS = 21, 6


def search(path: str) -> list[int]:
    rng = random.Random(1)
    factors = [(rng.getrandbits(30) * 2 + 1, rng.getrandbits(31)) for _ in range(BANDS * ROWS)]
    minima = ", ".join(f"min((h * {a} + {b}) & 4294967295) AS m{i}" for i, (a, b) in enumerate(factors))
    bands = ", ".join(
        f"hash({band}, " + ", ".join(f"m{band * ROWS + row}" for row in range(ROWS)) + ")" for band in range(BANDS)
    )
    database = duckdb.connect()
    database.execute(
        f"""
        CREATE TABLE sets AS SELECT id, list_distinct(regexp_extract_all(lower(nfc_normalize(text)), '[\\w]+')) AS words
            FROM read_json('{path}', format = 'newline_delimited', columns = {{id: 'BIGINT', text: 'VARCHAR'}});
        CREATE TABLE hashes AS SELECT id, hash(unnest(words)) & 4294967295 AS h FROM sets;
        CREATE TABLE keys AS SELECT id, unnest([{bands}]) AS key FROM (SELECT id, {minima} FROM hashes GROUP BY id);
        CREATE TABLE pairs AS SELECT DISTINCT first AS a, id AS b
            FROM (SELECT id, min(id) OVER (PARTITION BY key) AS first FROM keys) WHERE first < id;
        """
    )
    found = database.execute(
        """
        SELECT DISTINCT b FROM (
            SELECT b, len(list_intersect(x.words, y.words)) AS shared, len(x.words) + len(y.words) AS total
            FROM pairs JOIN sets x ON x.id = a JOIN sets y ON y.id = b
        ) WHERE shared >= 0.8 * (total - shared)
        """
    ).fetchall()
    return [row for (row,) in found]


if __name__ == "__main__":
    start = cpu()
    dropped = search(sys.argv[1])
    report(dropped, cpu() - start)
