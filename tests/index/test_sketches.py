"""Our signatures are datasketch's: theirs compare with ours, and their LSH proposes what ours proposes."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from index_rows import BASE, add, mixed_rows

from datalint.dedup import normalise
from datalint.dedup.tokens import tokenise
from datalint.index import minhash_of, open_index, store, word_hash
from datalint.index.redis_index import BANDS
from datalint.index.store import Asked

ROOT = Path(__file__).resolve().parents[2]


def theirs(text):
    """What datasketch makes of a row's words."""
    from datasketch import MinHash

    sketch = MinHash(num_perm=126, hashfunc=word_hash)
    (folded,) = normalise(pl.Series([text]))
    sketch.update_batch([word.encode() for word in re.findall(r"\w+", folded)])
    return sketch


@given(st.text(st.characters(categories=["L", "N"]), max_size=12))
def test_the_hash_of_a_word_is_the_one_that_rows_are_cut_with(text) -> None:
    tokens = tokenise(pl.Series([text]))
    (folded,) = normalise(pl.Series([text]))
    words = re.findall(r"\w+", folded)
    if tokens.spaced[0]:
        assert tokens.tokens.values.tolist() == [word_hash(word) for word in words]
    assert [word_hash(word) for word in words] == [word_hash(word.encode()) for word in words]


def gsm8k(lines: list[str]) -> list[str]:
    """Questions and answers, each pair in one line: no line is then shared by many rows."""
    rows = [json.loads(line) for line in lines]
    return [f"{row['question']} {row['answer']}".replace("\n", " ") for row in rows]


def exchange(texts: list[str], where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add rows; hold every signature against datasketch's, and what is proposed for each of them."""
    from datasketch import MinHashLSH

    monkeypatch.setattr(store, "NEAREST", 1 << 20)
    add(where, texts, size=1000)
    index = open_index(where)
    assert index.store.boilerplate().size == 0
    lsh = MinHashLSH(num_perm=126, params=BANDS)
    signatures = []
    for place, signature in index.signatures():
        assert minhash_of(signature) == theirs(texts[place.row])
        lsh.insert(place.row, minhash_of(signature))
        signatures.append((place.row, signature))
    rows = np.array([row for row, _ in signatures])
    asked = Asked(np.array([s for _, s in signatures]), np.zeros(len(rows), np.int64), True, 1, BANDS[1])
    mine, ids = index.store.candidates(asked)
    proposed = {(rows[one], rows[other]) for one, other in zip(mine.tolist(), ids.tolist(), strict=True)}
    assert proposed == {(row, other) for row, signature in signatures for other in lsh.query(minhash_of(signature))}


def test_signatures_of_the_fixtures_are_datasketchs(tmp_path, monkeypatch) -> None:
    pytest.importorskip("datasketch")
    texts = gsm8k((ROOT / "fixtures/clean/gsm8k.jsonl").read_text().splitlines())
    exchange([*texts, *(text.replace("the", "a") for text in texts[:20])], tmp_path / "i.idx", monkeypatch)


@pytest.mark.shared
def test_signatures_of_real_rows_are_datasketchs(shared, tmp_path, monkeypatch) -> None:
    pytest.importorskip("datasketch")
    lines = gzip.decompress((shared / "data/reasoning/gsm8k/train.jsonl.gz").read_bytes()).decode().split("\n")
    exchange(gsm8k([line for line in lines if line][:3000]), tmp_path / "i.idx", monkeypatch)


def test_two_sketches_compare_whoever_made_them(tmp_path) -> None:
    pytest.importorskip("datasketch")
    add(tmp_path / "i.idx", [BASE])
    ((_, signature),) = open_index(tmp_path / "i.idx").signatures()
    assert minhash_of(signature).jaccard(theirs(BASE)) == 1
    assert 0.8 < minhash_of(signature).jaccard(theirs(BASE.replace("ferry", "boat"))) < 1


def test_a_check_against_a_folder_needs_no_datasketch(tmp_path) -> None:
    import subprocess
    import sys

    add(tmp_path / "i.idx", mixed_rows(1))
    code = (
        "import sys; sys.modules.update(datasketch=None, redis=None, scipy=None); import polars as pl; "
        "from datalint.index import open_index; print(open_index(sys.argv[1]).seen_before(pl.Series(['a b'])).height)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "i.idx")], capture_output=True, check=False)
    assert done.stdout == b"0\n", done.stderr
