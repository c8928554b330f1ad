"""Writing an HDF5 store: each shard is a small file, and all are joined at the end.

A killed writer leaves an HDF5 file that can't be opened. So shards are separate files in the work
folder until ``finish`` joins them chunk by chunk.
"""

import io
import json
import os
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
from numpy.typing import NDArray

from pose_smoother.files.atomic import (
    fsync_folder,
    make_folder,
    sha256_bytes,
    sha256_file,
    to_json,
    write_atomic,
)
from pose_smoother.files.disk_errors import check_room
from pose_smoother.files.hdf5_file import new_file, open_file
from pose_smoother.store.chunks import fletcher32, packed_chunks
from pose_smoother.store.hdf5_checks import chunk_offsets, hash_chunks
from pose_smoother.store.layout import PlannedArray, Rows, ShardWritten, shard_name

DATA = "data.h5"
ZSTD_LEVEL = 3
_ROOM_BYTES = 4 << 20  # what the joined file may need in addition to its parts


def create(
    folder: Path, work: Path, arrays: dict[str, PlannedArray], attrs: dict[str, Any]
) -> None:
    """Save the attributes for ``finish``; parts are written next to them."""
    del arrays
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(work / "parts" / "attrs.json", to_json(attrs))


def create_dataset(file: h5py.File, path: str, array: PlannedArray) -> h5py.Dataset:
    """Create a dataset with the layout of the store, without rows."""
    spec = array.spec
    return file.create_dataset(
        path,
        shape=array.shape,
        maxshape=(None, *spec.frame_shape),  # allows a last chunk that is longer than the array
        dtype=spec.dtype,
        chunks=(spec.chunk_frames, *spec.frame_shape),
        fletcher32=True,
        **hdf5plugin.Zstd(clevel=ZSTD_LEVEL),
    )


def _part(work: Path, array: PlannedArray, index: int) -> Path:
    return work / "parts" / array.path / f"{index:05d}.h5"


def write_shard(
    folder: Path, work: Path, array: PlannedArray, index: int, data: Rows
) -> ShardWritten:
    """Write one shard as a part file, atomically; its entry has the hash of the stored chunks."""
    del folder
    buffer, digest, size = part_of(array, data)
    name, part = shard_name(array.path, index), _part(work, array, index)
    write_atomic(part, buffer.getvalue(), flush=False)
    entries = {name: {"sha256": digest, "bytes": size}}
    file = part.relative_to(work).as_posix()
    return ShardWritten(name, file, sha256_bytes(buffer.getvalue()), entries)


def part_of(array: PlannedArray, data: Rows) -> tuple[io.BytesIO, str, int]:
    """An HDF5 file with some rows of an array; SHA-256 and size of its chunks.

    Chunks are packed here. HDF5's own pipeline copies each into newly allocated memory three times:
    four times the processor time, for chunks of 5 MB that become 3 kB.
    """
    spec, n_rows = array.spec, len(data)
    chunks = list(packed_chunks(data, spec.dtype, spec.chunk_frames, ZSTD_LEVEL, fletcher32))
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="latest") as file:
        dataset = create_dataset(file, "rows", PlannedArray("rows", spec, n_rows))
        offsets = chunk_offsets(dataset, 0, n_rows, spec.chunk_frames)
        for offset, chunk in zip(offsets, chunks, strict=True):
            dataset.id.write_direct_chunk(offset, chunk)
    return buffer, *hash_chunks((0, chunk) for chunk in chunks)


def finish(
    folder: Path, work: Path, arrays: dict[str, PlannedArray], clips: dict[str, NDArray[Any]]
) -> dict[str, dict[str, Any]]:
    """Join all parts into ``data.h5``; return its manifest entry."""
    attrs = json.loads((work / "parts" / "attrs.json").read_bytes())
    make_folder(folder)  # a power cut may have deleted it, but not the parts
    partial = folder / f".{DATA}.tmp"
    partial.unlink(missing_ok=True)
    needed = sum(part.stat().st_size for part in (work / "parts").rglob("*.h5")) + _ROOM_BYTES
    check_room(folder, needed)
    with new_file(partial, needed) as file:
        for name, value in attrs.items():
            file.attrs[name] = value if isinstance(value, int) else json.dumps(value)
        for array in arrays.values():
            _join_parts(work, file, array)
        for name, column in clips.items():
            file.create_dataset(f"clips/{name}", data=column, fletcher32=len(column) > 0)
        file.flush()
    with partial.open("rb+") as handle:
        os.fsync(handle.fileno())
    partial.replace(folder / DATA)
    fsync_folder(folder)
    return {DATA: {"sha256": sha256_file(folder / DATA), "bytes": (folder / DATA).stat().st_size}}


def _join_parts(work: Path, file: h5py.File, array: PlannedArray) -> None:
    dataset = create_dataset(file, array.path, array)
    rows = array.spec.chunk_frames
    for index in range(array.n_shards):
        start, stop = array.shard_rows(index)
        with open_file(_part(work, array, index)) as part:
            source = part["rows"]
            for offset in chunk_offsets(source, 0, stop - start, rows):
                mask, payload = source.id.read_direct_chunk(offset)
                target = (start + offset[0], *offset[1:])
                dataset.id.write_direct_chunk(target, payload, mask)
