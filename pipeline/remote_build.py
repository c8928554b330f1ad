"""Stores at an address: built here and uploaded; one that exists is copied here and mended.

Both happen on this machine in the cache folder, with all the promises of a local build; then the
files that differ go to the address, the manifest last (``pose_smoother.remote.upload``).
"""

import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from pose_smoother.errors import StoreError
from pose_smoother.files.atomic import sha256_file, write_atomic
from pose_smoother.files.disk_errors import translate_disk_errors
from pose_smoother.files.lock import exclusive_lock
from pose_smoother.remote.objects import Entry, delete, iter_chunks, listing, thread_map
from pose_smoother.remote.path import RemotePath
from pose_smoother.remote.upload import (
    CLAIM,
    claim,
    publish,
    release,
    send_changed,
    staging_folder,
)
from pose_smoother.store.names import MANIFEST

_KEY = "key"


def build_at(
    place: RemotePath, key: str, build: Callable[[Path], None], progress: bool = True
) -> None:
    """Build a store in the cache folder, then upload it; the same call goes on after a kill.

    A finished store at the address is copied here and mended, and what differs is uploaded.

    Parameters
    ----------
    key : what the build belongs to (``pipeline.build_steps.build_key``): another one starts over.
    build : makes the finished store in a folder; goes on with its own half-made work.

    Raises
    ------
    StoreError : something else exists at the address already.
    LockedError : another process is writing there.
    RemoteError : the address does not answer; what is done is kept.
    """
    staging = staging_folder(place)
    local = staging / "store"
    with (
        translate_disk_errors(staging, preserved=lambda: "What is done is kept."),
        exclusive_lock(staging),
    ):
        staging.mkdir(parents=True, exist_ok=True)
        found = listing(place)
        if MANIFEST in found and CLAIM not in found:
            (staging / _KEY).unlink(missing_ok=True)
            _resume_at(place, found, local, build)
            shutil.rmtree(staging)
            return
        claim(place, staging)
        try:
            if not _is_of_key(staging, key):
                shutil.rmtree(local, ignore_errors=True)
                write_atomic(staging / _KEY, key.encode())
            if not (local / MANIFEST).is_file() or (staging / ".store.work").exists():
                build(local)
        except BaseException:
            release(place, staging)
            raise
        n_bytes = sum(file.stat().st_size for file in local.rglob("*") if file.is_file())
        with tqdm(
            desc="uploading", unit="B", unit_scale=True, total=n_bytes, disable=not progress
        ) as bar:
            publish(local, place, staging, bar.update)
        shutil.rmtree(staging)


def _is_of_key(staging: Path, key: str) -> bool:
    file = staging / _KEY
    return file.is_file() and file.read_text() == key


def _resume_at(
    path: RemotePath, found: dict[str, Entry], local: Path, build: Callable[[Path], None]
) -> None:
    """Copy the store at an address, mend the copy, and upload the objects that differ."""
    shutil.rmtree(local, ignore_errors=True)
    found = {name: entry for name, entry in found.items() if ".." not in PurePosixPath(name).parts}
    for _ in thread_map(lambda name: _copy(path / name, local / name, found[name]), found):
        pass
    before = {name: sha256_file(local / name) for name in found}
    try:
        build(local)
    except StoreError as error:
        raise StoreError(str(error).replace(str(local), str(path))) from None
    after = {p.relative_to(local).as_posix(): p for p in local.rglob("*") if p.is_file()}
    send_changed(local, path, [n for n, p in after.items() if before.get(n) != sha256_file(p)])
    for name in before.keys() - after.keys():
        delete(path / name)


def _copy(place: RemotePath, file: Path, there: Entry) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        for piece in iter_chunks(place, there.n_bytes):
            out.write(piece)
