"""The store contract, version 1: what a store holds and how it is read (DESIGN section 9).

A store is a folder: ``MANIFEST.json`` (written last; without it there is no store), ``report.json``
(what became of every input file) and the arrays, in one of the registered formats. The
``recipe.json`` of earlier versions' stores, named by the manifest's ``beside``, is not read.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import StoreError
from pose_smoother.remote.path import PathOrUrl
from pose_smoother.skeleton import N_KEYPOINTS
from pose_smoother.store.config import StoreConfig
from pose_smoother.store.damage_errors import damaged_shard
from pose_smoother.store.names import CLIP_COLUMNS
from pose_smoother.store.rendered_frames import RenderedFrames

if TYPE_CHECKING:
    from pose_smoother.remote.local_copy import LocalCopy


class Store(ABC):
    """A finished store, open for reading.

    Attributes
    ----------
    path : the store's folder, or its address.
    local_copy : of a remote store; None for a local one.
    folder : where files are read on this machine: the store's folder, or that of the local copy,
        whose files are fetched by ``local`` and ``read``.
    format : name of its format.
    attrs : contract version, ``config``, ``provenance``, ``skeleton`` and ``labelled``
        (dataset name -> 25 booleans).
    manifest : the parsed ``MANIFEST.json``.
    """

    format: str

    def __init__(
        self,
        path: PathOrUrl,
        manifest: dict[str, Any],
        attrs: dict[str, Any],
        local_copy: "LocalCopy | None" = None,
    ) -> None:
        self.path = path
        self.local_copy = local_copy
        self.folder = local_copy.folder if local_copy is not None else Path(str(path))
        self.manifest = manifest
        self.attrs = attrs
        self._clips: dict[str, NDArray[Any]] | None = None
        self._rendered: dict[str, RenderedFrames] = {}

    @property
    def config(self) -> StoreConfig:
        """How the store was built, typed; ``attrs["config"]`` is the complete table."""
        try:
            return StoreConfig.from_attrs(self.attrs)
        except StoreError as error:
            raise StoreError(f"{self.path}: {error}") from None

    def read(self, split: str, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Rows ``start:stop`` of one per-frame array of a split, after its checksums are verified.

        Heatmaps that the store holds as impulses are rendered, bit for bit what a dense store has.

        Raises
        ------
        DamagedShardError : the stored bytes don't match their checksum; names the shard.
        """
        stop = self.n_frames(split) if stop is None else stop
        if name == "heatmaps" and self.config.rendered_when_read:
            return self._render(split, slice(start, stop))
        return self._read_rows(split, name, start, stop)

    def _render(self, split: str, rows: slice) -> NDArray[np.float32]:
        """Heatmaps of some frames; the positions of a split are read once."""
        if split not in self._rendered:
            found = (self.read(split, name) for name in ("keypoints", "annotated"))
            self._rendered[split] = RenderedFrames(*found)
        try:
            return self._rendered[split][rows].copy()
        except IndexError as error:
            raise damaged_shard(self.path, f"{split}/keypoints", str(error), "array") from None

    @abstractmethod
    def _read_rows(self, split: str, name: str, start: int, stop: int) -> NDArray[Any]:
        """Rows of an array that the store holds."""

    @abstractmethod
    def n_frames(self, split: str) -> int:
        """Number of stored frames in a split."""

    @abstractmethod
    def windows(self, split: str, step: int) -> NDArray[np.int64]:
        """Index of the first frame of every window of a split at a frame step, shuffled.

        Window w covers the rows w, w + step, ..., w + 4 * step of the split's arrays.
        """

    @abstractmethod
    def _clip_column(self, name: str) -> NDArray[Any]:
        """A column of the clips table, read: (n,)."""

    @property
    def clips(self) -> dict[str, NDArray[Any]]:
        """The clips table by column (``CLIP_COLUMNS``), each (n,); text columns hold ``str``.

        Raises
        ------
        DamagedShardError : a column cannot be read, or has another length than the others.
        """
        if self._clips is None:
            try:
                columns = {name: self._clip_column(name) for name in CLIP_COLUMNS}
            except UnicodeDecodeError as error:
                raise damaged_shard(self.path, "clips", str(error), "table") from None
            lengths = ", ".join(f"{name} {len(column)}" for name, column in columns.items())
            if len(set(map(len, columns.values()))) > 1:
                why = f"expected columns of one length, found {lengths}"
                raise damaged_shard(self.path, "clips", why, "table")
            self._clips = columns
        return self._clips

    def clip_rows(self, split: str) -> NDArray[np.intp]:
        """The row of the clips table that each frame of a split belongs to; int64 (n,).

        Raises
        ------
        DamagedShardError : as `read`; or there is no such row.
        """
        rows, n_clips = self.read(split, "clip"), len(self.clips["id"])
        if len(rows) and not 0 <= rows.min() <= rows.max() < n_clips:
            why = f"expected rows 0 ... {n_clips - 1}, found {rows.min()} ... {rows.max()}"
            raise damaged_shard(self.path, f"{split}/clip", why, "array")
        return rows.astype(np.intp)

    def labelled_of_clips(self) -> NDArray[np.bool_]:
        """Bool (clips, 25): whether the dataset of each clip labels a keypoint at all.

        Raises
        ------
        StoreError : the attributes do not say so of each dataset.
        """
        table = self.attrs["labelled"]
        datasets, row_of = np.unique(self.clips["dataset"], return_inverse=True)
        try:
            rows = np.array([table[name] for name in datasets], bool)
            return rows.reshape(len(datasets), N_KEYPOINTS)[row_of]
        except (TypeError, LookupError, ValueError):
            raise StoreError(
                f"{self.path} is damaged: its attributes do not name {N_KEYPOINTS} keypoints as "
                f"labelled or not for each of {', '.join(datasets.tolist())}"
            ) from None

    @abstractmethod
    def close(self) -> None:
        """Close open files."""

    def local(self, name: str) -> Path:
        """The local path of a file of the manifest; that of a remote store is fetched."""
        return self.local_copy.fetch(name) if self.local_copy is not None else self.folder / name

    def labelled(self, split: str) -> NDArray[np.bool_]:
        """Bool (frames, 25): whether the dataset of each frame's clip labels a keypoint at all."""
        return self.labelled_of_clips()[self.clip_rows(split)]

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
