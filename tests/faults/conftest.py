"""The classes of `benchmarks/faults` at the size of a test: each must end as designed, every time."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.faults.common import Bench, NotPossibleError, Passes, Trials, launched


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Where the faults happen: in forks of a process of its own."""
    with launched(tmp_path_factory.mktemp("launcher")) as launcher:
        yield Bench(launcher)


@pytest.fixture
def passes(bench: Bench) -> Passes:
    """Run a class of faults, and fail with what was not as designed."""

    def run(trials: Trials) -> None:
        try:
            done = list(trials(bench))
        except NotPossibleError as missing:
            pytest.skip(str(missing))
        assert done
        assert [trial.problem for trial in done if trial.problem] == []

    return run
