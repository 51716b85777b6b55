"""The trainer's tests need the extra `[train]`; without it they are not collected."""

from importlib.util import find_spec

import pytest

collect_ignore_glob = [] if find_spec("torch") and find_spec("sklearn") else ["test_*.py"]


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tiny products on a shared machine: more threads only wait for each other."""
    import torch

    torch.set_num_threads(1)
