"""Opening a finished store: its manifest is read and checked, then its format's reader opens it.

Each ``<format>_store.py`` module of this folder is a format, imported when it is used.
"""

import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from numpy.typing import NDArray

from pose_smoother import store as package
from pose_smoother.errors import StoreError, unknown_name
from pose_smoother.files.atomic import verify_checksum
from pose_smoother.files.plain import read_plain
from pose_smoother.remote.path import PathOrUrl, RemotePath, as_path_or_url
from pose_smoother.store.damage_errors import how_to_repair, plain_size, raise_if_unreadable
from pose_smoother.store.layout import PlannedArray, Rows, ShardWritten
from pose_smoother.store.names import CONTRACT_VERSION, MANIFEST
from pose_smoother.store.store import Store

if TYPE_CHECKING:
    from pose_smoother.remote.local_copy import LocalCopy

_NO_PATHS = {"", ".", ".."}  # parts of names that lead elsewhere, or have a second spelling
_SHA256 = re.compile("[0-9a-f]{64}")
_MAX_MANIFEST_BYTES = 64 << 20  # a shard takes about 250 bytes


class StoreFormat(Protocol):
    """What a format's module offers.

    Attributes
    ----------
    FORMAT : the format's name, on the command line and in manifests.
    SHARD_IS_FILE : whether each shard is a file of the store; else the manifest lists shards by
        name, in addition to its files.
    FRAME_BYTES : what a frame takes on the disk at most while a store is built, to report how much
        is needed; measured: 282 to 346 in a store, 220 in the spool, and HDF5's parts once more.
    """

    FORMAT: str
    SHARD_IS_FILE: bool
    FRAME_BYTES: int

    def create(
        self, folder: Path, work: Path, arrays: dict[str, PlannedArray], attrs: dict[str, Any]
    ) -> None:
        """Begin a store; ``work`` holds what ``finish`` needs and the store does not keep."""

    def write_shard(
        self, folder: Path, work: Path, array: PlannedArray, index: int, data: Rows
    ) -> ShardWritten:
        """Write one shard, in any order and in any process; the same rows give the same bytes."""

    def finish(
        self,
        folder: Path,
        work: Path,
        arrays: dict[str, PlannedArray],
        clips: dict[str, NDArray[Any]],
    ) -> dict[str, dict[str, Any]]:
        """Write the rest of the store: manifest entries of its files, except those of shards."""

    def check_shards(self, path: Path, manifest: dict[str, Any]) -> dict[str, str]:
        """The problem of each damaged shard, by name."""

    def read_attributes(self, path: Path, manifest: dict[str, Any] | None) -> dict[str, Any]:
        """The root attributes of a store whose other parts may be damaged."""

    def open_reader(
        self, path: PathOrUrl, manifest: dict[str, Any], local_copy: "LocalCopy | None" = None
    ) -> Store:
        """Open a finished store for reading."""


@cache
def formats() -> list[str]:
    """Names of the formats: each is the module ``<name>_store`` of this folder."""
    found = (info.name for info in pkgutil.iter_modules(package.__path__))
    return sorted(name.removesuffix("_store") for name in found if name.endswith("_store"))


def format_module(name: str) -> StoreFormat:
    """The module of one format; no other is imported.

    A machine that trains from HDF5 doesn't need zarr, and the other way round.

    Raises
    ------
    InvalidInputError : an unknown name.
    StoreError : the format's library is not installed.
    """
    if name not in formats():
        raise unknown_name("format", name, formats())
    try:
        return cast(StoreFormat, importlib.import_module(f"{package.__name__}.{name}_store"))
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("pose_smoother", "numpy"):
            raise
        raise StoreError(f"stores of format {name} need {error.name}: install it") from None


def read_manifest(path: PathOrUrl) -> dict[str, Any]:
    """The parsed manifest of a store, in a folder or at an address.

    Raises
    ------
    StoreError : no such folder, no manifest (the folder is unfinished, or not a store), a manifest
        that can't be parsed, another contract version, or a format that is not known here.
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
        return read_plain(file, _MAX_MANIFEST_BYTES)
    except (OSError, ValueError) as error:
        raise_if_unreadable(error, file)
        raise StoreError(f"{file} is damaged ({error}). {how_to_repair(path)}") from None


def _parsed(path: PathOrUrl, raw: bytes) -> dict[str, Any]:
    """Parse a manifest's bytes, and check them."""
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
    """The fault of a manifest whose checksum is right but which may be forged; "" if none."""
    if not isinstance(manifest.get("format"), str):
        return "it names no format"
    if manifest["format"] not in formats():
        return str(unknown_name("format", manifest["format"][:80], formats()))
    for table in ("files", "shards"):
        entries = manifest.get(table)
        if not isinstance(entries, dict):
            return f"its {table} are not a table"
        for name, entry in entries.items():
            if not _NO_PATHS.isdisjoint(name.split("/")) or "\\" in name or "\0" in name:
                return f"the name {name[:80]!r} leads out of the store"
            if not isinstance(entry, dict) or not _SHA256.fullmatch(str(entry.get("sha256"))):
                return f"the entry of {name[:80]!r} has no hash"
            if type(entry.get("bytes")) is not int or entry["bytes"] < 0:
                return f"the entry of {name[:80]!r} has no size"
            if not isinstance(entry.get("shard", ""), str):
                return f"the entry of {name[:80]!r} names no shard"
    return ""


def open_store(path: str | PathOrUrl) -> Store:
    """Open a finished store of any format for reading, in a folder or at an address.

    Raises
    ------
    StoreError : as in ``read_manifest``; also where a listed file is missing or has another size.
    """
    path = as_path_or_url(path)
    raw = _manifest_bytes(path)
    manifest = _parsed(path, raw)
    backend = format_module(manifest["format"])
    if isinstance(path, RemotePath):
        from pose_smoother.remote.local_copy import open_local_copy

        return backend.open_reader(path, manifest, open_local_copy(path, raw, manifest))
    for name, entry in manifest["files"].items():
        file = path / name
        if (found := plain_size(file)) != entry["bytes"]:
            state = "is missing or no plain file" if found is None else f"has {found} bytes"
            raise StoreError(
                f"{file} {state}, expected {entry['bytes']} bytes. {how_to_repair(path)}"
            )
    return backend.open_reader(path, manifest)
