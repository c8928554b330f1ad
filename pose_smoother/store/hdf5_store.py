"""The store as one HDF5 file, ``data.h5``, next to its manifest: zstd chunks with fletcher32."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import StoreError
from pose_smoother.files.hdf5_file import open_file
from pose_smoother.remote.path import PathOrUrl
from pose_smoother.store import hdf5_writer
from pose_smoother.store.chunks import fletcher32, read_rows, unpack
from pose_smoother.store.damage_errors import (
    damaged_shard,
    how_to_repair,
    is_plain_file,
    raise_if_unreadable,
    state_of_the_rest,
)
from pose_smoother.store.hdf5_checks import (
    ERRORS,
    ForgedDatasetError,
    checked_attributes,
    checked_dataset,
    is_plainly_packed,
    shard_problem,
    spec_of,
)
from pose_smoother.store.hdf5_writer import DATA
from pose_smoother.store.layout import decode_text, shard_name
from pose_smoother.store.names import CLIP_COLUMNS, FRAME_ARRAYS, WINDOW_SPEC
from pose_smoother.store.store import Store

if TYPE_CHECKING:
    from pose_smoother.remote.local_copy import LocalCopy

FORMAT = "hdf5"
SHARD_IS_FILE = False  # the manifest lists shards by name, in addition to the one file
FRAME_BYTES = 950
create, write_shard, finish = hdf5_writer.create, hdf5_writer.write_shard, hdf5_writer.finish


def read_attributes(path: Path, manifest: dict[str, Any] | None) -> dict[str, Any]:
    """Only the root attributes, of a store whose other parts may be damaged.

    Parameters
    ----------
    manifest : None where it is lost.

    Raises
    ------
    StoreError : the file can't be opened.
    """
    with open_reader(path, manifest or {}) as store:
        return store.attrs


def open_reader(
    path: PathOrUrl, manifest: dict[str, Any], local_copy: "LocalCopy | None" = None
) -> "Hdf5Store":
    """Open a finished store for reading; of a remote store the complete file is fetched."""
    return Hdf5Store(path, manifest, local_copy)


class Hdf5Store(Store):
    """An HDF5 store. A shard's stored chunks are hashed before its first use.

    Not to be used after a fork: HDF5 handles that are shared by processes give wrong data.
    """

    format = FORMAT

    def __init__(
        self, path: PathOrUrl, manifest: dict[str, Any], local_copy: "LocalCopy | None" = None
    ) -> None:
        self._checked: set[str] = set()
        self._datasets: dict[str, h5py.Dataset] = {}
        super().__init__(path, manifest, {}, local_copy)
        try:
            self._file = open_file(self.local(DATA))
            attrs = checked_attributes(self._file)
            decoded = {k: json.loads(v) if isinstance(v, str) else int(v) for k, v in attrs.items()}
            if absent := {"config", "labelled", "provenance", "skeleton"} - set(decoded):
                raise KeyError(f"no attribute {', '.join(sorted(absent))}")
        except (*ERRORS, RecursionError) as error:
            raise_if_unreadable(error, path / DATA)
            text = f"{path / DATA} is damaged ({error}). {how_to_repair(path)}"
            raise StoreError(text) from None
        self.attrs = decoded

    def _dataset(self, path: str) -> h5py.Dataset:
        try:
            if path not in self._datasets:
                self._datasets[path] = checked_dataset(self._file, path)
            return self._datasets[path]
        except ForgedDatasetError as fault:
            raise StoreError(f"{self.path}: {path} breaks the contract: {fault}") from None
        except ERRORS as error:
            raise_if_unreadable(error, self.path / DATA)
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
            raise_if_unreadable(error, self.path / DATA)
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
            rest = state_of_the_rest(name, sizes, lambda: check_shards(self.folder, self.manifest))
            raise damaged_shard(self.path, name, problem, rest=rest)
        self._checked.add(name)

    def _read_rows(self, split: str, name: str, start: int, stop: int) -> NDArray[Any]:
        spec = FRAME_ARRAYS[name]
        return self._read(f"{split}/{name}", start, stop, (spec.chunk_frames, spec.shard_frames))

    def n_frames(self, split: str) -> int:
        return int(self._dataset(f"{split}/frame").shape[0])

    def windows(self, split: str, step: int) -> NDArray[np.int64]:
        path = f"{split}/windows/step{step}"
        spec = WINDOW_SPEC
        rows = (spec.chunk_frames, spec.shard_frames)
        return self._read(path, 0, self._dataset(path).shape[0], rows)

    def _clip_column(self, name: str) -> NDArray[Any]:
        dataset = self._dataset(f"clips/{name}")
        try:
            column = np.asarray(dataset[...])
        except ERRORS as error:
            raise_if_unreadable(error, self.path / DATA)
            raise damaged_shard(self.path, f"clips/{name}", str(error), "array") from None
        return decode_text(column) if CLIP_COLUMNS[name] == "text" else column

    def close(self) -> None:
        self._datasets.clear()
        self._file.close()


def _unpack(dataset: h5py.Dataset, chunk: int, out: NDArray[Any]) -> None:
    """Decompress one chunk into ``out``, without HDF5's pipeline."""
    mask, stored = dataset.id.read_direct_chunk((chunk * len(out), *(0,) * (dataset.ndim - 1)))
    if mask:
        raise ValueError("a chunk was stored without its filters")
    unpack(stored, fletcher32, out)


def check_shards(path: Path, manifest: dict[str, Any]) -> dict[str, str]:
    """Shard name -> its problem; all shards where the file can't be opened."""
    try:
        if not is_plain_file(path / DATA):
            raise OSError("missing, or no plain file")
        file = open_file(path / DATA)
    except ERRORS as error:
        raise_if_unreadable(error, path / DATA)
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
            except (ForgedDatasetError, *ERRORS) as error:
                raise_if_unreadable(error, path / DATA)
                problem = f"cannot be read: {error}"
            if problem:
                problems[name] = problem
    return problems
