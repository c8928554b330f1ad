"""The store as one HDF5 file, ``data.h5``, beside its manifest: zstd chunks with fletcher32.

While a store is being built every shard is a small file of its own in the work folder (a killed
writer would leave a half-written HDF5 file unopenable); ``finish`` joins them chunk by chunk.
"""

import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from pipeline.contract.chunks import fletcher32, read_rows, unpack
from pipeline.contract.disk import check_room
from pipeline.contract.errors import StoreError
from pipeline.contract.files import (
    fsync_folder,
    sha256_bytes,
    sha256_file,
    to_json,
    write_atomic,
)
from pipeline.contract.hdf5_checks import (
    ERRORS,
    Forged,
    checked_dataset,
    chunk_offsets,
    hash_chunks,
    is_plainly_packed,
    shard_problem,
    spec_of,
)
from pipeline.contract.hdf5_file import new_file
from pipeline.contract.remote.place import Place
from pipeline.contract.schema import PlannedArray, Rows, ShardWritten, decode_text, shard_name
from pipeline.contract.store import (
    CLIP_COLUMNS,
    FRAME_ARRAYS,
    WINDOW_SPEC,
    Store,
    damaged_shard,
    how_to_repair,
    is_plain_file,
    rest_told,
)

if TYPE_CHECKING:
    from pipeline.contract.remote.mirror import Mirror

FORMAT = "hdf5"
SHARD_IS_FILE = False  # the manifest lists shards by name, beside the one file
DATA = "data.h5"
ZSTD_LEVEL = 3
_ROOM_BYTES = 4 << 20  # what the joined file may need beside its parts


def create(
    folder: Path, work: Path, arrays: dict[str, PlannedArray], attrs: dict[str, Any]
) -> None:
    """Keep the attributes for ``finish``; parts are written beside them."""
    del arrays
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(work / "parts" / "attrs.json", to_json(attrs))


def _create_array(file: h5py.File, path: str, array: PlannedArray) -> h5py.Dataset:
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
    """Encode one shard as a part file, written atomically; its entry hashes the stored chunks."""
    del folder
    name = shard_name(array.path, index)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="latest") as file:
        dataset = _create_array(file, "rows", PlannedArray("rows", array.spec, len(data)))
        for start in range(0, len(data), array.spec.chunk_frames):
            rows = slice(start, start + array.spec.chunk_frames)
            dataset[rows] = data[rows]
        digest, size = hash_chunks(dataset, 0, len(data), array.spec.chunk_frames)
    return _write_part(work, array, index, buffer, {name: {"sha256": digest, "bytes": size}})


def _write_part(
    work: Path,
    array: PlannedArray,
    index: int,
    buffer: io.BytesIO,
    entries: dict[str, dict[str, Any]],
) -> ShardWritten:
    part = _part(work, array, index)
    write_atomic(part, buffer.getvalue(), flush=False)
    file = part.relative_to(work).as_posix()
    return ShardWritten(
        shard_name(array.path, index), file, sha256_bytes(buffer.getvalue()), entries
    )


def salvage(
    path: Path, manifest: dict[str, Any], work: Path, array: PlannedArray, index: int
) -> ShardWritten | None:
    """Carry a sound shard of a damaged store over as a part, as it is; None when it is not sound.

    Raises
    ------
    OSError : the file can't be opened at all.
    """
    name = shard_name(array.path, index)
    start, stop = array.shard_rows(index)
    buffer = io.BytesIO()
    with h5py.File(path / DATA, "r") as damaged, h5py.File(buffer, "w", libver="latest") as file:
        spec = array.spec
        try:
            source = damaged[array.path]
            if shard_problem(source, manifest, name, index, spec.chunk_frames, spec.shard_frames):
                return None
            rows = _create_array(file, "rows", PlannedArray("rows", spec, stop - start))
            for offset in chunk_offsets(source, start, stop, spec.chunk_frames):
                mask, payload = source.id.read_direct_chunk(offset)
                rows.id.write_direct_chunk((offset[0] - start, *offset[1:]), payload, mask)
        except ERRORS:
            return None
    return _write_part(work, array, index, buffer, {name: manifest["shards"][name]})


def finish(
    folder: Path, work: Path, arrays: dict[str, PlannedArray], clips: dict[str, NDArray[Any]]
) -> dict[str, dict[str, Any]]:
    """Join all parts into ``data.h5``; return its manifest entry."""
    attrs = json.loads((work / "parts" / "attrs.json").read_bytes())
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
    dataset = _create_array(file, array.path, array)
    rows = array.spec.chunk_frames
    for index in range(array.n_shards):
        start, stop = array.shard_rows(index)
        with h5py.File(_part(work, array, index), "r") as part:
            source = part["rows"]
            for offset in chunk_offsets(source, 0, stop - start, rows):
                mask, payload = source.id.read_direct_chunk(offset)
                target = (start + offset[0], *offset[1:])
                dataset.id.write_direct_chunk(target, payload, mask)


def read_attributes(path: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """The root attributes alone, of a store that may be damaged elsewhere.

    Raises
    ------
    StoreError : the file can't be opened.
    """
    with open_reader(path, manifest) as store:
        return store.attrs


def open_reader(
    path: Place, manifest: dict[str, Any], mirror: "Mirror | None" = None
) -> "Hdf5Store":
    """Open a finished store for reading; one at an address is fetched whole, as its one file."""
    return Hdf5Store(path, manifest, mirror)


class Hdf5Store(Store):
    """An HDF5 store. A shard's stored chunks are hashed at first touch.

    Opened lazily and not to be carried over a fork: HDF5 handles shared that way give wrong data.
    """

    format = FORMAT

    def __init__(
        self, path: Place, manifest: dict[str, Any], mirror: "Mirror | None" = None
    ) -> None:
        self._checked: set[str] = set()
        self._clips: dict[str, NDArray[Any]] | None = None
        self._datasets: dict[str, h5py.Dataset] = {}
        super().__init__(path, manifest, {}, mirror)
        try:
            self._file = h5py.File(self.local(DATA), "r")
            attrs = dict(self._file.attrs)
            decoded = {k: json.loads(v) if isinstance(v, str) else int(v) for k, v in attrs.items()}
            if absent := {"config", "labelled", "provenance", "skeleton"} - set(decoded):
                raise KeyError(f"no attribute {', '.join(sorted(absent))}")
        except (*ERRORS, RecursionError) as error:
            text = f"{path / DATA} is damaged ({error}). {how_to_repair(path)}"
            raise StoreError(text) from None
        self.attrs = decoded

    def _dataset(self, path: str) -> h5py.Dataset:
        try:
            if path not in self._datasets:
                self._datasets[path] = checked_dataset(self._file, path)
            return self._datasets[path]
        except Forged as fault:
            raise StoreError(f"{self.path}: {path} breaks the contract: {fault}") from None
        except ERRORS as error:
            why = f"{DATA} has no readable array {path}: {error}"
            raise damaged_shard(self.path, path, why, "array") from None

    def _read(self, path: str, start: int, stop: int, spec_rows: tuple[int, int]) -> NDArray[Any]:
        dataset = self._dataset(path)
        chunk_rows, shard_rows = spec_rows
        for index in range(start // shard_rows, -(-stop // shard_rows)):
            self._check(path, dataset, index, chunk_rows, shard_rows)
        try:
            if not is_plainly_packed(dataset):
                return np.asarray(dataset[start:stop])
            start, stop, _ = slice(start, stop).indices(dataset.shape[0])
            room = (chunk_rows, dataset.shape[1:], dataset.dtype)
            return read_rows(start, stop, *room, lambda c, out: _unpack(dataset, c, out))
        except ERRORS as error:
            name = shard_name(path, start // shard_rows)
            raise damaged_shard(self.path, name, str(error)) from None

    def _check(
        self, path: str, dataset: h5py.Dataset, index: int, chunk_rows: int, shard_rows: int
    ) -> None:
        name = shard_name(path, index)
        if name in self._checked:
            return
        problem = shard_problem(dataset, self.manifest, name, index, chunk_rows, shard_rows)
        if problem:
            sizes = {shard: entry["bytes"] for shard, entry in self.manifest["shards"].items()}
            rest = rest_told(name, sizes, lambda: check_shards(self.folder, self.manifest))
            raise damaged_shard(self.path, name, problem, rest=rest)
        self._checked.add(name)

    def read(self, split: str, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        stop = self.n_frames(split) if stop is None else stop
        spec = FRAME_ARRAYS[name]
        return self._read(f"{split}/{name}", start, stop, (spec.chunk_frames, spec.shard_frames))

    def n_frames(self, split: str) -> int:
        return int(self._dataset(f"{split}/frame").shape[0])

    def windows(self, split: str, step: int) -> NDArray[np.int64]:
        path = f"{split}/windows/step{step}"
        spec = WINDOW_SPEC
        rows = (spec.chunk_frames, spec.shard_frames)
        return self._read(path, 0, self._dataset(path).shape[0], rows)

    @property
    def clips(self) -> dict[str, NDArray[Any]]:
        if self._clips is None:
            self._clips = {}
            for name, kind in CLIP_COLUMNS.items():
                dataset = self._dataset(f"clips/{name}")
                try:
                    column = np.asarray(dataset[...])
                    self._clips[name] = decode_text(column) if kind == "text" else column
                except ERRORS as error:
                    raise damaged_shard(self.path, f"clips/{name}", str(error), "array") from None
        return self._clips

    def close(self) -> None:
        self._datasets.clear()
        self._file.close()


def _unpack(dataset: h5py.Dataset, chunk: int, out: NDArray[Any]) -> None:
    """One chunk's rows, unpacked in place instead of in HDF5's pipeline."""
    mask, stored = dataset.id.read_direct_chunk((chunk * len(out), *(0,) * (dataset.ndim - 1)))
    if mask:
        raise ValueError("a chunk was stored without its filters")
    unpack(stored, fletcher32, out)


def check_shards(path: Path, manifest: dict[str, Any]) -> dict[str, str]:
    """Shard name -> what is wrong with it; every shard when the file can't be opened at all."""
    try:
        if not is_plain_file(path / DATA):
            raise OSError("missing, or no plain file")
        file = h5py.File(path / DATA, "r")
    except ERRORS as error:
        return dict.fromkeys(manifest["shards"], f"{DATA} cannot be opened: {error}")
    problems = {}
    with file:
        for name in manifest["shards"]:
            array_path, _, index = name.rpartition("/")
            spec = spec_of(array_path)
            try:
                dataset = checked_dataset(file, array_path)
                problem = shard_problem(
                    dataset, manifest, name, int(index), spec.chunk_frames, spec.shard_frames
                )
            except (Forged, *ERRORS) as error:
                problem = f"cannot be read: {error}"
            if problem:
                problems[name] = problem
    return problems
