"""Stores at an address: built here and uploaded, verified from the server, repaired through a copy.

A build, and a repair, happen on this machine in the cache folder, with all the promises of a local
one; then the files go to the address, the manifest last (``pose_smoother.remote.upload``).
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pipeline.ingest import Inputs
from pipeline.repair import Repaired, repair
from pose_smoother.errors import StoreError
from pose_smoother.files.atomic import hash_mismatch, sha256_bytes, sha256_file, write_atomic
from pose_smoother.files.disk_errors import translate_disk_errors
from pose_smoother.files.lock import exclusive_lock
from pose_smoother.remote.local_copy import manifest_at
from pose_smoother.remote.objects import (
    Entry,
    delete,
    iter_chunks,
    listing,
    read,
    sha256_at,
    thread_map,
)
from pose_smoother.remote.path import RemotePath
from pose_smoother.remote.upload import (
    CLAIM,
    claim,
    publish,
    release,
    send_changed,
    staging_folder,
)
from pose_smoother.store.names import MANIFEST, RECIPE

_KEY = "key"


def build_at(
    place: RemotePath, key: str, build: Callable[[Path], None], progress: bool = True
) -> None:
    """Build a store in the cache folder, then upload it; the same call goes on after a kill.

    Parameters
    ----------
    key : what the build belongs to (``pipeline.build_steps.build_key``): another one starts over.
    build : makes the finished store in a folder; goes on with its own half-made work.

    Raises
    ------
    StoreError : something else stands at the address already.
    LockedError : another process is writing there.
    RemoteError : the address does not answer; what is done is kept.
    """
    staging = staging_folder(place)
    local = staging / "store"
    with (
        translate_disk_errors(staging, preserved=lambda: "What is done is kept."),
        exclusive_lock(staging),
    ):
        if _is_of_key(staging, key) and _is_at(place, local):
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


def _is_at(place: RemotePath, local: Path) -> bool:
    """Whether the finished local store was uploaded already, and only its end was not reached."""
    if not (local / MANIFEST).is_file():
        return False
    there = listing(place)
    if MANIFEST not in there or CLAIM in there:
        return False
    return read(place / MANIFEST) == (local / MANIFEST).read_bytes()


def object_problems(place: RemotePath, manifest: dict[str, Any]) -> dict[str, str]:
    """Objects of a store that are missing, changed or too many, each read from the server again."""
    there = listing(place)
    expected: dict[str, dict[str, Any]] = manifest["files"]

    def problem(name: str) -> str:
        return _object_problem(place / name, expected[name], there.get(name))

    problems = {}
    for name, found in zip(expected, thread_map(problem, expected), strict=True):
        shard = expected[name].get("shard")
        if found:
            problems[f"shard {shard}" if shard else name] = found
    beside = manifest.get("beside", [])
    if RECIPE in beside and (found := _recipe_problem(place, there)):
        problems[RECIPE] = found
    from pipeline.verify import EXTRA

    for name in sorted(set(there) - {*expected, MANIFEST, *beside}):
        problems[EXTRA + name] = "is not in the manifest"
    return problems


def _object_problem(place: RemotePath, expected: dict[str, Any], there: Entry | None) -> str:
    if there is None:
        return "is missing"
    if there.n_bytes != expected["bytes"]:
        return f"is damaged (expected {expected['bytes']:,} bytes, found {there.n_bytes:,})"
    found = sha256_at(place, there.n_bytes)
    return (
        ""
        if found == expected["sha256"]
        else f"is damaged ({hash_mismatch(expected['sha256'], found)})"
    )


def _recipe_problem(place: RemotePath, there: dict[str, Entry]) -> str:
    from pipeline.recipe import recipe_fault

    if RECIPE not in there:
        return f"{RECIPE} is missing"
    raw = read(place / RECIPE, there[RECIPE].n_bytes)
    return recipe_fault(raw, sha256_bytes(read(place / MANIFEST)))


def repair_at(
    place: RemotePath, inputs: Inputs | None = None, n_workers: int = 1, progress: bool = True
) -> Repaired:
    """Copy a store here, make what is bad again, and put only that back; see ``repair``.

    Objects that don't belong to the store are moved beside it, to ``<address>.surplus``.
    """
    staging = staging_folder(place)
    local = staging / "store"
    with (
        translate_disk_errors(staging, preserved=lambda: "The store is as it was."),
        exclusive_lock(staging),
    ):
        shutil.rmtree(local, ignore_errors=True)
        there = listing(place)
        if not there:
            manifest_at(place, 0)  # tells what is wrong with the address
        if CLAIM in there:
            raise StoreError(f"{place}: its upload was not finished: run `preprocess` again")
        with tqdm(desc="copying", unit="file", total=len(there), disable=not progress) as bar:
            for _ in thread_map(lambda name: _copy(place / name, local / name, there[name]), there):
                bar.update()
        before = {name: sha256_file(local / name) for name in there}
        try:
            repaired = repair(local, inputs, n_workers, progress)
        except StoreError as error:
            raise StoreError(str(error).replace(str(local), str(place))) from None
        after = {p.relative_to(local).as_posix(): p for p in local.rglob("*") if p.is_file()}
        changed = [name for name, p in after.items() if before.get(name) != sha256_file(p)]
        send_changed(local, place, changed)
        surplus = place.with_name(f"{place.name}.surplus")
        send_changed(local.with_name("store.surplus"), surplus, repaired.moved)
        for name in repaired.moved:
            delete(place / name)
        shutil.rmtree(staging)
        return Repaired(repaired.parts, repaired.moved, surplus)


def _copy(place: RemotePath, file: Path, there: Entry) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        for piece in iter_chunks(place, there.n_bytes):
            out.write(piece)
