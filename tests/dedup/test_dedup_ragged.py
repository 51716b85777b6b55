import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datalint.dedup import ragged
from datalint.dedup.ragged import Ragged, among, distinct, jaccard, row_sets, spans

VALUES = st.sampled_from([0, 1, 2, 3, 2**31, 2**32 - 2, 2**32 - 1])
ROWS = st.lists(st.lists(VALUES, max_size=12), min_size=1, max_size=12)


def of(rows):
    return Ragged.of(
        np.array([value for row in rows for value in row], np.uint32), np.array([len(row) for row in rows])
    )


def lists(rows):
    return [rows.values[a:b].tolist() for a, b in zip(rows.offsets, rows.offsets[1:], strict=False)]


@given(ROWS)
def test_row_sets_are_sorted_and_distinct(rows):
    assert lists(row_sets(of(rows))) == [sorted(set(row)) for row in rows]


@given(ROWS, st.data())
def test_jaccard_is_that_of_python_sets(rows, data):
    index = st.integers(0, len(rows) - 1)
    pairs = data.draw(st.lists(st.tuples(index, index), max_size=20))
    left, right = np.array(pairs, np.int64).reshape(-1, 2).T
    expected = [
        len(set(rows[a]) & set(rows[b])) / len(set(rows[a]) | set(rows[b])) if rows[a] or rows[b] else 1.0
        for a, b in pairs
    ]
    assert jaccard(row_sets(of(rows)), left, right).tolist() == expected


@given(ROWS, st.lists(st.integers(0, 11), max_size=20))
def test_take_gives_the_rows_asked_for(rows, wanted):
    wanted = [row % len(rows) for row in wanted]
    assert lists(of(rows).take(np.array(wanted, np.int64))) == [rows[row] for row in wanted]


def test_chunks_do_not_show(monkeypatch):
    rng = np.random.default_rng(1)
    rows = Ragged.of(rng.integers(0, 50, 3000).astype(np.uint32), rng.multinomial(3000, [1 / 90] * 90))
    left, right = rng.integers(0, 90, (2, 200))
    whole = row_sets(rows)
    monkeypatch.setattr(ragged, "CHUNK", 64)
    assert lists(row_sets(rows)) == lists(whole)
    once = jaccard(whole, left, right)
    assert lists(rows.take(left)) == [lists(rows)[row] for row in left]
    monkeypatch.undo()
    assert np.array_equal(jaccard(whole, left, right), once)


def test_one_long_row_does_not_blow_up_the_matrix_of_its_neighbours():
    import tracemalloc

    lengths = np.concatenate((np.full(3000, 20), [60_000]))
    rows = Ragged.of(np.arange(lengths.sum(), dtype=np.uint32), lengths)
    tracemalloc.start()
    sets = row_sets(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sets.lengths.tolist() == lengths.tolist()
    assert peak < 16 * rows.values.nbytes


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20), st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_distinct_and_among_are_set_operations(one, other):
    one, other = np.array(one, np.uint64), np.array(other, np.uint64)
    assert distinct(one).tolist() == sorted(set(one.tolist()))
    both = np.concatenate((one, other))
    assert among(both, distinct(one)).tolist() == [value in set(one.tolist()) for value in both.tolist()]


def test_spans_cover_everything_once():
    sizes = np.array([1, 5, 100, 1, 1, 0, 0, 3])
    assert [i for a, b in spans(sizes, 6) for i in range(a, b)] == list(range(8))
    assert list(spans(np.zeros(0, np.int64), 6)) == []
