"""Chunks as bytes: what the formats' own libraries make, made by other code, and damage seen."""

import io

import h5py
import hdf5plugin
import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from pose_smoother import heatmap
from pose_smoother.store.chunks import (
    crc32c,
    fletcher32,
    index_bytes,
    pack,
    pack_shard,
    read_rows,
    shard_index,
    unpack,
)
from pose_smoother.store.layout import PlannedArray
from pose_smoother.store.names import ArraySpec
from pose_smoother.store.zarr_writer import create_array

SPEC = ArraySpec("<f4", (3, 56, 56), 4, 16)


def maps(n_frames: int) -> np.ndarray:
    random = np.random.default_rng(n_frames)
    return heatmap.render(
        random.integers(0, 56, (n_frames, 3, 2)), random.random((n_frames, 3)) < 0.8
    )


@pytest.mark.parametrize("n_frames", [16, 13, 9, 1])
def test_a_shard_is_byte_for_byte_what_zarr_writes(n_frames: int) -> None:
    data = maps(n_frames)
    memory: dict = {}
    array = create_array(zarr.create_group(MemoryStore(memory)), PlannedArray("m", SPEC, n_frames))
    array[...] = data
    assert pack_shard(data, "<f4", 4, 4, 3) == memory["m/c/0/0/0/0"].to_bytes()


@pytest.mark.parametrize("checksum", [crc32c, fletcher32])
def test_rows_come_back_from_any_range(checksum) -> None:
    data = maps(16)
    stored = [pack(data[i : i + 4], 3, checksum) for i in range(0, 16, 4)]
    for start, stop in [(0, 16), (3, 9), (5, 7), (4, 8), (7, 7)]:
        read = read_rows(
            start, stop, 4, (3, 56, 56), "<f4", lambda c, out: unpack(stored[c], checksum, out)
        )
        np.testing.assert_array_equal(read, data[start:stop])


def test_hdf5_unpacks_what_is_packed_here_and_the_other_way_round() -> None:
    data = maps(8)
    with h5py.File(io.BytesIO(), "w") as file:
        rows = file.create_dataset(
            "rows", data.shape, "<f4", chunks=(4, 3, 56, 56), fletcher32=True, **hdf5plugin.Zstd(3)
        )
        rows[:4] = data[:4]
        rows.id.write_direct_chunk((4, 0, 0, 0), pack(data[4:], 3, fletcher32))
        np.testing.assert_array_equal(rows[...], data)
        out = np.empty_like(data[:4])
        unpack(rows.id.read_direct_chunk((0, 0, 0, 0))[1], fletcher32, out)
        np.testing.assert_array_equal(out, data[:4])


@pytest.mark.parametrize("checksum", [crc32c, fletcher32])
def test_every_flipped_byte_of_a_chunk_is_seen(checksum) -> None:
    data = maps(4)
    stored = pack(data, 3, checksum)
    for at in range(0, len(stored), max(1, len(stored) // 200)):
        flipped = bytearray(stored)
        flipped[at] ^= 0x10
        with pytest.raises(ValueError, match="checksum"):
            unpack(bytes(flipped), checksum, np.empty_like(data))


def test_a_chunk_of_another_size_is_refused() -> None:
    """A forged one with a sound checksum can't write past its room, nor leave a part unwritten."""
    for other in (maps(3), maps(5)):
        with pytest.raises(ValueError, match="bytes, expected"):
            unpack(pack(other, 3, crc32c), crc32c, np.empty_like(maps(4)))


def test_a_shard_s_index_is_checked() -> None:
    index = pack_shard(maps(9), "<f4", 4, 4, 3)[-index_bytes(4) :]
    found = shard_index(index)
    assert found[0].tolist() == [0, int(found[1, 0])]
    assert found[3].tolist() == [2**64 - 1] * 2  # behind the array's end
    with pytest.raises(ValueError, match="index"):
        shard_index(bytes([index[0] ^ 1]) + index[1:])


@pytest.mark.parametrize("n_bytes", [1, 5, 17, 300, 70_000])
def test_a_chunk_of_any_size_is_unpacked(n_bytes: int) -> None:
    rows = np.arange(n_bytes, dtype=np.uint8)
    out = np.zeros_like(rows)
    unpack(pack(rows, 3, crc32c), crc32c, out)
    np.testing.assert_array_equal(out, rows)


@pytest.mark.parametrize("n_kept", range(8))
def test_a_chunk_without_a_complete_header_is_refused(n_kept: int) -> None:
    cut = pack(np.zeros(70_000, np.uint8), 3, crc32c)[:n_kept]
    with pytest.raises(ValueError, match="expected 70000"):
        unpack(cut + crc32c(cut), crc32c, np.empty(70_000, np.uint8))
