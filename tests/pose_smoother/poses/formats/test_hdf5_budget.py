"""What arrays of an HDF5 file may take in memory: counted before they are read."""

import io
from collections.abc import Callable

import h5py
import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.plain import Budget
from pose_smoother.poses.formats import hdf5_utils
from pose_smoother.poses.formats.hdf5_utils import array, opened


def spent(fill: Callable[[h5py.File], object], limit: int = 1 << 20) -> int:
    """Bytes that reading "a" of a file takes off the budget."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    with opened(buffer.getvalue()) as file:
        budget = Budget(1 << 20, limit)
        token = hdf5_utils._budget.set(budget)
        array(file, "a")
        hdf5_utils._budget.reset(token)
    return limit - budget.left_bytes


def test_numbers_take_what_they_are_converted_to() -> None:
    assert spent(lambda f: f.create_dataset("a", data=np.zeros((5, 3), np.float32))) == 15 * 8
    assert spent(lambda f: f.create_dataset("a", data=np.zeros(5, "S20"))) == 5 * 20
    table = np.zeros(7, [("x", np.uint8), ("y", np.uint8), ("z", np.uint8)])
    assert spent(lambda f: f.create_dataset("a", data=table)) == 7 * 3 * 8
    with pytest.raises(InvalidInputError, match="at most 119 bytes"):
        spent(lambda f: f.create_dataset("a", data=np.zeros(15)), 119)


def test_texts_of_any_length_take_their_length_too() -> None:
    texts = ["x" * n for n in (3, 40, 500)]
    for chunks in (None, (2,)):
        wanted = 3 * h5py.string_dtype().itemsize + 543
        found = spent(
            lambda f, c=chunks: f.create_dataset(
                "a", data=texts, dtype=h5py.string_dtype(), chunks=c
            )
        )
        assert found == wanted
    with pytest.raises(InvalidInputError, match="lengths add up to 543 bytes"):
        spent(lambda f: f.create_dataset("a", data=texts, dtype=h5py.string_dtype()), 500)


def test_declared_sizes_must_have_been_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_utils, "UNWRITTEN_BYTES", 799)

    def packed(n: int) -> Callable[[h5py.File], object]:
        rows = np.random.default_rng(0).integers(0, 256, n).astype(np.uint8)
        return lambda f: f.create_dataset("a", data=rows, chunks=(n,), compression="gzip")

    spent(lambda f: f.create_dataset("a", shape=(799,), dtype="u1", chunks=(799,)))
    with pytest.raises(InvalidInputError, match="expected 800 bytes as declared, found 0 written"):
        spent(lambda f: f.create_dataset("a", shape=(800,), dtype="u1", chunks=(800,)))
    spent(packed(5000))  # more bytes than that, and written


def test_chunks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_utils, "MAX_CHUNK_BYTES", 8 * 6)
    spent(lambda f: f.create_dataset("a", data=np.zeros((9, 9)), chunks=(2, 3)))
    with pytest.raises(InvalidInputError, match="chunks of at most 48 bytes"):
        spent(lambda f: f.create_dataset("a", data=np.zeros((9, 9)), chunks=(1, 7)))
