"""The local copy of a remote store, in the cache: files are fetched when they are first needed.

The copy is stored under the hash of the store's manifest: a store that was rebuilt at the same
address has another copy. Only files with the manifest's hash are put into it, and every process
hashes each file of it once before use.
"""

import hashlib
import os
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from pose_smoother.errors import StoreError
from pose_smoother.files.atomic import hash_mismatch, sha256_bytes, sha256_file, write_atomic
from pose_smoother.files.disk_errors import translate_disk_errors
from pose_smoother.remote.cache import Cache, cache_folder, cap_bytes
from pose_smoother.remote.objects import entry, is_folder, iter_chunks, listing, read, thread_map
from pose_smoother.remote.path import RemotePath
from pose_smoother.remote.retry import N_TRIES, ContentMismatchError, RemoteError
from pose_smoother.store.damage_errors import damaged_shard
from pose_smoother.store.names import MANIFEST

STORES = "stores"
MAX_TIMES = 20  # attempts to fetch a file that other processes delete


class LocalCopy:
    """The local copy of one remote store.

    Attributes
    ----------
    address : the store's address.
    folder : the copy, laid out like the store; files may be absent, and may be deleted any time.
    """

    def __init__(
        self, address: RemotePath, manifest_bytes: bytes, manifest: dict[str, Any]
    ) -> None:
        self.address = address
        self._files: dict[str, dict[str, Any]] = manifest["files"]
        self._cache = _shared_cache(cache_folder() / STORES, cap_bytes())
        self.folder = self._cache.folder / sha256_bytes(manifest_bytes)[:32]
        self._verified: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether a file belongs to the store."""
        return name in self._files

    def fetch(self, name: str) -> Path:
        """The local path of a file of the manifest; it is complete and has the right hash.

        Raises
        ------
        DamagedShardError : the store's own file is missing or differs from the manifest.
        RemoteError : the address does not answer.
        """
        file = self.folder / name
        if self._usable(name, file):
            return file
        expected = self._files[name]
        problem = ""
        with translate_disk_errors(self._cache.folder):
            for _ in range(N_TRIES):
                problem = self._try(name, file, expected)
                if not problem:
                    self._verified.add(name)
                    return file
                if self._has_other_size(name, expected):
                    break
        kind = "shard" if "shard" in expected else "file"
        raise damaged_shard(self.address, expected.get("shard", name), problem, kind)

    def open(self, name: str) -> BinaryIO:
        """A file of the copy, open for reading; fetched again if the cache deleted it."""
        for _ in range(MAX_TIMES):
            with suppress(FileNotFoundError):
                return (self.folder / name).open("rb")
            self.fetch(name)
        raise StoreError(f"{name} of {self.address} is deleted from the cache while it is read")

    def fetch_all(self, names: list[str]) -> None:
        """Fetch several files, a few at a time in threads."""
        for _ in thread_map(self.fetch, names):
            pass

    def add(self, name: str, data: bytes) -> None:
        """Add a file that has no hash in the manifest."""
        self._cache.make_room(len(data))
        write_atomic(self.folder / name, data, flush=False)

    def _usable(self, name: str, file: Path) -> bool:
        """Whether the copy has the file, with the right hash; it is hashed once per process."""
        try:
            if name not in self._verified:
                if sha256_file(file) != self._files[name]["sha256"]:
                    return False
                self._verified.add(name)
            os.utime(file)  # the time of last use: the oldest files are deleted first
        except OSError:
            return False
        return True

    def _try(self, name: str, file: Path, expected: dict[str, Any]) -> str:
        """Download a file once; return the problem, or ""."""
        try:
            return self._download(name, file, expected)
        except FileNotFoundError:
            return "missing"
        except ContentMismatchError as error:
            return str(error)

    def _download(self, name: str, file: Path, expected: dict[str, Any]) -> str:
        """Fetch to a temporary file, compare hashes, rename; return the problem, or ""."""
        n_bytes = expected["bytes"]
        self._cache.make_room(n_bytes)
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".fetch.", suffix=".tmp")
        digest = hashlib.sha256()
        try:
            with os.fdopen(handle, "wb") as out:
                for piece in iter_chunks(self.address / name, n_bytes):
                    digest.update(piece)
                    out.write(piece)
            if digest.hexdigest() != expected["sha256"]:
                return hash_mismatch(expected["sha256"], digest.hexdigest())
            with suppress(FileNotFoundError):  # deleted by another process: it is fetched again
                Path(temporary).replace(file)
                return ""
            return "deleted while it was fetched"
        finally:
            Path(temporary).unlink(missing_ok=True)

    def _has_other_size(self, name: str, expected: dict[str, Any]) -> bool:
        """Whether the object itself has another size: then the download didn't truncate it."""
        found = entry(self.address / name)
        return found is None or found.n_bytes != expected["bytes"]


@lru_cache(maxsize=8)
def _shared_cache(folder: Path, max_bytes: int) -> Cache:
    """One cache per process, for all stores that are open."""
    return Cache(folder, max_bytes)


def open_local_copy(
    address: RemotePath, manifest_bytes: bytes, manifest: dict[str, Any]
) -> LocalCopy:
    """The local copy of a store, with only its manifest; the format fetches the other files."""
    local_copy = LocalCopy(address, manifest_bytes, manifest)
    local_copy.add(MANIFEST, manifest_bytes)
    return local_copy


def manifest_at(address: RemotePath, max_bytes: int) -> bytes:
    """The bytes of a remote store's manifest.

    Raises
    ------
    StoreError : nothing exists at the address, or no manifest.
    """
    try:
        found = entry(address / MANIFEST)
        if found is not None and found.n_bytes <= max_bytes:
            return read(address / MANIFEST, found.n_bytes)
    except FileNotFoundError:
        found = None
    if found is not None:
        raise StoreError(
            f"{address / MANIFEST} is larger than {max_bytes:,} bytes: it is not a manifest"
        )
    if entry(address) is not None:
        raise StoreError(f"{address} is a file, not a store's folder")
    if listing(address):
        raise StoreError(
            f"{address} has no {MANIFEST}: it is not a store, or its upload was not finished (then "
            "run the same `preprocess` again)"
        )
    _check_bucket(address)
    raise StoreError(f"no store at {address}: make one with `python -m pipeline preprocess --out`")


def _check_bucket(address: RemotePath) -> None:
    """Raise RemoteError where the bucket of an address does not exist."""
    bucket = RemotePath("/".join(address.url.split("/")[:3]))
    if (
        address.protocol in ("s3", "s3a", "gs", "gcs")
        and bucket != address
        and not is_folder(bucket)
    ):
        raise RemoteError(f"{bucket} does not exist, so there is no store at {address}")
