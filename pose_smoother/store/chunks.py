"""Chunks of rows as they lie on the disk: zstd, then a checksum of the compressed bytes.

What zarr and HDF5 make of the same rows, and read alike; but a chunk is unpacked into its place in
one step. Through zarr's own pipeline, with its fresh memory and copies, reading chunks that hold
5 MB and take 3 kB costs nine times as much, through HDF5's three times (docs/performance.md).
"""

from collections.abc import Callable, Iterator
from typing import Any

import google_crc32c
import numpy as np
from numcodecs import Fletcher32, Zstd
from numpy.typing import NDArray

from pose_smoother.store.layout import Rows

CHECKSUM_BYTES = 4
_LONGEST_HEADER_BYTES = 18  # of a zstd frame; no chunk of ours is as short
_INDEX_ENTRY_BYTES = 16  # of a shard: offset and length of a chunk
_ABSENT = 2**64 - 1  # both of a chunk behind the array's end

#: The checksum of some bytes, 4 bytes to be put behind them.
Checksum = Callable[[bytes], bytes]
_FLETCHER = Fletcher32()


def crc32c(data: bytes) -> bytes:
    """As zarr puts it behind a chunk and behind a shard's index."""
    return int(google_crc32c.value(data)).to_bytes(4, "little")


def fletcher32(data: bytes) -> bytes:
    """As HDF5 puts it behind a chunk."""
    return bytes(_FLETCHER.encode(data))[-CHECKSUM_BYTES:]


def pack(rows: NDArray[Any], level: int, checksum: Checksum) -> bytes:
    """One chunk as it is stored.

    Parameters
    ----------
    rows : C-contiguous, as many as a chunk has.
    level : of zstd.
    """
    packed = bytes(Zstd(level=level).encode(rows))
    return packed + checksum(packed)


def unpack(stored: bytes, checksum: Checksum, out: NDArray[Any]) -> None:
    """One chunk's rows into ``out``, which has the size of a chunk.

    Raises
    ------
    ValueError : the checksum doesn't fit, or the rows are damaged or of another size.
    """
    packed, found = stored[:-CHECKSUM_BYTES], stored[-CHECKSUM_BYTES:]
    if checksum(packed) != found:
        raise ValueError("a chunk's checksum does not fit")
    if (size := _unpacked_bytes(packed)) != out.nbytes:
        raise ValueError(f"a chunk of {size} bytes, expected {out.nbytes}")
    try:
        Zstd().decode(packed, out=out)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _unpacked_bytes(packed: bytes) -> int:
    """What a zstd frame says that it unpacks to; -1 where it doesn't.

    The library would take a smaller one, and leave the rest of its room as it was.

    Source: RFC 8878, section 3.1.1.1.
    """
    if len(packed) < _LONGEST_HEADER_BYTES:
        return -1
    kind, is_single, dictionary = packed[4] >> 6, packed[4] >> 5 & 1, packed[4] & 3
    start = 6 - is_single + (0, 1, 2, 4)[dictionary]
    n_bytes = (is_single, 2, 4, 8)[kind]
    size = int.from_bytes(packed[start : start + n_bytes], "little")
    return size + 256 * (kind == 1) if n_bytes else -1


def read_rows(
    start: int,
    stop: int,
    chunk_rows: int,
    row_shape: tuple[int, ...],
    dtype: str,
    unpack_chunk: Callable[[int, NDArray[Any]], None],
) -> NDArray[Any]:
    """Rows ``start:stop`` of an array in chunks.

    Parameters
    ----------
    unpack_chunk : (number of the chunk, room for all its rows) -> fills the room.
    """
    out = np.empty((stop - start, *row_shape), dtype)
    for chunk in range(start // chunk_rows, -(-stop // chunk_rows)):
        first = chunk * chunk_rows
        begin, end = max(start, first), min(stop, first + chunk_rows)
        if end - begin == chunk_rows:
            unpack_chunk(chunk, out[begin - start : end - start])
        else:
            whole = np.empty((chunk_rows, *row_shape), dtype)
            unpack_chunk(chunk, whole)
            out[begin - start : end - start] = whole[begin - first : end - first]
    return out


def packed_chunks(
    rows: Rows, dtype: str, chunk_rows: int, level: int, checksum: Checksum
) -> Iterator[bytes]:
    """The chunks of some rows as they are stored; the last is filled up with zeros.

    Parameters
    ----------
    level : of zstd.
    """
    for start in range(0, len(rows), chunk_rows):
        chunk = np.ascontiguousarray(rows[start : start + chunk_rows], dtype)
        if len(chunk) < chunk_rows:
            empty = np.zeros((chunk_rows - len(chunk), *chunk.shape[1:]), dtype)
            chunk = np.concatenate([chunk, empty])
        yield pack(chunk, level, checksum)


def pack_shard(rows: Rows, dtype: str, chunk_rows: int, n_chunks: int, level: int) -> bytes:
    """A Zarr v3 shard: chunks end to end, then the index, then its crc32c.

    Parameters
    ----------
    rows : of the shard; the array's last shard may have fewer than ``chunk_rows * n_chunks``.
    level : of zstd.
    """
    chunks = list(packed_chunks(rows, dtype, chunk_rows, level, crc32c))
    index = np.full((n_chunks, 2), _ABSENT, "<u8")
    lengths = np.array([len(chunk) for chunk in chunks], np.int64)
    index[: len(chunks), 0] = np.cumsum(lengths) - lengths
    index[: len(chunks), 1] = lengths
    return b"".join([*chunks, index.tobytes(), crc32c(index.tobytes())])


def index_bytes(n_chunks: int) -> int:
    """How long the index at a shard's end is."""
    return n_chunks * _INDEX_ENTRY_BYTES + CHECKSUM_BYTES


def shard_index(stored: bytes) -> NDArray[np.uint64]:
    """Offset and length of every chunk, uint64 (n, 2), from a shard's end.

    Raises
    ------
    ValueError : the checksum doesn't fit.
    """
    index = stored[:-CHECKSUM_BYTES]
    if crc32c(index) != stored[-CHECKSUM_BYTES:]:
        raise ValueError("the checksum of the shard's index does not fit")
    return np.frombuffer(index, "<u8").reshape(-1, 2)
