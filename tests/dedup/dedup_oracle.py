"""The definition of a near duplicate in plain Python: every pair compared, no hashing."""

import re
import unicodedata
from collections import Counter
from itertools import combinations, pairwise

UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


def folded(text):
    return " ".join(unicodedata.normalize("NFKC", text or "").casefold().split())


def jaccard(one, other):
    one, other = set(one), set(other)
    return len(one & other) / len(one | other) if one | other else 1.0


def representatives(texts):
    """The first row of each content."""
    first = {}
    for row, text in enumerate(texts):
        first.setdefault(folded(text), row)
    return sorted(first.values())


def bodies(texts, rows, share=0.01):
    """Normalised text of each row without the lines that max(10, share) of the rows hold."""
    lines = {row: [folded(line) for line in (texts[row] or "").split("\n")] for row in rows}
    count = Counter(line for row in rows for line in set(lines[row]))
    limit = max(10, share * len(rows))
    return {row: " ".join(line for line in lines[row] if line and count[line] < limit) for row in rows}


def similarities(one, other):
    """(words, bigrams, numbers), or (character 5-grams, None, None); None for rows that are not compared."""
    kinds = []
    for body in (one, other):
        letters = sum(c.isalnum() or c == "_" or bool(UNSPACED.match(c)) for c in body)
        unspaced = len(UNSPACED.findall(body))
        kinds.append(unspaced > 0 and 2 * unspaced >= letters)
    if kinds[0] != kinds[1]:
        return None
    if kinds[0]:
        if min(len(one), len(other)) < 40:
            return None
        grams = [{body[i : i + 5] for i in range(len(body) - 4)} for body in (one, other)]
        return jaccard(*grams), None, None
    words = [re.findall(r"\w+", body) for body in (one, other)]
    if min(map(len, words)) < 20:
        return None
    numbers = [[word for word in side if re.search(r"\d", word)] for side in words]
    return jaccard(*words), jaccard(*map(pairwise, words)), jaccard(*numbers)


def near_pairs(texts, sets=0.8, bigrams=0.5, numbers=0.8):
    """{(left, right): similarities} of all near-duplicate pairs."""
    rows = representatives(texts)
    body = bodies(texts, rows)
    found = {}
    for left, right in combinations(rows, 2):
        values = similarities(body[left], body[right])
        if values and values[0] >= sets and (values[1] is None or (values[1] >= bigrams and values[2] >= numbers)):
            found[left, right] = values
    return found
