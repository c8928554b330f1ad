"""HDF5 files: what h5py itself would write, and every refusal told by its number."""

import errno
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from pose_smoother.files.atomic import WriteError
from pose_smoother.files.hdf5_file import new_file


def fill(file: h5py.File) -> None:
    """Some chunks, a column and an attribute, as a store has them."""
    file.attrs["name"] = "value"
    rows = file.create_dataset("a/b", shape=(64, 1000), chunks=(8, 1000), dtype="f4")
    for start in range(0, 64, 8):
        rows.id.write_direct_chunk((start, 0), np.full((8, 1000), start, "f4").tobytes())
    file.create_dataset("clips/n", data=np.arange(100), fletcher32=True)


def test_it_holds_what_h5py_writes_by_itself_in_no_more_bytes(tmp_path: Path) -> None:
    ours, again, theirs = (tmp_path / name for name in ("ours.h5", "again.h5", "theirs.h5"))
    for path in (ours, again):
        with new_file(path, 0) as file:
            fill(file)
    with h5py.File(theirs, "w", libver="latest") as file:
        fill(file)
    assert ours.read_bytes() == again.read_bytes()
    assert ours.stat().st_size <= theirs.stat().st_size
    with h5py.File(ours) as one, h5py.File(theirs) as other:
        assert dict(one.attrs) == dict(other.attrs)
        for name in ("a/b", "clips/n"):
            np.testing.assert_array_equal(one[name][()], other[name][()])


def test_a_file_that_was_there_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"x" * 10_000_000)
    with new_file(tmp_path / "a.h5", 0) as file:
        fill(file)
    assert (tmp_path / "a.h5").stat().st_size < 1_000_000
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["a/b"][9, 0] == 8


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("lasts", [False, True])
def test_a_refused_write_is_reported_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, lasts: bool
) -> None:
    n_writes = len(_writes(tmp_path / "whole", monkeypatch))
    assert n_writes > 10  # the superblock, eight chunks, a column, their headers
    for at in range(n_writes):
        calls = _refusing(monkeypatch, number, at, lasts)
        with pytest.raises(WriteError) as told, new_file(tmp_path / "a", 7) as file:
            fill(file)
        assert (told.value.errno, told.value.n_bytes) == (number, 7)
        assert told.value.filename == str(tmp_path / "a")
        assert len(calls) == at + 1  # nothing is written after it


def test_a_write_that_takes_a_part_goes_on_with_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_file(tmp_path / "whole.h5", 0) as file:
        fill(file)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:100]))
    with new_file(tmp_path / "parts.h5", 0) as file:
        fill(file)
    assert (tmp_path / "parts.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def _writes(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of an undisturbed file's writes."""
    calls = _refusing(monkeypatch, 0, -1, False)
    with new_file(path, 0) as file:
        fill(file)
    return calls


def _refusing(monkeypatch: pytest.MonkeyPatch, number: int, at: int, lasts: bool) -> list[int]:
    """Let the write ``at`` fail (and those after it); gives the sizes of all, as they come."""
    calls: list[int] = []

    def write(fd: int, data: memoryview) -> int:
        calls.append(len(data))
        if len(calls) - 1 == at or (lasts and len(calls) > at >= 0):
            raise OSError(number, os.strerror(number))
        return os.pwrite(fd, data, os.lseek(fd, len(data), os.SEEK_CUR) - len(data))

    monkeypatch.setattr(os, "write", write)
    return calls


def test_an_error_of_the_body_stays_what_it_was(tmp_path: Path) -> None:
    with pytest.raises(KeyError), new_file(tmp_path / "a.h5", 0) as file:
        file["absent"]


def test_a_place_that_cannot_be_opened_is_the_systems_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), new_file(tmp_path / "no" / "a.h5", 0):
        pass
