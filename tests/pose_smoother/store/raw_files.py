"""Each format's files, read and damaged without the code under test."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import hdf5plugin  # noqa: F401  (registers the zstd filter)
import numpy as np
import zarr


class RawFiles(NamedTuple):
    """How a format's files are read, changed and damaged.

    Attributes
    ----------
    read : (store, name of an array such as "val/heatmaps") -> the array.
    shard : (store, index of a shard of train/heatmaps) -> its file, the offset of a byte in it.
    replace : (store, name of an array, another array): writes that in its place.
    """

    read: Callable[[Path, str], np.ndarray]
    shard: Callable[[Path, int], tuple[Path, int]]
    replace: Callable[[Path, str, np.ndarray], None]


def _read_zarr(store: Path, name: str) -> np.ndarray:
    return np.asarray(zarr.open_group(store, mode="r")[name][...])


def _zarr_shard(store: Path, index: int) -> tuple[Path, int]:
    file = store / f"train/heatmaps/c/{index}/0/0/0"
    return file, file.stat().st_size // 2


def _replace_zarr(store: Path, name: str, values: np.ndarray) -> None:
    group = zarr.open_group(store, mode="r+")
    group.create_array(
        name, data=values, chunks=values.shape, overwrite=True, config={"write_empty_chunks": True}
    )


def _read_hdf5(store: Path, name: str) -> np.ndarray:
    with h5py.File(store / "data.h5", "r") as file:
        return np.asarray(file[name][...])


def _hdf5_shard(store: Path, index: int) -> tuple[Path, int]:
    with h5py.File(store / "data.h5", "r") as file:
        info = file["train/heatmaps"].id.get_chunk_info_by_coord((256 * index, 0, 0, 0))
    return store / "data.h5", info.byte_offset + info.size // 2


def _replace_hdf5(store: Path, name: str, values: np.ndarray) -> None:
    with h5py.File(store / "data.h5", "r+") as file:
        del file[name]
        file[name] = values


#: By the format's name.
RAW_FILES: dict[str, RawFiles] = {
    "zarr": RawFiles(_read_zarr, _zarr_shard, _replace_zarr),
    "hdf5": RawFiles(_read_hdf5, _hdf5_shard, _replace_hdf5),
}
