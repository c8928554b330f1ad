"""NumPy archives from strangers: checked before they are unpacked, and never unpickled."""

import io
import math
import struct
import tokenize
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.plain import Budget

_MAX_MEMBERS = 10_000
#: What `zipfile` and NumPy raise on broken bytes.
DAMAGED = (
    *(ValueError, EOFError, NotImplementedError, RuntimeError, SyntaxError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
)


def open_archive(raw: bytes, max_bytes: int) -> zipfile.ZipFile:
    """The archive, every member's checksum checked: what is copied later can be read.

    Parameters
    ----------
    max_bytes : what all members may take together, whatever the archive's size.

    Raises
    ------
    InvalidInputError : it is no archive, is damaged, unpacks to too much, or has two members of
        one name.
    """
    n_members = raw.count(b"PK\x01\x02")  # at most: each begins an entry of the directory
    if n_members > _MAX_MEMBERS:
        raise InvalidInputError(f"expected at most {_MAX_MEMBERS:,} arrays, found {n_members:,}")
    try:
        archive = zipfile.ZipFile(io.BytesIO(raw))
        size = sum(info.file_size for info in archive.infolist())
        Budget(len(raw), max_bytes).spend(size, "the archive")
        damaged = archive.testzip()
        if damaged is not None:
            raise InvalidInputError(f"{damaged}: damaged (its checksum is another)")
    except InvalidInputError:
        raise
    except DAMAGED as error:
        raise InvalidInputError(f"not a NumPy archive, or damaged ({error})") from None
    if len(set(archive.namelist())) < len(archive.namelist()):
        raise InvalidInputError("two arrays of the archive have one name")
    return archive


def read_array(archive: zipfile.ZipFile, name: str, budget: Budget) -> NDArray[Any] | None:
    """One array of the archive, None where it has none of the name.

    Raises
    ------
    InvalidInputError : it is damaged, no plain array, or more than is left of the budget.
    """
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        return None
    try:
        data = archive.read(info)
        shape, dtype = _header(data)
        n_values = math.prod(shape)
        if not dtype.hasobject and n_values * dtype.itemsize > len(data):
            raise ValueError(f"expected {n_values:,} values of {dtype}, found {len(data):,} bytes")
        # Numbers become float64, some of them scores; text becomes Python's own.
        budget.spend(n_values * max(dtype.itemsize, 8) + len(data), name)
        return np.asarray(np.lib.format.read_array(io.BytesIO(data), allow_pickle=False))
    except InvalidInputError:
        raise
    except DAMAGED as error:
        raise InvalidInputError(f"{name}: damaged, or not a plain array ({error})") from None


def _header(data: bytes) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and type that an array's header states."""
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    return shape, dtype
