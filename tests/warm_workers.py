"""Builds whose worker processes start at once: forked from a helper that has imported the program.

A spawned worker imports for a second of processor time, several times what it then works for. The
builds of `test_worker_pool.py` and of commands in processes of their own spawn theirs.
"""

from collections.abc import Iterator

import pytest

from tests.faults.nursery import Nursery, nursed

MODULES = ("pytest", "pipeline.build", "scipy.io", "h5py", "hdf5plugin", "zarr")


@pytest.fixture(scope="module", autouse=True)
def warm_workers(nursery: Nursery) -> Iterator[None]:
    """Applies to every module that imports this fixture."""
    with nursed(nursery):
        yield
