"""Resume: a finished store is verified, and what is missing or damaged in it is made again.

The command that made a store mends it. The annotations are read again and everything but the
heatmaps is computed again, so that other annotations or options are always found; heatmaps are
rendered where they do not verify. New files are made next to the store, compared with its
manifest, and put in their places one by one: a kill at any time leaves no file worse than it was.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.build_steps import (
    Planned,
    close_store,
    code_version,
    create_store,
    plan_store,
    remove_work,
    scan_once,
    shard_jobs,
    store_attributes,
)
from pipeline.config import BuildConfig
from pipeline.file_checks import EXTRA, LEGACY_RECIPE, extra_files, store_problems
from pipeline.ingest import Inputs
from pipeline.shards import JOURNAL, Folders, has_heatmaps, write_shards
from pipeline.worker_pool import Workers
from pose_smoother.errors import PoseSmootherError, StoreError
from pose_smoother.files.atomic import fsync_folder, make_folder, sha256_file
from pose_smoother.store.config import DENSE, StoreConfig
from pose_smoother.store.damage_errors import is_plain_file
from pose_smoother.store.names import CONTRACT_VERSION, MANIFEST
from pose_smoother.store.open import format_module, read_manifest

_NAMED = 5  # of the parts that were made again
_OTHER_OUT = "or choose another --out"


def resume(
    inputs: Inputs,
    folders: Folders,
    config: BuildConfig,
    store_format: str,
    key: str,
    workers: Workers,
    progress: bool,
    report: Callable[[str], None],
) -> None:
    """Verify the store at ``folders.out``, and make again what is missing or damaged.

    Parameters
    ----------
    key : of the build (``pipeline.build_steps.build_key``).
    report : gets a line about what was done.

    Raises
    ------
    StoreError : what exists there is no store, or one of other annotations or options, or this
        program makes another one of the same; nothing in it is changed.
    """
    out = folders.out
    manifest = _valid_manifest(out)
    attrs = _attributes(out, manifest, store_format)
    _refuse_other_options(out, manifest, attrs, config, store_format)
    problems = store_problems(out, manifest) if manifest else {MANIFEST: "is damaged or missing"}
    damaged = [name for name in problems if not name.startswith(EXTRA)]
    scanned = scan_once(inputs, folders, config, key, workers, progress)
    try:
        _refuse_other_sources(out, attrs, scanned.sources)
        planned = plan_store(folders.work, config)
        if not (folders.work / JOURNAL).exists():
            code = attrs["provenance"]["code_version"] if attrs else code_version()
            made_of = store_attributes(inputs, config, scanned.sources, code)
            create_store(folders, store_format, planned, made_of)
        kept = _kept_heatmaps(manifest, damaged, store_format)
        entries = _make_shards(folders, store_format, planned, kept, workers, progress)
        if manifest:
            _refuse_other_content(out, _shards(manifest), entries)
        if damaged:
            close_store(folders, store_format, planned, entries, scanned.left_out, workers)
            if manifest:
                _refuse_other_content(
                    out, _parts(manifest), _parts(read_manifest(folders.building))
                )
            _put_in_place(folders)
    except _RefusedError:
        remove_work(folders)
        raise
    remove_work(folders)
    report(_summary(damaged))
    for name in extra_files(out, read_manifest(out)):
        report(f"warning: {name} does not belong to the store: move or delete it")


def saved_group_by(out: Path, store_format: str) -> str | None:
    """How the clips of a finished store were grouped; None where nothing readable says so.

    The command that made a store mends it, also where the default was another one then.
    """
    try:
        attrs = _attributes(out, _valid_manifest(out), store_format)
        return StoreConfig.from_attrs(attrs).group_by if attrs else None
    except PoseSmootherError:
        return None


class _RefusedError(StoreError):
    """The store is another one than the command makes."""


def _valid_manifest(out: Path) -> dict[str, Any] | None:
    """The manifest; None when it is damaged or missing: then everything is made again."""
    try:
        return read_manifest(out)
    except PoseSmootherError:
        return None


def _attributes(
    out: Path, manifest: dict[str, Any] | None, store_format: str
) -> dict[str, Any] | None:
    """The store's root attributes; None where they are damaged and the manifest is valid.

    Raises
    ------
    StoreError : neither manifest nor attributes can be read: nothing says that this is a store.
    """
    backend = format_module(manifest["format"] if manifest else store_format)
    try:
        attrs: dict[str, Any] = backend.read_attributes(out, manifest)
        _ = attrs["contract"], attrs["config"], attrs["provenance"]["sources"]
        _ = attrs["provenance"]["code_version"]
    except (PoseSmootherError, OSError, ValueError, KeyError, TypeError, RecursionError):
        if manifest:
            return None
        raise StoreError(
            f"{out} already exists and is no {store_format} store that can be recognized: remove "
            f"it, {_OTHER_OUT}"
        ) from None
    return attrs


def _refuse_other_options(
    out: Path,
    manifest: dict[str, Any] | None,
    attrs: dict[str, Any] | None,
    config: BuildConfig,
    store_format: str,
) -> None:
    """Raise StoreError when a store's format, contract or config is not what is asked for."""
    made_with = {"format": manifest["format"] if manifest else store_format}
    wanted: dict[str, Any] = {"format": store_format}
    if attrs:
        unsaid = {"stored_heatmaps": DENSE}
        made_with |= unsaid | {"contract": attrs["contract"], **attrs["config"]}
        wanted |= unsaid | {"contract": CONTRACT_VERSION, **config.resolved()}
    for name in sorted({*made_with, *wanted}):
        if made_with.get(name) != wanted.get(name):
            raise StoreError(
                f"{out} was made with {name} {json.dumps(made_with.get(name))}, not "
                f"{json.dumps(wanted.get(name))}: give the same options, {_OTHER_OUT}"
            )


def _refuse_other_sources(
    out: Path, attrs: dict[str, Any] | None, sources: list[dict[str, Any]]
) -> None:
    """Raise StoreError when a store was made from other files."""
    if attrs is None or attrs["provenance"]["sources"] == sources:
        return
    raise _RefusedError(
        f"{out} was made from other annotations ({_named(attrs['provenance']['sources'])}) than "
        f"these ({_named(sources)}): give the same annotations, {_OTHER_OUT}"
    )


def _named(sources: list[dict[str, Any]]) -> str:
    return ", ".join(
        f"{s['dataset']}: {s['files']:,} files, SHA-256 {s['sha256'][:12]}..." for s in sources
    )


def _kept_heatmaps(
    manifest: dict[str, Any] | None, damaged: list[str], store_format: str
) -> dict[str, dict[str, Any]]:
    """Manifest entries of the heatmap shards that stay as they are.

    A format of one file is written as a whole: where anything is damaged, all is made again.
    """
    if manifest is None:
        return {}
    if format_module(store_format).SHARD_IS_FILE:
        return {
            name: entry
            for name, entry in manifest["files"].items()
            if has_heatmaps(entry.get("shard", "")) and f"shard {entry['shard']}" not in damaged
        }
    if damaged:
        return {}
    return {name: entry for name, entry in manifest["shards"].items() if has_heatmaps(name)}


def _make_shards(
    folders: Folders,
    store_format: str,
    planned: Planned,
    kept: dict[str, dict[str, Any]],
    workers: Workers,
    progress: bool,
) -> dict[str, dict[str, Any]]:
    """Make all shards but those that are kept; manifest entries of all."""
    names = {entry.get("shard", name) for name, entry in kept.items()}
    jobs = [job for job in shard_jobs(folders, store_format, planned) if job.shard not in names]
    return kept | write_shards(jobs, planned.windows, workers, progress)


def _parts(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All entries of a manifest."""
    return {**manifest["files"], **manifest["shards"]}


def _shards(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The entries of a manifest's shards, whether they are files of their own or not."""
    in_files = {name: entry for name, entry in manifest["files"].items() if "shard" in entry}
    return {**in_files, **manifest["shards"]}


def _refuse_other_content(
    out: Path, expected: dict[str, dict[str, Any]], made: dict[str, dict[str, Any]]
) -> None:
    """Raise StoreError when something comes out other than the manifest has it."""
    for name in sorted({*made, *expected}):
        if made.get(name) != expected.get(name):
            raise _RefusedError(
                f"{out} is not what this command makes: {name} comes out different, so the "
                "annotations, their list of sums or this program have changed since; give the same "
                f"ones, {_OTHER_OUT}"
            )


def _put_in_place(folders: Folders) -> None:
    """Replace the files that differ, each at once, the manifest last."""
    (folders.out / LEGACY_RECIPE).unlink(missing_ok=True)
    files = [file for file in folders.building.rglob("*") if file.is_file()]
    files.sort(key=lambda file: (file.name == MANIFEST, file))
    for file in files:
        target = folders.out / file.relative_to(folders.building)
        if is_plain_file(target) and sha256_file(target) == sha256_file(file):
            continue
        make_folder(target.parent)
        file.replace(target)
        fsync_folder(target.parent)


def _summary(damaged: list[str]) -> str:
    if not damaged:
        return "store is complete: nothing to do"
    shown = ", ".join(damaged[:_NAMED])
    more = f", and {len(damaged) - _NAMED} more" if len(damaged) > _NAMED else ""
    parts = "1 part" if len(damaged) == 1 else f"{len(damaged):,} parts"
    return f"made {parts} again: {shown}{more}"
