"""While a file is parsed no garbage is collected; afterwards it is as before."""

import gc

import pytest

from pose_smoother.poses.formats.garbage import collection_paused


@pytest.fixture(autouse=True)
def _enabled():
    yield
    gc.enable()


@collection_paused()
def fail() -> None:
    assert not gc.isenabled()
    raise ValueError("damaged")


def test_collection_goes_on_after_a_failure() -> None:
    with pytest.raises(ValueError, match="damaged"):
        fail()
    assert gc.isenabled()


def test_collection_that_was_off_stays_off() -> None:
    gc.disable()
    with collection_paused():
        assert not gc.isenabled()
    assert not gc.isenabled()
