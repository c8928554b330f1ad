"""Repair: what is bad in a store is made again from its sources, and must come out byte for byte.

Sound shards are neither rendered nor touched. Everything new is made beside the store and compared
with the manifest before anything is put in its place.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.build_steps import (
    Planned,
    build_key,
    close_store,
    create_store,
    plan_store,
    scan_once,
    shard_jobs,
)
from pipeline.ingest import Inputs
from pipeline.recipe import Recipe, config_from, read_recipe
from pipeline.shards import Folders, note, write_shards
from pipeline.verify import EXTRA, file_problems
from pipeline.worker_pool import Workers
from pose_smoother.errors import PoseSmootherError, StoreError
from pose_smoother.files.atomic import fsync_folder, make_folder, sha256_bytes, sha256_file
from pose_smoother.files.disk_errors import translate_disk_errors
from pose_smoother.files.lock import exclusive_lock
from pose_smoother.remote.path import PathOrUrl
from pose_smoother.store.damage_errors import is_plain_file
from pose_smoother.store.names import MANIFEST, RECIPE
from pose_smoother.store.open import format_module, read_manifest


@dataclass(frozen=True)
class Repaired:
    """What was made again, shards and files by name, and where surplus files were moved."""

    parts: list[str]
    moved: list[str]
    moved_to: PathOrUrl


def repair(
    path: Path, inputs: Inputs | None = None, n_workers: int = 1, progress: bool = True
) -> Repaired:
    """Make the bad shards and files of a store again.

    Parameters
    ----------
    inputs : where the annotations are; None takes what the store's recipe says.

    Raises
    ------
    StoreError : nothing tells how the store was made, or the sources or this program have changed
        so that another store comes out; the store is then left as it was.
    """
    if not path.is_dir():
        raise StoreError(f"no store at {path}: make one with `python -m pipeline preprocess`")
    with (
        translate_disk_errors(path, None, lambda: "The store is as it was, or better."),
        exclusive_lock(path),
        Workers(n_workers) as workers,
    ):
        manifest = _sound_manifest(path)
        recipe = _recipe(path, manifest, inputs)
        bad = [name for name in _problems(path, manifest) if not name.startswith(EXTRA)]
        folders = Folders(path, _beside(path, "repair"), _beside(path, "repair.work"))
        try:
            if bad:
                _remake(folders, manifest, recipe, bad, workers, progress)
                replaced = _put_in_place(folders, manifest, recipe)
                bad = bad if manifest else replaced
        finally:
            for folder in (folders.building, folders.work):
                shutil.rmtree(folder, ignore_errors=True)
        moved_to = path.with_name(f"{path.name}.surplus")
        return Repaired(bad, _move_surplus(path, moved_to), moved_to)


def _beside(path: Path, kind: str) -> Path:
    return path.parent / f".{path.name}.{kind}"


def _sound_manifest(path: Path) -> dict[str, Any] | None:
    """The manifest, or None when it is damaged or lost: then everything is compared anew."""
    try:
        return read_manifest(path)
    except PoseSmootherError:
        return None


def _recipe(path: Path, manifest: dict[str, Any] | None, inputs: Inputs | None) -> Recipe:
    """How the store was made: from its recipe, else from its own attributes and the user."""
    manifest_sha256 = sha256_file(path / MANIFEST) if manifest else ""
    try:
        recipe = read_recipe(path)
        if manifest and recipe.manifest != manifest_sha256:
            raise StoreError("it belongs to another store")
    except StoreError as error:
        if inputs is None or manifest is None:
            raise StoreError(
                f"{path / RECIPE} can't be used ({error}): give the annotations again "
                "(--brace, --penn-action); without a sound MANIFEST.json too, preprocess again"
            ) from None
        attrs = _attributes(path, manifest)
        config = config_from(attrs["config"])
        code = str(attrs["provenance"]["code_version"])
        return Recipe(inputs, config, manifest["format"], code, manifest_sha256)
    if inputs is not None:
        hashes = inputs.options.hashes or recipe.inputs.options.hashes
        options = replace(inputs.options, hashes=hashes)
        recipe = replace(recipe, inputs=replace(inputs, options=options))
    for name, place in recipe.inputs.paths.items():
        if not place.exists():
            raise StoreError(f"{place}, which {path} was made from, is gone: say where by --{name}")
    hashes = recipe.inputs.options.hashes
    if hashes is not None and not hashes.exists():
        raise StoreError(
            f"{hashes}, the list of sums that {path} was made with, is gone: give it by --hashes, "
            "and the annotations again"
        )
    return recipe


def _attributes(path: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    try:
        attrs: dict[str, Any] = format_module(manifest["format"]).read_attributes(path, manifest)
        return attrs
    except PoseSmootherError as error:
        raise StoreError(f"{path}: neither recipe nor attributes can be read ({error})") from None


def _problems(path: Path, manifest: dict[str, Any] | None) -> dict[str, str]:
    if manifest is None:
        return {MANIFEST: "is damaged or missing"}
    shards = format_module(manifest["format"]).check_shards(path, manifest)
    return file_problems(path, manifest) | {f"shard {name}": why for name, why in shards.items()}


def _remake(
    folders: Folders,
    manifest: dict[str, Any] | None,
    recipe: Recipe,
    bad: list[str],
    workers: Workers,
    progress: bool,
) -> None:
    """Make what is bad, and the manifest, in ``building``."""
    for folder in (folders.building, folders.work):
        shutil.rmtree(folder, ignore_errors=True)
    key = build_key(recipe.inputs, recipe.config, recipe.format)
    scanned = scan_once(recipe.inputs, folders, recipe.config, key, workers, progress)
    planned = plan_store(folders.work, recipe.config)
    create_store(folders, planned, scanned, recipe)
    backend = format_module(recipe.format)
    jobs = shard_jobs(folders, recipe.format, planned)
    entries: dict[str, dict[str, Any]] = {}
    if manifest and backend.SHARD_IS_FILE:
        entries = {n: entry for n, entry in manifest["files"].items() if "shard" in entry}
        jobs = [job for job in jobs if f"shard {job.shard}" in bad]
    elif manifest:
        _salvage(folders, manifest, planned, backend)
    if jobs:
        entries |= write_shards(jobs, planned.windows, workers, progress)
    if manifest and not backend.SHARD_IS_FILE:
        for job in jobs:
            if entries[job.shard] != manifest["shards"].get(job.shard):
                entries |= backend.repack(folders.work, job.array, job.index).entries
    with_recipe = manifest is None or RECIPE in manifest.get("beside", [])
    close_store(folders, planned, entries, scanned, recipe, workers, with_recipe)


def _salvage(folders: Folders, manifest: dict[str, Any], planned: Planned, backend: Any) -> None:
    """Carry the sound shards of a store in one file over; the others will be made."""
    for array in planned.arrays.values():
        for index in range(array.n_shards):
            try:
                kept = backend.salvage(folders.out, manifest, folders.work, array, index)
            except OSError:  # the file can't be opened at all
                return
            if kept:
                note(folders.work, kept)


def _put_in_place(folders: Folders, manifest: dict[str, Any] | None, recipe: Recipe) -> list[str]:
    """Replace what differs, the manifest last; names of the files replaced.

    Raises
    ------
    StoreError : what was made is not what the store held.
    """
    made = (folders.building / MANIFEST).read_bytes()
    if sha256_bytes(made) != recipe.manifest:
        raise StoreError(
            f"{folders.out} can't be repaired: {_difference(folders.building, manifest)} comes out "
            "different, so the annotations or this program have changed since; preprocess again"
        )
    files = sorted(file for file in folders.building.rglob("*") if file.is_file())
    files.sort(key=lambda file: file.name == MANIFEST)
    replaced = []
    for file in files:
        name = file.relative_to(folders.building).as_posix()
        target = folders.out / name
        if is_plain_file(target) and sha256_file(target) == sha256_file(file):
            continue
        make_folder(target.parent)
        file.replace(target)
        fsync_folder(target.parent)
        replaced.append(name)
    return replaced


def _difference(building: Path, manifest: dict[str, Any] | None) -> str:
    """The first file or shard that came out different."""
    if manifest is None:
        return "the store"
    made = read_manifest(building)
    for table in ("files", "shards"):
        for name in sorted({*made[table], *manifest[table]}):
            if made[table].get(name) != manifest[table].get(name):
                return name
    return "the store"


def _move_surplus(path: Path, moved_to: Path) -> list[str]:
    """Put files that don't belong to the store beside it; nothing of a user's is deleted."""
    problems = file_problems(path, read_manifest(path))
    names = [name.removeprefix(EXTRA) for name in problems if name.startswith(EXTRA)]
    for name in names:
        target = moved_to / name
        if target.exists():
            raise StoreError(f"{target} stands there already: move it, then repair again")
        make_folder(target.parent)
        (path / name).rename(target)
    return names
