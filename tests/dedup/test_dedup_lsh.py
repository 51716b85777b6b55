import numpy as np
import pytest

from datalint.dedup.lsh import (
    PERMUTATIONS,
    Runs,
    band_keys,
    buckets,
    candidates,
    minhash,
    pack,
    rows_per_band,
    unpack,
)
from datalint.dedup.ragged import Ragged, distinct, row_sets


def proposed(sets, rows):
    """Pairs of neighbours, up to twelve places apart, in any bucket of any band."""
    runs = [buckets(keys) for keys in band_keys(sets, rows)]
    return distinct(np.concatenate([candidates(run, distance) for run in runs for distance in range(1, 13)]))


def random_sets(jaccard_percent, count, size=90, seed=1):
    """`count` pairs of sets, rows 2i and 2i + 1, whose Jaccard similarity is about the given one."""
    rng = np.random.default_rng(seed)
    common = round(size * 2 * jaccard_percent / (100 + jaccard_percent))
    rows = []
    for _ in range(count):
        values = rng.integers(0, 2**32, 2 * size - common, dtype=np.uint32)
        rows += [values[:size], values[-size:]]
    return row_sets(Ragged.of(np.concatenate(rows), np.full(2 * count, size)))


def test_the_default_threshold_has_21_bands_of_6():
    assert rows_per_band(0.8) == 6
    assert PERMUTATIONS // 6 == 21


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0])
def test_a_pair_at_the_threshold_is_proposed(threshold):
    sets = random_sets(100 * threshold, 1000)
    pairs = proposed(sets, rows_per_band(threshold))
    left, right = unpack(pairs)
    found = np.sum((left % 2 == 0) & (right == left + 1))
    assert found >= 980


def test_unlike_sets_are_seldom_proposed():
    pairs = proposed(random_sets(20, 1000), 6)
    assert len(pairs) <= 5


def test_equal_values_of_signatures_estimate_the_similarity():
    signatures = minhash(random_sets(60, 500))
    agreement = (signatures[:, 0::2] == signatures[:, 1::2]).mean()
    assert agreement == pytest.approx(0.6, abs=0.02)


def test_signatures_are_fixed_for_ever():
    """Caches and indexes outlive a version: a change of hash or permutations must be a decision."""
    signatures = minhash(Ragged.of(np.array([7, 11, 13], np.uint32), np.array([3, 0])))
    assert signatures.shape == (126, 2)
    assert signatures[:3, 0].tolist() == [3765547567, 64234716, 724447546]
    assert set(signatures[:, 1].tolist()) == {2**32 - 1}


def test_signatures_do_not_depend_on_the_company():
    sets = random_sets(50, 2000)
    whole = minhash(sets)
    assert np.array_equal(whole[:, 1500:1510], minhash(sets.take(np.arange(1500, 1510))))


def test_a_band_of_signatures_can_be_had_alone():
    sets = random_sets(50, 20)
    assert np.array_equal(minhash(sets, slice(12, 18)), minhash(sets)[12:18])


def test_signatures_are_those_of_datasketch():
    datasketch = pytest.importorskip("datasketch")
    sets = random_sets(50, 3)
    for row, signature in enumerate(minhash(sets).T):
        theirs = datasketch.MinHash(num_perm=PERMUTATIONS, hashfunc=int)
        theirs.update_batch(sets.between(row, row + 1).values.tolist())
        assert np.array_equal(theirs.hashvalues, signature)


def test_a_giant_bucket_gives_one_pair_a_row_and_distance():
    runs = Runs(np.ones(10_000, np.uint32), np.arange(10_000, dtype=np.uint32))
    assert [len(candidates(runs, distance)) for distance in (1, 2, 12)] == [9_999, 9_998, 9_988]


def test_pairs_never_cross_a_bucket():
    runs = Runs(np.repeat(np.arange(50, dtype=np.uint32), 9), np.arange(450, dtype=np.uint32))
    parts = [candidates(runs, distance) for distance in range(1, 13)]
    assert sum(map(len, parts)) == 50 * 36
    left, right = unpack(np.concatenate(parts))
    assert np.array_equal(left // 9, right // 9)


def test_rows_alone_in_a_bucket_are_left_out():
    runs = buckets(np.array([5, 9, 5, 7, 9, 5], np.uint64))
    assert sorted(runs.row.tolist()) == [0, 1, 2, 4, 5]
    assert [runs.row[runs.run == run].tolist() for run in (1, 2)] in ([[0, 2, 5], [1, 4]], [[1, 4], [0, 2, 5]])


def test_pairs_pack_into_one_word():
    packed = pack(np.array([5, 1]), np.array([2, 4_000_000_000]))
    left, right = unpack(packed)
    assert left.tolist() == [2, 1]
    assert right.tolist() == [5, 4_000_000_000]
