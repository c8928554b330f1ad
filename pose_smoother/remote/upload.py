"""Uploading a finished local store: files first, each verified afterwards, the manifest last.

An object store has no rename, but each object appears completely or not at all; so the manifest,
uploaded last, is the commit: without it there is no store. During an upload ``.upload.json`` next
to the files names its owner. It is written before anything else, only where nothing exists (by a
conditional request, where the file system has one): so all objects found later are from uploads.
"""

import hashlib
import json
import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pose_smoother.errors import StoreError
from pose_smoother.files.atomic import sha256_file, to_json, write_atomic
from pose_smoother.files.lock import LockedError
from pose_smoother.remote.cache import cache_folder
from pose_smoother.remote.objects import (
    Entry,
    create,
    delete,
    entry,
    listing,
    put_file,
    read,
    sha256_at,
    thread_map,
)
from pose_smoother.remote.path import RemotePath
from pose_smoother.remote.retry import N_TRIES, RemoteError
from pose_smoother.store.names import MANIFEST

CLAIM = ".upload.json"
_OWNER = "owner"


def staging_folder(address: RemotePath) -> Path:
    """The local folder for the build of an address: the same for all processes with this cache."""
    name = hashlib.sha256(address.url.encode()).hexdigest()[:24]
    return cache_folder() / "uploads" / name


def claim(address: RemotePath, staging: Path) -> None:
    """Record at an address that the owner of this staging folder (locked) writes there.

    An earlier claim of the same staging folder is of a dead process, as this one has the lock.

    Raises
    ------
    StoreError : a store or other objects exist at the address.
    LockedError : another upload has the claim, or had it when it was killed.
    """
    owner = _owner(staging)
    found = listing(address)
    if CLAIM in found:
        _raise_if_claimed_by_other(address, owner)
        return
    if MANIFEST in found:
        raise StoreError(f"{address} already exists: remove it, or choose another --out")
    if found:
        shown = ", ".join(list(found)[:3])
        raise StoreError(
            f"{address} is not empty ({len(found):,} objects, such as {shown}): "
            "choose another --out"
        )
    process = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
    if not create(address / CLAIM, to_json({"owner": owner, **process})):
        _raise_if_claimed_by_other(address, owner)


def release(address: RemotePath, staging: Path) -> None:
    """Delete the claim if nothing was uploaded; a claim that can't be deleted is left."""
    with suppress(RemoteError, LockedError, FileNotFoundError):
        _raise_if_claimed_by_other(address, _owner(staging))
        if set(listing(address)) == {CLAIM}:
            delete(address / CLAIM)


def publish(
    folder: Path,
    address: RemotePath,
    staging: Path,
    on_bytes: Callable[[int], object] = lambda n: None,
) -> None:
    """Upload a finished store to a claimed address. Objects that exist there are not sent again.

    Parameters
    ----------
    on_bytes : called with the size of every file that is uploaded.

    Raises
    ------
    RemoteError : the address does not answer, or returns other bytes than were sent.
    LockedError : another process took the claim.
    """
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    there = listing(address)
    if MANIFEST in there:
        _raise_if_other_store(folder, address)
    else:
        rest = [name for name in names if name != MANIFEST]
        for n_bytes in thread_map(
            lambda name: _send(folder / name, address / name, there.get(name)), rest
        ):
            on_bytes(n_bytes)
        for stray in set(there) - {*names, CLAIM}:
            delete(address / stray)
        _raise_if_claimed_by_other(address, _owner(staging))
        if not create(address / MANIFEST, (folder / MANIFEST).read_bytes()):
            _raise_if_other_store(folder, address)
    delete(address / CLAIM)


def send_changed(folder: Path, address: RemotePath, names: list[str]) -> None:
    """Replace some objects of a store at an address by local files, the manifest last."""
    for name in sorted(names, key=lambda name: name == MANIFEST):
        _send(folder / name, address / name, None)


def _send(file: Path, address: RemotePath, there: Entry | None) -> int:
    """Upload one file unless it exists there, and compare the object with it; return its size."""
    n_bytes = file.stat().st_size
    for _ in range(N_TRIES):
        if there is not None and _is_same(file, n_bytes, address, there):
            return n_bytes
        put_file(file, address)
        there = entry(address)
    if there is not None and _is_same(file, n_bytes, address, there):
        return n_bytes
    raise RemoteError(f"{address} does not hold the bytes that were sent: upload again")


def _is_same(file: Path, n_bytes: int, address: RemotePath, there: Entry) -> bool:
    """Whether an object has a file's bytes: by the server's MD5, else by reading it back."""
    if there.n_bytes != n_bytes:
        return False
    if there.md5:
        with file.open("rb") as opened:
            if hashlib.file_digest(opened, "md5").hexdigest() == there.md5:
                return True
    # The tag of an object that was encrypted or sent in parts is not the MD5 of its bytes.
    return sha256_at(address, n_bytes) == sha256_file(file)


def _owner(staging: Path) -> str:
    """The random name of a staging folder, which a file in it holds."""
    file = staging / _OWNER
    if not file.exists():
        write_atomic(file, secrets.token_hex(16).encode())
    return file.read_text()


def _raise_if_claimed_by_other(address: RemotePath, owner: str) -> None:
    """Raise LockedError unless the claim at an address is this owner's."""
    try:
        raw = read(address / CLAIM)
    except FileNotFoundError:
        raw = b""
    try:
        record = json.loads(raw)
        found, host, since = record["owner"], str(record["host"]), float(record["since"])
    except (ValueError, KeyError, TypeError):
        raise LockedError(
            f"{address}: the claim of this upload was taken away; run it again"
        ) from None
    if found != owner:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(since))
        raise LockedError(
            f"{address} is being written by a process on {host} since {when}: wait for it; or, if "
            f"it is dead, go on there, or delete all below {address} and run this command again"
        )


def _raise_if_other_store(folder: Path, address: RemotePath) -> None:
    """Raise StoreError unless the manifest at an address is that of a local store."""
    if read(address / MANIFEST) != (folder / MANIFEST).read_bytes():
        raise StoreError(f"{address} already exists: remove it, or choose another --out")
