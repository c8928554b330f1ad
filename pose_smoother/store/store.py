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
    folder : where its files are read on this machine: the store's folder, or the copy of a remote
        one, whose files come when ``local`` or ``read`` asks for them.
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
        mirror: "LocalCopy | None" = None,
    ) -> None:
        self.path = path
        self.mirror = mirror
        self.folder = mirror.folder if mirror is not None else Path(str(path))
        self.manifest = manifest
        self.attrs = attrs

    @property
    def config(self) -> StoreConfig:
        """How the store was built, typed; ``attrs["config"]`` has all of it."""
        return StoreConfig.from_attrs(self.attrs)

    @abstractmethod
    def read(self, split: str, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Rows ``start:stop`` of one per-frame array of a split, checksums checked.

        Raises
        ------
        DamagedShardError : the stored bytes don't match their checksum; names the shard.
        """

    @abstractmethod
    def n_frames(self, split: str) -> int:
        """Number of stored frames in a split."""

    @abstractmethod
    def windows(self, split: str, step: int) -> NDArray[np.int64]:
        """First-frame index of every window of a split at a frame step (1 or 2), shuffled.

        Window w covers the frames w, w + step, ..., w + 4 * step of the split's arrays.
        """

    @property
    @abstractmethod
    def clips(self) -> dict[str, NDArray[Any]]:
        """The clips table, column by column (``CLIP_COLUMNS``); text columns hold ``str``."""

    @abstractmethod
    def close(self) -> None:
        """Let go of open files."""

    def local(self, name: str) -> Path:
        """Where a file of the manifest can be read on this machine; a remote one is fetched."""
        return self.mirror.fetch(name) if self.mirror is not None else self.folder / name

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
