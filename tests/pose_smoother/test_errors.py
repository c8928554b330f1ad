"""The errors of the library: how callers catch them, and that no reader rewrites their text."""

import io
import pickle

import numpy as np
import pytest

from pose_smoother.errors import (
    EXIT_TRY_AGAIN,
    DamagedShardError,
    Interrupted,
    InvalidInputError,
    PoseSmootherError,
    StoreError,
    unknown_name,
)
from pose_smoother.poses.formats.hdf5_utils import opened
from pose_smoother.poses.formats.json_utils import load


def test_invalid_input_is_a_value_error_and_one_of_ours() -> None:
    error = unknown_name("format", "xyz", ["hdf5", "zarr"])
    assert isinstance(error, ValueError)
    assert isinstance(error, PoseSmootherError)
    assert "known: hdf5, zarr" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # workers send it
    assert issubclass(DamagedShardError, StoreError)
    assert not issubclass(StoreError, ValueError)


def test_an_interruption_is_no_failure() -> None:
    assert not issubclass(Interrupted, PoseSmootherError)
    assert Interrupted("stopped").exit_code == EXIT_TRY_AGAIN == 75
    assert Interrupted("stopped", 130).exit_code == 130


def test_a_reader_s_own_text_is_not_rewritten() -> None:
    with pytest.raises(InvalidInputError, match=r"^an object has the key 'a' twice$"):
        load(b'{"a": 1, "a": 2}')
    h5py = pytest.importorskip("h5py")
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(InvalidInputError, match=r"^no tracks$"), opened(buffer.getvalue()):
        raise InvalidInputError("no tracks")


@pytest.mark.parametrize("kind", [StoreError, InvalidInputError, DamagedShardError])
def test_what_an_error_quotes_stays_on_its_line(kind: type[PoseSmootherError]) -> None:
    error = kind("a.zarr has no readable array (Got '\x1b[31m\nwrote b.csv')")
    assert str(error) == r"a.zarr has no readable array (Got '\x1b[31m\nwrote b.csv')"
    assert str(kind(str(error))) == str(error)
