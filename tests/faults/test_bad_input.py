"""Files that other projects collected because readers fail on them."""

import pytest

from benchmarks.faults import badinput
from benchmarks.faults.common import Passes

pytestmark = pytest.mark.shared


def test_bad_input_of_other_projects_in_4_gb(passes: Passes) -> None:
    passes(badinput.survived)


def test_json_test_suite(passes: Passes) -> None:
    passes(badinput.strict_json)


def test_csv_spectrum(passes: Passes) -> None:
    passes(badinput.csv_spectrum)


def test_naughty_strings(passes: Passes) -> None:
    passes(badinput.naughty_strings)


def test_kuhns_utf_8_test(passes: Passes) -> None:
    passes(badinput.utf_8_test)


def test_other_character_sets(passes: Passes) -> None:
    passes(badinput.charsets)
