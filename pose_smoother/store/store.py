"""The store contract, version 1: what a store holds and how it is read (DESIGN section 9).

A store is a folder: ``MANIFEST.json`` (written last; without it there is no store), ``report.json``
(what became of every input file) and the arrays, in one of the registered formats. Each
``*_store.py`` module of this folder registers a format by its ``FORMAT`` constant. The
``recipe.json`` of earlier versions' stores, named by the manifest's ``beside``, is not read.
"""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother import store as package
from pose_smoother.errors import StoreError, unknown_name
from pose_smoother.files.atomic import verify_checksum
from pose_smoother.heatmap import SIZE
from pose_smoother.remote.address import PathOrUrl, RemotePath, as_path_or_url
from pose_smoother.skeleton import N_KEYPOINTS
from pose_smoother.store.damage_errors import how_to_repair, is_plain_file

if TYPE_CHECKING:
    from pose_smoother.remote.local_copy import LocalCopy

CONTRACT_VERSION = 1
SPLITS = ("train", "val", "test")
WINDOW_FRAMES = 5
STEPS = (1, 2)
MANIFEST = "MANIFEST.json"
REPORT = "report.json"
_MAX_MANIFEST_BYTES = 256 << 20  # a shard takes about 250 bytes


@dataclass(frozen=True)
class ArraySpec:
    """One per-frame array: its dtype, the shape of a frame, frames a chunk and frames a shard."""

    dtype: str
    frame_shape: tuple[int, ...]
    chunk_frames: int
    shard_frames: int


_SMALL = 16_384  # frames a chunk of the arrays without pixels: a few MB at most

#: Every array that has one row a stored frame, by name.
FRAME_ARRAYS: dict[str, ArraySpec] = {
    "heatmaps": ArraySpec("<f4", (N_KEYPOINTS, SIZE, SIZE), 16, 256),
    "keypoints": ArraySpec("<i2", (N_KEYPOINTS, 2), _SMALL, _SMALL),
    "keypoints_exact": ArraySpec("<f4", (N_KEYPOINTS, 2), _SMALL, _SMALL),
    "annotated": ArraySpec("|b1", (N_KEYPOINTS,), _SMALL, _SMALL),
    "boxes": ArraySpec("<f4", (4,), _SMALL, _SMALL),
    "clip": ArraySpec("<i4", (), _SMALL, _SMALL),
    "frame": ArraySpec("<i4", (), _SMALL, _SMALL),
}
WINDOW_SPEC = ArraySpec("<i8", (), 65_536, 65_536)

#: Columns of the clips table and their kinds; text is UTF-8 and keeps ids such as "007" as text.
CLIP_COLUMNS: dict[str, str] = {
    "id": "text",
    "dataset": "text",
    "video": "text",
    "action": "text",
    "person": "text",
    "fps": "<f8",
    "first_frame": "<i4",
    "n_frames": "<i4",
    "split": "text",
}


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

    @abstractmethod
    def read(self, split: str, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Rows ``start:stop`` of one per-frame array of a split, checksums checked.

        Raises
        ------
        DamagedShard : the stored bytes don't match their checksum; names the shard.
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


@cache
def formats() -> dict[str, ModuleType]:
    """Formats at hand: every ``*_store`` module of this folder, by its ``FORMAT`` constant.

    A format whose library is not installed is left out: a machine that trains from HDF5 needs no
    zarr, and the other way round.
    """
    found = {}
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.endswith("_store"):
            try:
                module = importlib.import_module(f"{package.__name__}.{info.name}")
            except ModuleNotFoundError as error:
                if (error.name or "").split(".")[0] in ("pose_smoother", "numpy"):
                    raise
                continue
            found[module.FORMAT] = module
    return dict(sorted(found.items()))


def format_module(name: str) -> ModuleType:
    """The module of one format, or an error that lists the known ones."""
    try:
        return formats()[name]
    except KeyError:
        raise unknown_name("format", name, list(formats())) from None


def read_manifest(path: PathOrUrl) -> dict[str, Any]:
    """The manifest of a store, in a folder or at an address.

    Raises
    ------
    StoreError : no such folder, no manifest (an unfinished or foreign folder), a manifest that
        can't be parsed, or another contract version.
    """
    return _parsed(path, _manifest_bytes(path))


def _manifest_bytes(path: PathOrUrl) -> bytes:
    if isinstance(path, RemotePath):
        from pose_smoother.remote.local_copy import manifest_at

        return manifest_at(path, _MAX_MANIFEST_BYTES)
    if not path.exists():
        raise StoreError(f"no store at {path}: make one with `python -m pipeline preprocess`")
    file = path / MANIFEST
    if not file.is_file():
        raise StoreError(
            f"{path} has no {MANIFEST}: it is not a store, or was never finished, or lost the "
            f"file; for the last: {how_to_repair(path)}"
        )
    try:
        if file.stat().st_size > _MAX_MANIFEST_BYTES:
            raise ValueError(f"larger than {_MAX_MANIFEST_BYTES} bytes")
        return file.read_bytes()
    except (OSError, ValueError) as error:
        raise StoreError(f"{file} is damaged ({error}). {how_to_repair(path)}") from None


def _parsed(path: PathOrUrl, raw: bytes) -> dict[str, Any]:
    """A manifest's bytes, understood and checked."""
    file = path / MANIFEST
    try:
        manifest = verify_checksum(raw)
        version = manifest["contract"]
    except (ValueError, KeyError) as error:
        raise StoreError(f"{file} is damaged ({error}). {how_to_repair(path)}") from None
    if version != CONTRACT_VERSION:
        raise StoreError(
            f"{path} follows contract version {version!r}, but this program reads version "
            f"{CONTRACT_VERSION}: preprocess again, or use the program that made it"
        )
    if fault := _manifest_fault(manifest):
        raise StoreError(f"{file} breaks the contract: {fault}")
    return manifest


def _manifest_fault(manifest: dict[str, Any]) -> str:
    """What is wrong with a manifest that is sealed but may be forged; "" when nothing is."""
    if not isinstance(manifest.get("format"), str):
        return "it names no format"
    for table in ("files", "shards"):
        entries = manifest.get(table)
        if not isinstance(entries, dict):
            return f"its {table} are no table"
        for name, entry in entries.items():
            parts = PurePosixPath(name).parts
            if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
                return f"the name {name[:80]!r} leads out of the store"
            fits = isinstance(entry, dict) and isinstance(entry.get("sha256"), str)
            if not fits or not isinstance(entry.get("bytes"), int):
                return f"the entry of {name[:80]} has no hash or size"
    return ""


def open_store(path: str | PathOrUrl) -> Store:
    """Open a finished store for reading, whatever its format, in a folder or at an address.

    Raises
    ------
    StoreError : see ``read_manifest``; also when a listed file is absent or has another size.
    """
    path = as_path_or_url(path)
    raw = _manifest_bytes(path)
    manifest = _parsed(path, raw)
    backend = format_module(manifest["format"])
    if isinstance(path, RemotePath):
        from pose_smoother.remote.local_copy import open_mirror

        remote: Store = backend.open_reader(path, manifest, open_mirror(path, raw, manifest))
        return remote
    for name, entry in manifest["files"].items():
        file = path / name
        found = file.stat().st_size if is_plain_file(file) else None
        if found != entry["bytes"]:
            state = "is missing or no plain file" if found is None else f"has {found} bytes"
            raise StoreError(
                f"{file} {state}, expected {entry['bytes']} bytes. {how_to_repair(path)}"
            )
    store: Store = backend.open_reader(path, manifest)
    return store
