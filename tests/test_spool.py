"""Frames that wait, in memory or on disk, come back as they were."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalint.errors import InputError, UsageError
from datalint.spool import PARTITIONS, Scratch, Spool, half_of_memory, parse_size

ROWS = st.lists(st.tuples(st.one_of(st.none(), st.binary(max_size=3)), st.integers(-9, 9), st.text(max_size=5)))
FRAMES = st.lists(st.tuples(ROWS, st.booleans()), max_size=6)
SCHEMA = {"key": pl.Binary, "number": pl.Int64, "text": pl.String}


@given(FRAMES)
def test_frames_come_back_in_their_order(frames):
    with Scratch() as scratch:
        spool, whole = Spool(scratch), []
        for rows, spill in frames:
            spool.append(pl.DataFrame(rows, schema=SCHEMA, orient="row"))
            whole += rows
            if spill:
                spool.spill()
        assert [row for frame in spool.frames() for row in frame.rows()] == whole
        assert [row for frame in spool.frames("text", "key") for row in frame.rows()] == [(t, k) for k, _, t in whole]


@given(FRAMES)
def test_equal_keys_meet_and_rows_without_a_key_are_left_out(frames):
    with Scratch() as scratch:
        spool, whole = Spool(scratch, key=("key",)), []
        for rows, spill in frames:
            spool.append(pl.DataFrame(rows, schema=SCHEMA, orient="row"))
            whole += [row for row in rows if row[0] is not None]
            if spill:
                spool.spill()
        parts = [frame for frame in spool.partitions() if frame.height]
        assert sorted(row for frame in parts for row in frame.rows()) == sorted(whole)
        assert sum(frame["key"].n_unique() for frame in parts) == len({row[0] for row in whole})
        for frame in parts:  # rows of one key keep their order
            for key in frame["key"].unique():
                assert frame.filter(pl.col("key") == key).rows() == [row for row in whole if row[0] == key]


def test_columns_that_some_frames_lack_are_null_there():
    with Scratch() as scratch:
        spool = Spool(scratch, key=("key",))
        spool.append(pl.DataFrame({"key": ["a"], "more": [1.5]}))
        spool.spill()
        spool.append(pl.DataFrame({"key": ["a"]}))
        parts = [frame for frame in spool.partitions() if frame.height]
        assert len(parts) == 1
        assert parts[0]["more"].to_list() == [1.5, None]
        assert len(list(spool.partitions())) == PARTITIONS


def test_the_folder_goes_away_and_is_made_only_when_needed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Scratch() as scratch:
        spool = Spool(scratch)
        spool.append(pl.DataFrame({"a": [1]}))
        assert list(tmp_path.iterdir()) == []
        spool.spill()
        assert spool.held == 0
        assert len(list(tmp_path.glob("datalint-*/*"))) == 1
    assert list(tmp_path.iterdir()) == []


def test_rows_lost_on_disk_are_an_error(monkeypatch):
    with Scratch() as scratch:
        spool = Spool(scratch)
        spool.append(pl.DataFrame({"a": [1, 2]}))
        spool.spill()
        object.__setattr__(spool._files[0], "counts", [3])
        with pytest.raises(InputError, match="2 rows came back of 3"):
            list(spool.frames())


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4 * 10**9), ("4 GiB", 4 << 30), ("512m", 512 * 10**6), ("1.5k", 1500), ("2000", 2000), ("1TiB", 1 << 40)],
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert parse_size(text, origin="--memory-limit") == size


@pytest.mark.parametrize("text", ["", "four", "4 GBs", "-1", "4ib", "1e9"])
def test_other_sizes_are_usage_errors(text):
    with pytest.raises(UsageError, match="--memory-limit"):
        parse_size(text, origin="--memory-limit")


def test_half_of_the_memory_is_the_default():
    assert 1 << 26 < half_of_memory() < 1 << 50


def test_rows_that_meet_are_in_one_piece():
    """`pl.format` of polars panics where a filter has emptied some of several pieces."""
    with Scratch() as scratch:
        spool = Spool(scratch)
        for text in ("a", "b", "c"):
            spool.append(pl.DataFrame({"text": [text]}))
        (whole,) = spool.partitions()
    kept = whole.filter(pl.col("text") != "b")
    assert kept.select(pl.format("<{}|{}>", "text", "text")).to_series().to_list() == ["<a|a>", "<c|c>"]
