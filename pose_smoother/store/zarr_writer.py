"""Writing a Zarr store: each shard is a file, and all metadata is written at the end."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.files.atomic import sha256_bytes, write_atomic
from pose_smoother.store.chunks import pack_shard
from pose_smoother.store.layout import PlannedArray, Rows, ShardWritten, shard_name
from pose_smoother.store.names import ArraySpec

if TYPE_CHECKING:
    import zarr

ZSTD_LEVEL = 3
_ATTRS = "attrs.json"


def create(
    folder: Path, work: Path, arrays: dict[str, PlannedArray], attrs: dict[str, Any]
) -> None:
    """Save the attributes for ``finish``, which writes all metadata at once."""
    del arrays
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(work / _ATTRS, json.dumps(attrs).encode())  # in this order


def create_array(root: "zarr.Group", array: PlannedArray) -> Any:
    """Create an array with the layout of the store, without rows."""
    from zarr.codecs import BytesCodec, Crc32cCodec, ZstdCodec

    spec = array.spec
    sharded = spec.chunk_frames < spec.shard_frames
    return root.create_array(
        array.path,
        shape=array.shape,
        dtype=np.dtype(spec.dtype),
        chunks=(spec.chunk_frames, *spec.frame_shape),
        shards=(spec.shard_frames, *spec.frame_shape) if sharded else None,
        serializer=BytesCodec() if np.dtype(spec.dtype).itemsize > 1 else "auto",
        compressors=[ZstdCodec(level=ZSTD_LEVEL), Crc32cCodec()],
        fill_value=0,
        config={"write_empty_chunks": True},
    )


def write_shard(
    folder: Path, work: Path, array: PlannedArray, index: int, data: Rows
) -> ShardWritten:
    """Encode one shard in memory, then write its file atomically."""
    del work
    name = shard_name(array.path, index)
    key = f"{array.path}/c/{index}" + "/0" * len(array.spec.frame_shape)
    payload = _encoded(array, index, key, data)
    write_atomic(folder / key, payload, flush=False)
    digest = sha256_bytes(payload)
    entry = {"sha256": digest, "bytes": len(payload), "shard": name}
    return ShardWritten(name, key, digest, {key: entry})


def _encoded(array: PlannedArray, index: int, key: str, data: Rows) -> bytes:
    """The bytes of a shard's file, equal to what zarr writes; shards of many chunks faster."""
    spec = array.spec
    if spec.chunk_frames < spec.shard_frames:
        n_chunks = spec.shard_frames // spec.chunk_frames
        return pack_shard(data, spec.dtype, spec.chunk_frames, n_chunks, ZSTD_LEVEL)
    import zarr
    from zarr.storage import MemoryStore

    memory: dict[str, Any] = {}
    start, stop = array.shard_rows(index)
    create_array(zarr.create_group(MemoryStore(memory)), array)[start:stop] = data[:]
    encoded: bytes = memory[key].to_bytes()
    return encoded


def finish(
    folder: Path, work: Path, arrays: dict[str, PlannedArray], clips: dict[str, NDArray[Any]]
) -> dict[str, dict[str, Any]]:
    """Write the metadata and the clips table; return the manifest entries of these files.

    They are made in memory: zarr never flushes, so files that it wrote could be incomplete.
    """
    import zarr
    from zarr.storage import MemoryStore

    attrs = json.loads((work / _ATTRS).read_bytes())
    memory: dict[str, Any] = {}
    root = zarr.create_group(MemoryStore(memory), attributes=attrs)
    for array in arrays.values():
        create_array(root, array)
    for name, column in clips.items():
        spec = ArraySpec(column.dtype.str, column.shape[1:], max(1, len(column)), len(column))
        create_array(root, PlannedArray(f"clips/{name}", spec, len(column)))[...] = column
    entries = {}
    for key in sorted(memory):
        payload = memory[key].to_bytes()
        write_atomic(folder / key, payload, flush=False)
        entries[key] = {"sha256": sha256_bytes(payload), "bytes": len(payload)}
    return entries
