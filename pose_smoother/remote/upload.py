"""Putting a finished local store at an address: files first, each looked at again, manifest last.

An object store has no rename, but each object appears whole or not at all; so the manifest, put
last, is the commit: without it there is no store. While an upload goes on, ``.upload.json`` beside
the files says whose it is. It is written where none is (a conditional request, where the store has
them), before anything else, and only into an empty place: so what lies there later is from uploads.
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


def staging_folder(place: RemotePath) -> Path:
    """Where what is meant for an address is built: the same for every process with this cache."""
    name = hashlib.sha256(place.url.encode()).hexdigest()[:24]
    return cache_folder() / "uploads" / name


def claim(place: RemotePath, staging: Path) -> None:
    """Say at the address that this staging folder's process writes there; its lock must be held.

    A claim of the same staging folder is of a process that died, for its lock is ours now.

    Raises
    ------
    StoreError : something else is there: a store, or objects of someone else's.
    LockedError : another upload has it, or had it when it was killed.
    """
    owner = _owner(staging)
    found = listing(place)
    if CLAIM in found:
        _refuse_other(place, owner)
        return
    if MANIFEST in found:
        raise StoreError(f"{place} already exists: remove it, or choose another --out")
    if found:
        shown = ", ".join(list(found)[:3])
        raise StoreError(
            f"{place} is not empty ({len(found):,} objects, such as {shown}): choose another --out"
        )
    told = {"owner": owner, "host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
    if not create(place / CLAIM, to_json(told)):
        _refuse_other(place, owner)


def release(place: RemotePath, staging: Path) -> None:
    """Take a claim back before anything was uploaded; one that can't be is left."""
    with suppress(RemoteError, LockedError, FileNotFoundError):
        _refuse_other(place, _owner(staging))
        if set(listing(place)) == {CLAIM}:
            delete(place / CLAIM)


def publish(
    folder: Path,
    place: RemotePath,
    staging: Path,
    on_bytes: Callable[[int], object] = lambda n: None,
) -> None:
    """Upload a finished store to a place that was claimed. What is there already is not sent again.

    Parameters
    ----------
    on_bytes : told the size of every file that is at its place.

    Raises
    ------
    RemoteError : the address does not answer, or gives other bytes back than were sent.
    LockedError : another process took the claim.
    """
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    there = listing(place)
    if MANIFEST in there:
        _refuse_other_store(folder, place)
    else:
        rest = [name for name in names if name != MANIFEST]
        for n_bytes in thread_map(
            lambda name: _send(folder / name, place / name, there.get(name)), rest
        ):
            on_bytes(n_bytes)
        for stray in set(there) - {*names, CLAIM}:
            delete(place / stray)
        _refuse_other(place, _owner(staging))
        if not create(place / MANIFEST, (folder / MANIFEST).read_bytes()):
            _refuse_other_store(folder, place)
    delete(place / CLAIM)


def send_changed(folder: Path, place: RemotePath, names: list[str]) -> None:
    """Replace some objects of a store that stands there by local files, the manifest last."""
    for name in sorted(names, key=lambda name: name == MANIFEST):
        _send(folder / name, place / name, None)


def _send(file: Path, place: RemotePath, there: Entry | None) -> int:
    """Bring one file to its place unless it is there, and compare what came to lie there."""
    n_bytes = file.stat().st_size
    for _ in range(N_TRIES):
        if there is not None and _is_same(file, n_bytes, place, there):
            return n_bytes
        put_file(file, place)
        there = entry(place)
    if there is not None and _is_same(file, n_bytes, place, there):
        return n_bytes
    raise RemoteError(f"{place} does not hold the bytes that were sent: upload again")


def _is_same(file: Path, n_bytes: int, place: RemotePath, there: Entry) -> bool:
    """Whether an object holds a file's bytes: by the server's own MD5, else by reading it back."""
    if there.n_bytes != n_bytes:
        return False
    if there.md5:
        with file.open("rb") as opened:
            if hashlib.file_digest(opened, "md5").hexdigest() == there.md5:
                return True
    # An object that was encrypted or sent in parts has a tag that is no MD5 of its bytes.
    return sha256_at(place, n_bytes) == sha256_file(file)


def _owner(staging: Path) -> str:
    """A random name of a staging folder, kept in it."""
    file = staging / _OWNER
    if not file.exists():
        write_atomic(file, secrets.token_hex(16).encode())
    return file.read_text()


def _refuse_other(place: RemotePath, owner: str) -> None:
    """Raise LockedError unless the claim at an address is this owner's."""
    try:
        raw = read(place / CLAIM)
    except FileNotFoundError:
        raw = b""
    try:
        told = json.loads(raw)
        found, host, since = told["owner"], str(told["host"]), float(told["since"])
    except (ValueError, KeyError, TypeError):
        raise LockedError(
            f"{place}: the claim of this upload was taken away; run it again"
        ) from None
    if found != owner:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(since))
        raise LockedError(
            f"{place} is being written by a process on {host} since {when}: wait for it; or, if it "
            f"is dead, go on there, or delete all below {place} and run this command again"
        )


def _refuse_other_store(folder: Path, place: RemotePath) -> None:
    """Raise StoreError unless the manifest at an address is that of a local store."""
    if read(place / MANIFEST) != (folder / MANIFEST).read_bytes():
        raise StoreError(f"{place} already exists: remove it, or choose another --out")
