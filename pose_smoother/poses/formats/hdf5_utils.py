"""HDF5 that is written back as it came: changed in memory, links out of the file refused."""

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.hdf5_damage import check_heaps, check_numbers, checked_attribute
from pose_smoother.files.hdf5_file import open_file
from pose_smoother.files.plain import UNPACKED_RATIO, Budget
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.tracks_io import MAX_BYTES

#: HDF5 takes memory for a whole chunk, however few of its values are there.
MAX_CHUNK_BYTES = 256 << 20

#: A dataset may declare so much that nobody wrote.
UNWRITTEN_BYTES = 1 << 20

#: What the file that is open may still unpack to.
_budget: ContextVar[Budget] = ContextVar("_budget")
_raw: ContextVar[bytes] = ContextVar("_raw")


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5."""
    return path.is_file() and bool(h5py.is_hdf5(path))


def file_evidence(path: Path, has_mark: Callable[[h5py.File], bool]) -> Evidence:
    """The evidence for a file: its mark, or its ending alone where it is damaged or has none."""
    if not is_hdf5(path):
        return Evidence.ENDING
    try:
        with open_file(path) as file:
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
    InvalidInputError : they are none, or damaged: what h5py raises within is reported so too; or
        the arrays read within are larger than such a file should hold.
    """
    before, raw_before = _budget.set(Budget(len(raw), MAX_BYTES)), _raw.set(raw)
    try:
        with h5py.File(io.BytesIO(raw), "r") as file:
            check_heaps(raw, file.id.get_create_plist().get_sizes()[1])
            yield file
    except InvalidInputError:
        raise
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, OverflowError) as error:
        raise InvalidInputError(f"damaged: not HDF5 as expected ({str(error)[:120]})") from None
    finally:
        _budget.reset(before)
        _raw.reset(raw_before)


def dataset(group: h5py.Group, path: str) -> h5py.Dataset:
    """A dataset that is stored in this very file, hence safe to be written to.

    Raises
    ------
    InvalidInputError : there is none, it is stored in another file, or is larger than is ever read.
    ValueError : its type is damaged.
    """
    here: Any = group
    for part in path.strip("/").split("/"):
        link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise InvalidInputError(f"expected {path} in {group.name}, found none in this file")
        here = here[part]
    if not isinstance(here, h5py.Dataset) or here.external or here.is_virtual:
        raise InvalidInputError(f"expected data at {here.name}, stored in this file")
    check_numbers(here.id.get_type())
    if here.size is None or here.size * here.dtype.itemsize > MAX_BYTES:
        raise InvalidInputError(f"{here.name}: expected at most {MAX_BYTES:,} bytes")
    return here


def array(group: h5py.Group, path: str) -> NDArray[Any]:
    """The values of a dataset; see `dataset`.

    Raises
    ------
    InvalidInputError : as `dataset`; or what was read of the file so far is too much.
    """
    found = dataset(group, path)
    budget, name, n = _budget.get(), str(found.name), int(found.size or 0)
    fields = max(1, len(found.dtype.names or ()))
    budget.spend(n * max(found.dtype.itemsize, 8 * fields), name)  # numbers become float64
    declared, stored = n * found.dtype.itemsize, found.id.get_storage_size()
    if declared > max(UNWRITTEN_BYTES, UNPACKED_RATIO * stored):
        raise InvalidInputError(
            f"{name}: expected {declared:,} bytes as declared, found {stored:,} written"
        )
    if found.chunks and math.prod(found.chunks) * found.dtype.itemsize > MAX_CHUNK_BYTES:
        raise InvalidInputError(f"{name}: expected chunks of at most {MAX_CHUNK_BYTES:,} bytes")
    if not found.dtype.hasobject or found.ndim == 0:
        return np.asarray(found[()])
    # Text of any length, which many elements may share: each becomes a copy. HDF5 takes memory for
    # the lengths that it finds, before it looks whether they can be.
    if (stated := _stated_lengths(found)) > budget.left_bytes:
        raise InvalidInputError(f"{name}: damaged: its texts' lengths add up to {stated:,} bytes")
    parts, at_once = [], max(1, budget.left_bytes // max(1, budget.packed_bytes))
    for start in range(0, len(found), at_once):
        part = np.asarray(found[start : start + at_once])
        budget.spend(sum(map(len, filter(_has_length, part.ravel().tolist()))), name)
        parts.append(part)
    return np.concatenate(parts) if parts else np.asarray(found[()])


def attribute(holder: h5py.Group | h5py.Dataset, name: str, default: Any = None) -> Any:
    """The value of an attribute, as h5py has it; ``default`` where there is none.

    Raises
    ------
    ValueError : its type is damaged.
    """
    return checked_attribute(holder, name) if name in holder.attrs else default


def _stated_lengths(found: h5py.Dataset) -> int:
    """The sum of the lengths that texts of a dataset state; 0 where they are compressed."""
    if found.chunks is None:
        places = [(found.id.get_offset(), found.id.get_storage_size())]
    elif found.id.get_create_plist().get_nfilters():
        return 0
    else:
        chunks = map(found.id.get_chunk_info, range(found.id.get_num_chunks()))
        places = [(chunk.byte_offset, chunk.size) for chunk in chunks]
    raw = _raw.get()
    size = 8 + found.file.id.get_create_plist().get_sizes()[0]  # length, address, index
    stored = b"".join(raw[at : at + n - n % size] for at, n in places if at is not None)
    lengths = np.frombuffer(stored, np.uint8).reshape(-1, size)[:, :4].copy().view("<u4")
    return int(lengths.sum(dtype=np.int64))


def _has_length(value: Any) -> bool:
    return hasattr(value, "__len__")


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
