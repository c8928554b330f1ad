"""The layout of a Zarr array as ``zarr_writer`` makes it, recognized by its metadata without zarr.

Importing zarr takes longer than hashing a store of 360,000 frames.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

#: Zarr's name of a dtype -> the dtype as it is stored.
_DTYPES = {
    "bool": "|b1",
    "uint8": "|u1",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
    "float32": "<f4",
    "float64": "<f8",
}
#: What an array's metadata may say. Of these, reading needs neither attributes nor names of
#: dimensions; nor the fill value, for a chunk that is absent is an error.
_KEYS = {
    *("zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding"),
    *("codecs", "storage_transformers", "fill_value", "attributes", "dimension_names"),
}
_KEY_ENCODING = {"name": "default", "configuration": {"separator": "/"}}


@dataclass(frozen=True)
class PlainArray:
    """An array in chunks of complete rows: zstd, then crc32c; in a file of its own, or in shards.

    Attributes
    ----------
    shape, chunks : of the array and of a chunk.
    dtype : of its rows.
    shards : of a shard, which is a file of chunks and their index; None where a chunk is a file.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all rows, unpacked."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


def plain_array(metadata: Any) -> PlainArray | None:
    """The array that a ``zarr.json`` describes; None where it has any other layout.

    Parameters
    ----------
    metadata : the parsed file, which may be forged.
    """
    try:
        return _plain_array(metadata)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
        return None


def _plain_array(metadata: dict[str, Any]) -> PlainArray | None:
    shape, codecs = metadata["shape"], metadata["codecs"]
    file_shape = chunk = metadata["chunk_grid"]["configuration"]["chunk_shape"]
    is_sharded = codecs[0]["name"] == "sharding_indexed"
    is_plain = True
    if is_sharded:
        (sharding,) = (codec["configuration"] for codec in codecs)
        chunk, codecs = sharding["chunk_shape"], sharding["codecs"]
        is_plain = sharding["index_location"] == "end"
        is_plain &= _are(sharding["index_codecs"], "bytes", "crc32c")
    sizes = [*shape, *file_shape, *chunk]
    is_plain &= (
        metadata.keys() <= _KEYS
        and (metadata["zarr_format"], metadata["node_type"]) == (3, "array")
        and metadata["chunk_grid"]["name"] == "regular"
        and metadata["chunk_key_encoding"] == _KEY_ENCODING
        and not metadata.get("storage_transformers")
        and _are(codecs, "bytes", "zstd", "crc32c")
        and all(type(n) is int and n >= 0 for n in sizes)
        and shape[1:] == file_shape[1:] == chunk[1:]
        and file_shape[0] > 0 == file_shape[0] % chunk[0]
    )
    if not is_plain:
        return None
    dtype = np.dtype(_DTYPES[metadata["data_type"]])
    return PlainArray(tuple(shape), dtype, tuple(chunk), tuple(file_shape) if is_sharded else None)


def _are(codecs: list[dict[str, Any]], *names: str) -> bool:
    """Whether codecs have these names, the first of them little-endian."""
    endian = codecs[0].get("configuration", {}).get("endian", "little")
    return endian == "little" and tuple(codec["name"] for codec in codecs) == names
