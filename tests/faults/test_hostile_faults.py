"""What somebody else made to do harm: faults 30 and 31 of the reliability goals."""

from benchmarks.faults import hostile
from benchmarks.faults.common import Passes


def test_paths_in_a_manifest(passes: Passes) -> None:
    passes(hostile.manifest_paths)


def test_pickles_are_not_opened(passes: Passes) -> None:
    passes(hostile.pickles)
