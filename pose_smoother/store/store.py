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

    @property
    def config(self) -> StoreConfig:
        """How the store was built, typed; ``attrs["config"]`` is the complete table."""
        try:
            return StoreConfig.from_attrs(self.attrs)
        except StoreError as error:
            raise StoreError(f"{self.path}: {error}") from None

    @abstractmethod
    def read(self, split: str, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Rows ``start:stop`` of one per-frame array of a split, after its checksums are verified.

        Raises
        ------
        DamagedShardError : the stored bytes don't match their checksum; names the shard.
        """

    @abstractmethod
    def n_frames(self, split: str) -> int:
        """Number of stored frames in a split."""

    @abstractmethod
    def windows(self, split: str, step: int) -> NDArray[np.int64]:
        """Index of the first frame of every window of a split at a frame step, shuffled.

        Window w covers the rows w, w + step, ..., w + 4 * step of the split's arrays.
        """

    @property
    @abstractmethod
    def clips(self) -> dict[str, NDArray[Any]]:
        """The clips table by column (``CLIP_COLUMNS``); text columns hold ``str``."""

    @abstractmethod
    def close(self) -> None:
        """Close open files."""

    def local(self, name: str) -> Path:
        """The local path of a file of the manifest; that of a remote store is fetched."""
        return self.local_copy.fetch(name) if self.local_copy is not None else self.folder / name

    def labelled(self, split: str) -> NDArray[np.bool_]:
        """Bool (frames, 25): whether the dataset of each frame's clip labels a keypoint at all."""
        table = self.attrs["labelled"]
        datasets = self.clips["dataset"]
        per_clip = np.array([table[name] for name in datasets], dtype=bool)
        return per_clip.reshape(-1, N_KEYPOINTS)[self.read(split, "clip")]

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
