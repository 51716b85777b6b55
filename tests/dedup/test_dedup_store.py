"""Sequences and band keys are the same in memory and on disk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalint.dedup import store
from datalint.dedup.ragged import Ragged
from datalint.dedup.store import Array, Keys, Sequences
from datalint.errors import InputError
from datalint.spool import Scratch

ROWS = st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=6), max_size=12)
LIMITS = st.sampled_from([0, 40, 1 << 20])


def ragged(rows):
    flat = np.array([value for row in rows for value in row], np.uint32)
    return Ragged.of(flat, np.array([len(row) for row in rows], np.int64))


@given(st.lists(ROWS, max_size=5), LIMITS, st.data())
def test_any_rows_can_be_taken(parts, limit, data):
    rows = [row for part in parts for row in part]
    wanted = sorted(data.draw(st.sets(st.integers(0, max(0, len(rows) - 1)), max_size=len(rows)))) if rows else []
    with Scratch() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_GAP", 2)
        patch.setattr(store, "_SPAN", 8)
        patch.setattr(store, "_CALL", 8)
        sequences = Sequences(scratch, limit)
        for part in parts:
            sequences.append(ragged(part))
        taken = sequences.take(np.array(wanted, np.int64))
        whole = sequences.whole()
    assert [taken.values[a:b].tolist() for a, b in zip(taken.offsets, taken.offsets[1:], strict=False)] == [
        rows[i] for i in wanted
    ]
    assert whole.values.tolist() == [value for row in rows for value in row]


@given(st.lists(st.integers(0, 5), max_size=6), LIMITS)
def test_keys_come_back_a_band_at_a_time(counts, limit):
    rng = np.random.default_rng(1)
    parts = [rng.integers(0, 2**64, (3, count), np.uint64) for count in counts]
    with Scratch() as scratch:
        keys = Keys(scratch, limit)
        for part in parts:
            keys.append(part)
        for band in range(3 if parts else 0):
            assert np.array_equal(keys.of(band), np.concatenate(parts, axis=1)[band])


def test_values_lost_on_disk_are_an_error():
    with Scratch() as scratch:
        array = Array(np.uint32, scratch, 0)
        array.append(np.arange(10, dtype=np.uint32))
        assert array.spilled
        array._file.truncate(20)
        with pytest.raises(InputError, match="5 values came back of 10"):
            array.whole()
