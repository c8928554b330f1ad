"""HDF5 that is written back as it came: changed in memory, links out of the file refused."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.tracks_io import MAX_BYTES


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5."""
    return path.is_file() and bool(h5py.is_hdf5(path))


def file_evidence(path: Path, has_mark: Callable[[h5py.File], bool]) -> Evidence:
    """What speaks for a file: its mark, or its ending alone where it is damaged or has none."""
    if not is_hdf5(path):
        return Evidence.ENDING
    try:
        with h5py.File(path, "r") as file:
            return Evidence.MARK if has_mark(file) else Evidence.ENDING
    except (OSError, RuntimeError, LookupError, ValueError, TypeError):
        return Evidence.ENDING


def groups(file: h5py.File) -> list[h5py.Group]:
    """The groups at the top of a file; links out of it are not followed."""
    links = [(name, file.get(name, getlink=True)) for name in file]
    found = [file[name] for name, link in links if isinstance(link, h5py.HardLink)]
    return [group for group in found if isinstance(group, h5py.Group)]


@contextmanager
def opened(raw: bytes) -> Iterator[h5py.File]:
    """A file's bytes as HDF5, to be read.

    Raises
    ------
    InvalidInputError : they are none, or damaged: what h5py raises within is told so too.
    """
    try:
        with h5py.File(io.BytesIO(raw), "r") as file:
            yield file
    except InvalidInputError:
        raise
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, OverflowError) as error:
        raise InvalidInputError(f"damaged: not HDF5 as expected ({str(error)[:120]})") from None


def dataset(group: h5py.Group, path: str) -> h5py.Dataset:
    """A dataset that lies in this very file, hence safe to be written to.

    Raises
    ------
    InvalidInputError : there is none, it lies in another file, or is larger than is ever read.
    """
    here: Any = group
    for part in path.strip("/").split("/"):
        link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise InvalidInputError(f"expected {path} in {group.name}, found none in this file")
        here = here[part]
    if not isinstance(here, h5py.Dataset) or here.external or here.is_virtual:
        raise InvalidInputError(f"expected data at {here.name}, stored in this file")
    if here.size is None or here.size * here.dtype.itemsize > MAX_BYTES:
        raise InvalidInputError(f"{here.name}: expected at most {MAX_BYTES:,} bytes")
    return here


def array(group: h5py.Group, path: str) -> NDArray[Any]:
    """The values of a dataset; see `dataset`."""
    return np.asarray(dataset(group, path)[()])


def text(value: Any) -> str:
    """Text of an attribute or element, however it was stored."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def rewritten(raw: bytes, arrays: dict[str, NDArray[Any]]) -> bytes:
    """The file's bytes with other values in the datasets named by their paths.

    Of a table only the fields that differ are written: a text field that passes through h5py loses
    its last byte where it fills its room without a terminating zero, as pandas writes it.
    """
    buffer = io.BytesIO(raw)
    with h5py.File(buffer, "r+") as file:
        for path, values in arrays.items():
            target = dataset(file, path)
            if target.dtype.names is None:
                target[...] = values
                continue
            stored = target[()]
            for name in target.dtype.names:
                if stored[name].tobytes() != values[name].tobytes():
                    target[name] = values[name]
    return buffer.getvalue()
