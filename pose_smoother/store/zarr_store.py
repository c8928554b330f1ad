"""The store as a Zarr v3 folder: sharded heatmaps, zstd then crc32c, empty chunks written.

On disk: ``zarr.json`` of every group and array, chunk files under ``<array>/c/``. A heatmap shard
is one file of 16 chunks; a shard of the small arrays is one chunk file.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import StoreError
from pose_smoother.files.plain import read_plain
from pose_smoother.remote.path import PathOrUrl
from pose_smoother.store import zarr_writer
from pose_smoother.store.chunks import (
    crc32c,
    index_bytes,
    read_rows,
    shard_index,
    unpack,
)
from pose_smoother.store.damage_errors import (
    damaged_shard,
    file_problem,
    raise_if_unreadable,
    state_of_the_rest,
)
from pose_smoother.store.layout import decode_text, shard_name
from pose_smoother.store.names import CLIP_COLUMNS, FRAME_ARRAYS, WINDOW_SPEC
from pose_smoother.store.store import Store
from pose_smoother.store.zarr_layout import PlainArray, plain_array

if TYPE_CHECKING:
    from zarr.storage import LocalStore

    from pose_smoother.remote.local_copy import LocalCopy

FORMAT = "zarr"
SHARD_IS_FILE = True  # the manifest lists shards among its files
FRAME_BYTES = 600
create, write_shard, finish = zarr_writer.create, zarr_writer.write_shard, zarr_writer.finish
_MAX_METADATA_BYTES = 64 << 20  # JSON takes many times its size in memory
_MAX_CLIPS_BYTES = 1 << 30  # one column of the clips table: 16 million ids of 64 letters


def read_attributes(path: Path, manifest: dict[str, Any] | None) -> dict[str, Any]:
    """The root attributes alone, of a store that may be damaged elsewhere.

    Parameters
    ----------
    manifest : what the attributes' file is checked with; None where it is lost.

    Raises
    ------
    DamagedShardError : the file that holds them is damaged.
    """
    name = "zarr.json"
    if manifest and (problem := file_problem(path / name, manifest["files"][name])):
        raise damaged_shard(path, name, problem, "file")
    raw = read_plain(path / name, _MAX_METADATA_BYTES)
    attrs: dict[str, Any] = json.loads(raw)["attributes"]
    return attrs


def open_reader(
    path: PathOrUrl, manifest: dict[str, Any], local_copy: "LocalCopy | None" = None
) -> "ZarrStore":
    """Open a finished store for reading."""
    return ZarrStore(path, manifest, local_copy)


class ZarrStore(Store):
    """A Zarr v3 store. Every file is hashed before its first use, which finds damage and exchange.

    zarr's own checks don't suffice: it reads a missing shard as zeros, and accepts another's file.
    """

    format = FORMAT

    def __init__(
        self, path: PathOrUrl, manifest: dict[str, Any], local_copy: "LocalCopy | None" = None
    ) -> None:
        self._checked: set[str] = set()
        self._files: dict[str, dict[str, Any]] = manifest["files"]
        self._arrays: dict[str, Any] = {}
        self._indexes: dict[str, NDArray[np.uint64]] = {}
        super().__init__(path, manifest, {}, local_copy)
        metadata = [name for name in self._files if name.endswith("zarr.json")]
        if local_copy is not None:
            local_copy.fetch_all(metadata)
        for name in metadata:
            if (size := self._files[name]["bytes"]) > _MAX_METADATA_BYTES:
                raise StoreError(f"{path}/{name} is damaged: {size:,} bytes of metadata")
            self._check(name)
        try:
            raw = read_plain(self.local("zarr.json"), _MAX_METADATA_BYTES)
            self.attrs = json.loads(raw)["attributes"]
        except (OSError, ValueError, KeyError, RecursionError) as error:
            raise_if_unreadable(error, f"{path}/zarr.json")
            raise StoreError(f"{path}/zarr.json is damaged ({error})") from None

    @cached_property
    def _root(self) -> Any:
        """The store as zarr's group: it reads the arrays whose layout is not `zarr_writer`'s."""
        import zarr
        from zarr.storage import LocalStore

        files = LocalStore(self.folder, read_only=True)
        return zarr.open_group(_fetched(files, self.local_copy), mode="r")

    def _check(self, name: str) -> None:
        """Compare a file with its hash in the manifest, before its first use."""
        if name in self._checked and self.local_copy is None:
            return
        entry = self._files.get(name)
        if entry is None:
            raise damaged_shard(self.path, name, "it is not in the manifest", "file")
        if self.local_copy is not None:
            self.local_copy.fetch(name)  # at every use: the cache may have deleted it
        elif problem := file_problem(self.folder / name, entry):
            if "shard" not in entry:
                raise damaged_shard(self.path, name, problem, "file")
            shard = entry["shard"]
            sizes = {e["shard"]: e["bytes"] for e in self._files.values() if "shard" in e}
            rest = state_of_the_rest(shard, sizes, lambda: check_shards(self.folder, self.manifest))
            raise damaged_shard(self.path, shard, problem, rest=rest)
        self._checked.add(name)

    def _array(self, path: str) -> Any:
        if path not in self._arrays:
            if (name := f"{path}/zarr.json") not in self._checked:
                raise StoreError(f"{self.path} has no array {path}")
            try:
                metadata = self._bytes(name, 0, self._files[name]["bytes"])
                array = plain_array(json.loads(metadata)) or self._root[path]
            except Warning:  # one that a filter made an error: it is about zarr's version
                raise
            except Exception as error:  # zarr raises many kinds for invalid metadata
                raise_if_unreadable(error, self.path)
                text = f"{self.path} has no readable array {path} ({error})"
                raise StoreError(text) from None
            if fault := _layout_fault(path, array):
                raise StoreError(f"{self.path}: {path} breaks the contract: {fault}")
            self._arrays[path] = array
        return self._arrays[path]

    def _read(self, path: str, start: int, stop: int) -> NDArray[Any]:
        array = self._array(path)
        rows = (array.shards or array.chunks)[0]
        tail = "/0" * (array.ndim - 1)
        for index in range(start // rows, -(-stop // rows)):
            self._check(f"{path}/c/{index}{tail}")
        try:
            if not isinstance(array, PlainArray):
                return np.asarray(array[start:stop])
            start, stop, _ = slice(start, stop).indices(array.shape[0])
            room = (array.chunks[0], array.shape[1:], array.dtype)
            return read_rows(start, stop, *room, lambda c, out: self._unpack(path, array, c, out))
        except Warning:  # not of the data
            raise
        except Exception as error:  # codecs raise many kinds
            raise_if_unreadable(error, self.path)
            raise damaged_shard(self.path, shard_name(path, start // rows), str(error)) from None

    def _unpack(self, path: str, array: PlainArray, chunk: int, out: NDArray[Any]) -> None:
        """Decompress one chunk, read directly from its file."""
        rows = (array.shards or array.chunks)[0]
        number, within = divmod(chunk, rows // array.chunks[0])
        name = f"{path}/c/{number}" + "/0" * (array.ndim - 1)
        offset, length = 0, self._files[name]["bytes"]
        if array.shards is not None:
            offset, length = self._place(name, rows // array.chunks[0], within)
        unpack(self._bytes(name, offset, length), crc32c, out)

    def _place(self, name: str, n_chunks: int, within: int) -> tuple[int, int]:
        """Offset and length of a chunk in a shard's file."""
        end = self._files[name]["bytes"] - index_bytes(n_chunks)
        if name not in self._indexes:
            self._indexes[name] = shard_index(self._bytes(name, end, index_bytes(n_chunks)))
        offset, length = (int(number) for number in self._indexes[name][within])
        if offset + length > end:
            raise ValueError(f"chunk {within} is outside the shard")
        return offset, length

    def _bytes(self, name: str, offset: int, length: int) -> bytes:
        """Bytes of a file of the store."""
        where = self.folder / name
        with where.open("rb") if self.local_copy is None else self.local_copy.open(name) as file:
            file.seek(offset)
            return file.read(length)

    def _read_rows(self, split: str, name: str, start: int, stop: int) -> NDArray[Any]:
        return self._read(f"{split}/{name}", start, stop)

    def n_frames(self, split: str) -> int:
        return int(self._array(f"{split}/frame").shape[0])

    def windows(self, split: str, step: int) -> NDArray[np.int64]:
        path = f"{split}/windows/step{step}"
        return self._read(path, 0, self._array(path).shape[0])

    def _clip_column(self, name: str) -> NDArray[Any]:
        path = f"clips/{name}"
        column = self._read(path, 0, self._array(path).shape[0])
        return decode_text(column) if CLIP_COLUMNS[name] == "text" else column

    def close(self) -> None:
        self._arrays.clear()


def _fetched(files: "LocalStore", local_copy: "LocalCopy | None") -> Any:
    """A folder as a zarr store; in a local copy, a file that was deleted is fetched again."""
    if local_copy is None:
        return files
    from pose_smoother.remote.zarr_files import FetchedStore

    return FetchedStore(files, local_copy)


def _layout_fault(path: str, array: Any) -> str:
    """How an array's metadata differs from the contract; "" if it doesn't.

    A forged shape, chunk or codec could request any amount of memory, or run code.
    """
    if not isinstance(array, PlainArray) and (fault := _codecs_fault(array)):
        return fault
    name = path.split("/")[1]
    if path.startswith("clips/"):
        is_text = CLIP_COLUMNS.get(name) == "text"
        found = (array.dtype, array.ndim, array.chunks[0])
        expected: tuple[Any, ...] = (
            np.dtype("u1" if is_text else CLIP_COLUMNS.get(name)),
            1 + is_text,
        )
        expected = (*expected, max(1, array.shape[0]))
        if found != expected or array.nbytes > _MAX_CLIPS_BYTES:
            return f"dtype, dimensions and chunk {found}, {array.nbytes} bytes"
        return ""
    spec = FRAME_ARRAYS.get(name, WINDOW_SPEC)
    layout = (array.dtype, array.shape[1:], array.chunks, (array.shards or array.chunks)[0])
    expected = (
        np.dtype(spec.dtype),
        spec.frame_shape,
        (spec.chunk_frames, *spec.frame_shape),
        spec.shard_frames,
    )
    return "" if layout == expected else f"expected {expected}, found {layout}"


def _codecs_fault(array: Any) -> str:
    import zarr
    from zarr.codecs import BytesCodec, Crc32cCodec, ZstdCodec

    if not isinstance(array, zarr.Array):
        return "it is not an array"
    codecs = {type(codec) for codec in (*array.compressors, *array.filters, array.serializer)}
    if codecs - {ZstdCodec, Crc32cCodec, BytesCodec}:
        return f"codecs {', '.join(sorted(c.__name__ for c in codecs))}"
    return ""


def check_shards(path: Path, manifest: dict[str, Any]) -> dict[str, str]:
    """Shard name -> its problem, for every damaged shard; each shard is a file with a hash."""
    found = {
        entry["shard"]: file_problem(path / name, entry)
        for name, entry in manifest["files"].items()
        if "shard" in entry
    }
    return {shard: problem for shard, problem in found.items() if problem}
