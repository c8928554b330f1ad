"""The layout of a store to be built: every array's path, chunks and length; its attributes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pose_smoother.skeleton import KEYPOINTS
from pose_smoother.store.names import (
    CLIP_COLUMNS,
    CONTRACT_VERSION,
    FRAME_ARRAYS,
    SPLITS,
    STEPS,
    WINDOW_SPEC,
    ArraySpec,
)


@dataclass(frozen=True)
class PlannedArray:
    """One array of a store: its path, its layout and its number of rows."""

    path: str
    spec: ArraySpec
    length: int

    @property
    def n_shards(self) -> int:
        """Number of shards; each is written by one task."""
        return -(-self.length // self.spec.shard_frames)

    def shard_rows(self, index: int) -> tuple[int, int]:
        """First row of a shard, and the row after its last."""
        start = index * self.spec.shard_frames
        return start, min(start + self.spec.shard_frames, self.length)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole array."""
        return (self.length, *self.spec.frame_shape)


class Rows(Protocol):
    """Rows of an array; they may be computed only when a slice is read."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


@dataclass(frozen=True)
class ShardWritten:
    """A written shard: its file (relative to the store), its SHA-256, its manifest entries."""

    shard: str
    file: str
    file_sha256: str
    entries: dict[str, dict[str, Any]]


def plan_arrays(
    n_frames: dict[str, int], n_windows: dict[tuple[str, int], int], heatmaps: bool = True
) -> dict[str, PlannedArray]:
    """All arrays of a store, by path, from the frames of each split and windows of each step.

    Without ``heatmaps`` their array is left out: they are rendered as they are read.
    """
    arrays = [
        PlannedArray(f"{split}/{name}", spec, n_frames[split])
        for split in SPLITS
        for name, spec in FRAME_ARRAYS.items()
        if heatmaps or name != "heatmaps"
    ]
    arrays += [
        PlannedArray(f"{split}/windows/step{step}", WINDOW_SPEC, n_windows[split, step])
        for split in SPLITS
        for step in STEPS
    ]
    return {array.path: array for array in arrays}


def shard_name(path: str, index: int) -> str:
    """A shard's name in messages and manifests, such as ``train/heatmaps/00017``."""
    return f"{path}/{index:05d}"


def text_column(values: Iterable[str]) -> NDArray[np.bytes_]:
    """Text as UTF-8 bytes of one width, which is at least 1; bytes (n,)."""
    encoded = [str(value).encode() for value in values]
    return np.array(encoded, f"S{max([1, *map(len, encoded)])}")


def clip_arrays(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The clips table as it is stored: numbers in their dtype, text as zero-padded bytes (n, w).

    Fixed-width bytes are the only text layout that both formats store without an extension.

    Parameters
    ----------
    columns : name -> (n,): numbers, or UTF-8 bytes of one width.
    """
    found: dict[str, NDArray[Any]] = {}
    for name, kind in CLIP_COLUMNS.items():
        column = np.ascontiguousarray(columns[name])
        if kind == "text":
            width = column.dtype.itemsize
            found[name] = column.view(np.uint8).reshape(len(column), width)
        else:
            found[name] = column.astype(kind, copy=False)
    return found


def decode_text(column: NDArray[np.uint8]) -> NDArray[Any]:
    """Text of a zero-padded UTF-8 column (n, w) as an object array of ``str``."""
    return np.array([bytes(row).rstrip(b"\0").decode() for row in column], dtype=object)


def attributes(
    config: dict[str, Any], provenance: dict[str, Any], labelled: dict[str, list[bool]]
) -> dict[str, Any]:
    """The root attributes of a store."""
    return {
        "contract": CONTRACT_VERSION,
        "config": config,
        "provenance": provenance,
        "skeleton": list(KEYPOINTS),
        "labelled": labelled,
    }
