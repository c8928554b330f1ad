"""Chunks of rows as stored on disk: zstd, then a checksum of the compressed bytes.

The bytes are those that zarr and HDF5 write for the same rows, but a chunk is decompressed directly
into the output array. zarr's own pipeline allocates and copies memory: to read chunks of 5 MB that
take 3 kB on disk it needs nine times as long, and HDF5's pipeline three times
(docs/performance.md).
"""

from collections.abc import Callable, Iterator
from typing import Any

import google_crc32c
import numpy as np
from numcodecs import Fletcher32, Zstd
from numpy.typing import DTypeLike, NDArray

from pose_smoother.store.layout import Rows

CHECKSUM_BYTES = 4
_HEADER_BYTES = 5  # of a zstd frame: its magic number, and what else the header has
_INDEX_ENTRY_BYTES = 16  # of a shard: offset and length of a chunk
_ABSENT = 2**64 - 1  # offset and length of a chunk after the array's end

#: Bytes -> their checksum, 4 bytes that are appended to them.
Checksum = Callable[[bytes], bytes]
_FLETCHER = Fletcher32()


def crc32c(data: bytes) -> bytes:
    """The checksum that zarr appends to a chunk and to a shard's index."""
    return int(google_crc32c.value(data)).to_bytes(4, "little")


def fletcher32(data: bytes) -> bytes:
    """The checksum that HDF5 appends to a chunk."""
    return bytes(_FLETCHER.encode(data))[-CHECKSUM_BYTES:]


def pack(rows: NDArray[Any], level: int, checksum: Checksum) -> bytes:
    """One chunk as it is stored.

    Parameters
    ----------
    rows : C-contiguous, (rows of a chunk, ...).
    level : compression level of zstd.
    """
    packed = bytes(Zstd(level=level).encode(rows))
    return packed + checksum(packed)


def unpack(stored: bytes, checksum: Checksum, out: NDArray[Any]) -> None:
    """Decompress one chunk into ``out``, which has the size of a chunk.

    Raises
    ------
    ValueError : the checksum differs, or the rows are damaged or have another size.
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
    """The decompressed size that a zstd frame states; -1 where it states none.

    The library would accept a smaller frame, and leave the rest of the output unchanged.

    Source: RFC 8878, section 3.1.1.1.
    """
    if len(packed) < _HEADER_BYTES:
        return -1
    kind, is_single, dictionary = packed[4] >> 6, packed[4] >> 5 & 1, packed[4] & 3
    start = 6 - is_single + (0, 1, 2, 4)[dictionary]
    n_bytes = (is_single, 2, 4, 8)[kind]
    size = int.from_bytes(packed[start : start + n_bytes], "little")
    is_stated = n_bytes > 0 and len(packed) >= start + n_bytes
    return size + 256 * (kind == 1) if is_stated else -1


def read_rows(
    start: int,
    stop: int,
    chunk_rows: int,
    row_shape: tuple[int, ...],
    dtype: DTypeLike,
    unpack_chunk: Callable[[int, NDArray[Any]], None],
) -> NDArray[Any]:
    """Rows ``start:stop`` of an array in chunks.

    Parameters
    ----------
    unpack_chunk : called with a chunk's number and an array for all its rows, which it fills.
    """
    out = np.empty((stop - start, *row_shape), dtype)
    for chunk in range(start // chunk_rows, -(-stop // chunk_rows)):
        first = chunk * chunk_rows
        begin, end = max(start, first), min(stop, first + chunk_rows)
        if end - begin == chunk_rows:
            unpack_chunk(chunk, out[begin - start : end - start])
        else:
            complete = np.empty((chunk_rows, *row_shape), dtype)
            unpack_chunk(chunk, complete)
            out[begin - start : end - start] = complete[begin - first : end - first]
    return out


def packed_chunks(
    rows: Rows, dtype: str, chunk_rows: int, level: int, checksum: Checksum
) -> Iterator[bytes]:
    """The chunks of rows as they are stored; the last is padded with zeros.

    Parameters
    ----------
    level : compression level of zstd.
    """
    for start in range(0, len(rows), chunk_rows):
        chunk = np.ascontiguousarray(rows[start : start + chunk_rows], dtype)
        if len(chunk) < chunk_rows:
            empty = np.zeros((chunk_rows - len(chunk), *chunk.shape[1:]), dtype)
            chunk = np.concatenate([chunk, empty])
        yield pack(chunk, level, checksum)


def pack_shard(rows: Rows, dtype: str, chunk_rows: int, n_chunks: int, level: int) -> bytes:
    """The bytes of a Zarr v3 shard: all chunks, then the index, then the index's crc32c.

    Parameters
    ----------
    rows : of the shard; an array's last shard may have fewer than ``chunk_rows * n_chunks``.
    level : compression level of zstd.
    """
    chunks = list(packed_chunks(rows, dtype, chunk_rows, level, crc32c))
    index = np.full((n_chunks, 2), _ABSENT, "<u8")
    lengths = np.array([len(chunk) for chunk in chunks], np.int64)
    index[: len(chunks), 0] = np.cumsum(lengths) - lengths
    index[: len(chunks), 1] = lengths
    return b"".join([*chunks, index.tobytes(), crc32c(index.tobytes())])


def index_bytes(n_chunks: int) -> int:
    """Size of the index at a shard's end, with its checksum."""
    return n_chunks * _INDEX_ENTRY_BYTES + CHECKSUM_BYTES


def shard_index(stored: bytes) -> NDArray[np.uint64]:
    """Offset and length of every chunk, uint64 (n, 2), from a shard's end.

    Raises
    ------
    ValueError : the checksum differs.
    """
    index = stored[:-CHECKSUM_BYTES]
    if crc32c(index) != stored[-CHECKSUM_BYTES:]:
        raise ValueError("the checksum of the shard's index does not fit")
    return np.frombuffer(index, "<u8").reshape(-1, 2)
