"""What somebody else made to do harm: faults 26 to 31 of the reliability goals."""

from benchmarks.faults import bombs, hostile
from benchmarks.faults.common import Passes


def test_templates_that_take_for_ever(passes: Passes) -> None:
    passes(bombs.template_bombs)


def test_patterns_that_take_for_ever(passes: Passes) -> None:
    passes(bombs.patterns)


def test_texts_for_which_expressions_take_long(passes: Passes) -> None:
    passes(bombs.long_texts)


def test_gzip_and_zstd_bombs(passes: Passes) -> None:
    passes(bombs.packed_bombs)


def test_a_report_never_takes_the_place_of_data(passes: Passes) -> None:
    passes(hostile.report_over_input)


def test_paths_in_a_manifest(passes: Passes) -> None:
    passes(hostile.manifest_paths)


def test_pickles_are_not_opened(passes: Passes) -> None:
    passes(hostile.pickles)
