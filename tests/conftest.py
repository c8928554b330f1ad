"""Shared by all tests: where the real annotations are, and small Penn-like files."""

import gc
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.faults.nursery import Nursery

ROOT = Path(__file__).parent.parent

# Beside other work OpenBLAS's threads wait for each other by spinning: with two on two busy cores
# the linear estimator took 59 s instead of 2 s; torch's took half of the models' tests. Set before
# NumPy and torch are loaded; child processes inherit it.
for _library in ("OPENBLAS", "OMP"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

# A shell without job control (a script, CI) starts `make test &` with SIGINT ignored, and child
# processes inherit this: a command that a test interrupts would go on to its end. So children get
# the default actions, whatever started the tests.
_DEFAULTS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
for _number, _action in _DEFAULTS.items():
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _action)


# Hypothesis's limit of 200 ms an example is a timing: a busy machine exceeds it.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


def pytest_collection_finish() -> None:
    """The collector passes over what importing made: it took a tenth of the tests' time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def levels_as_before() -> Iterator[None]:
    """A command that a test runs in this process sets levels: `-q` would hide others' warnings."""
    loggers = [logging.getLogger(name) for name in (None, "pose_smoother", "pipeline", "trainer")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="session")
def nursery() -> Iterator["Nursery"]:
    """The helper of `warm_workers.py`, one for each process of the tests."""
    from tests.faults.nursery import Nursery
    from tests.warm_workers import MODULES

    made = Nursery.importing(*MODULES)
    yield made
    made.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real annotations; the test is skipped where it is absent."""
    folder = Path(os.environ.get("POSE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real annotations are not at {folder} (set POSE_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session")
def penn_labels(shared_data: Path) -> Path:
    """Penn Action's real labels folder."""
    folder = shared_data / "penn_action" / "labels"
    if not folder.is_dir():
        pytest.skip(f"Penn Action's labels are not at {folder}")
    return folder
