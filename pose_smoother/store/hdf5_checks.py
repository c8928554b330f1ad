"""Checks of an HDF5 store's file, which precede every read: its layout, and its chunks' hashes.

A file may be damaged or forged: a dataset can link to other files, or claim any size.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import h5py
import numpy as np

from pose_smoother.files.atomic import hash_mismatch
from pose_smoother.files.hdf5_damage import check_heaps, check_numbers, checked_attribute
from pose_smoother.store.damage_errors import raise_if_unreadable
from pose_smoother.store.names import CLIP_COLUMNS, FRAME_ARRAYS, WINDOW_SPEC, ArraySpec

#: What h5py raises on damaged files.
ERRORS = (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError)
_HEAD_BYTES = 1 << 20
_MAX_CLIPS_BYTES = 1 << 30  # one column of the clips table: 16 million ids of 64 letters
#: Zstd, as registered with the HDF Group, then the checksum.
_FILTERS = (32015, h5py.h5z.FILTER_FLETCHER32)


class ForgedDatasetError(Exception):
    """A dataset that this program never writes: it may link to other files, or claim any size."""


def checked_attributes(file: h5py.File) -> dict[str, Any]:
    """The root attributes, whose texts are at the head of a file that this program wrote.

    Raises
    ------
    ValueError : a heap there, or an attribute's type, is damaged.
    """
    with Path(file.filename).open("rb") as raw:
        check_heaps(raw.read(_HEAD_BYTES), file.id.get_create_plist().get_sizes()[1])
    return {name: checked_attribute(file, name) for name in file.attrs}


def checked_dataset(file: h5py.File, path: str) -> h5py.Dataset:
    """A dataset that is stored in the file itself and has the layout of the contract."""
    for parent in (*(str(p) for p in list(PurePosixPath(path).parents)[-2::-1]), path):
        if not isinstance(file.get(parent, getlink=True), h5py.HardLink):
            raise ForgedDatasetError(f"{parent} is missing, or a link")
    dataset = file[path]
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise ForgedDatasetError("its data is stored in another file")
    check_numbers(dataset.id.get_type())
    codes = _filter_codes(dataset)
    if any(code not in _FILTERS for code in codes):
        raise ForgedDatasetError(f"filters {codes}")
    name = path.split("/")[1]
    if path.startswith("clips/"):
        is_text = CLIP_COLUMNS[name] == "text"
        expected: Any = (np.dtype("u1" if is_text else CLIP_COLUMNS[name]), 1 + is_text)
        if (dataset.dtype, dataset.ndim) != expected or dataset.nbytes > _MAX_CLIPS_BYTES:
            raise ForgedDatasetError(
                f"dtype {dataset.dtype}, {dataset.ndim} dimensions, {dataset.nbytes} bytes"
            )
        return dataset
    spec = spec_of(path)
    found = (dataset.dtype, dataset.shape[1:], dataset.chunks)
    expected = (np.dtype(spec.dtype), spec.frame_shape, (spec.chunk_frames, *spec.frame_shape))
    if found != expected:
        raise ForgedDatasetError(f"expected {expected}, found {found}")
    return dataset


def _filter_codes(dataset: h5py.Dataset) -> list[int]:
    filters = dataset.id.get_create_plist()
    return [filters.get_filter(i)[0] for i in range(filters.get_nfilters())]


def is_plainly_packed(dataset: h5py.Dataset) -> bool:
    """Whether chunks are zstd, then fletcher32: these are decompressed without HDF5's pipeline."""
    return tuple(_filter_codes(dataset)) == _FILTERS


def chunk_offsets(dataset: h5py.Dataset, start: int, stop: int, rows: int) -> list[tuple[int, ...]]:
    """The offsets of the chunks of some rows."""
    return [(row, *(0,) * (dataset.ndim - 1)) for row in range(start, stop, rows)]


def hash_chunks(chunks: Iterable[tuple[int, bytes]]) -> tuple[str, int]:
    """SHA-256 and total size of a shard's chunks.

    Parameters
    ----------
    chunks : for each chunk the mask of the filters that were skipped (0: none), and its bytes.
    """
    digest, size = hashlib.sha256(), 0
    for mask, payload in chunks:
        digest.update(mask.to_bytes(4, "little") + payload)
        size += len(payload)
    return digest.hexdigest(), size


def shard_problem(
    dataset: h5py.Dataset,
    manifest: dict[str, Any],
    name: str,
    index: int,
    chunk_rows: int,
    shard_rows: int,
) -> str:
    """The problem of a shard's stored chunks; "" if there is none."""
    entry = manifest["shards"].get(name)
    if entry is None:
        return "it is not in the manifest"
    start, stop = index * shard_rows, min((index + 1) * shard_rows, dataset.shape[0])
    try:
        offsets = chunk_offsets(dataset, start, stop, chunk_rows)
        found, _ = hash_chunks(map(dataset.id.read_direct_chunk, offsets))
    except ERRORS as error:
        raise_if_unreadable(error, dataset.file.filename)
        return str(error)
    return "" if found == entry["sha256"] else hash_mismatch(entry["sha256"], found)


def spec_of(path: str) -> ArraySpec:
    return FRAME_ARRAYS.get(path.split("/")[1], WINDOW_SPEC)
