"""Faulty input is told with its line, and nothing else is lost: faults 1 to 16 of the reliability goals."""

from functools import partial

from benchmarks.faults import containers, flips, generated, records
from benchmarks.faults.common import Passes


def test_malformed_line(passes: Passes) -> None:
    passes(records.malformed)


def test_bad_utf_8_also_in_unused_fields(passes: Passes) -> None:
    passes(records.undecodable)


def test_duplicate_key_also_beside_an_escaped_colon(passes: Passes) -> None:
    passes(records.doubled)


def test_nan_and_infinity(passes: Passes) -> None:
    passes(records.not_finite)


def test_lone_surrogate(passes: Passes) -> None:
    passes(records.lone_surrogates)


def test_integers_beyond_64_bits_are_kept_exactly(passes: Passes) -> None:
    passes(records.exact_integers)


def test_numbers_too_large(passes: Passes) -> None:
    passes(records.too_large)


def test_byte_order_mark_line_ends_and_blank_lines(passes: Passes) -> None:
    passes(records.line_ends)


def test_nesting_100_000_levels_deep(passes: Passes) -> None:
    passes(records.deep)


def test_lines_that_only_parse_when_joined(passes: Passes) -> None:
    passes(records.joined_lines)


def test_two_objects_on_one_line(passes: Passes) -> None:
    passes(records.two_on_a_line)


def test_a_line_of_more_than_64_mib(passes: Passes) -> None:
    passes(records.long_lines)


def test_csv_ragged_rows_and_quotes(passes: Passes) -> None:
    passes(containers.tables)


def test_parquet_that_is_cut_none_or_a_pointer(passes: Passes) -> None:
    passes(containers.damaged_parquet)


def test_parquet_dictionary_bomb(passes: Passes) -> None:
    passes(containers.dictionary_bomb)


def test_parquet_of_ours_with_every_byte_flipped(passes: Passes) -> None:
    passes(partial(flips.parquet, how="flipped"))


def test_parquet_of_ours_cut_at_every_byte(passes: Passes) -> None:
    passes(partial(flips.parquet, how="cut"))


def test_gzip_with_every_byte_flipped(passes: Passes) -> None:
    passes(partial(flips.packed, how="flipped", name="train.jsonl.gz"))


def test_gzip_cut_at_every_byte(passes: Passes) -> None:
    passes(partial(flips.packed, how="cut", name="train.jsonl.gz"))


def test_zstd_with_every_byte_flipped(passes: Passes) -> None:
    passes(partial(flips.packed, how="flipped", name="train.jsonl.zst"))


def test_zstd_cut_at_every_byte(passes: Passes) -> None:
    passes(partial(flips.packed, how="cut", name="train.jsonl.zst"))


def test_cut_compressed_file_gives_the_rows_so_far(passes: Passes) -> None:
    passes(containers.cut_compressed)


def test_several_gzip_members_and_zstd_frames(passes: Passes) -> None:
    passes(containers.several_members)


def test_wrong_ending(passes: Passes) -> None:
    passes(containers.wrong_ending)


def test_2_000_files_that_hypothesis_makes(passes: Passes) -> None:
    passes(generated.files)
