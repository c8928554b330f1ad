"""The stages that a build and a repair share: scan, plan, make shards, close."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.clip_table import ClipTable
from pipeline.config import BuildConfig, Layout, assign_splits
from pipeline.ingest import IngestResult, Inputs, fingerprint, ingest
from pipeline.ingest_report import report_pieces
from pipeline.recipe import Recipe
from pipeline.shards import JOURNAL, Folders, ShardJob
from pipeline.sources import labelled_mask, source
from pipeline.staging import CLIPS, FILES, SplitReader, spool_is_whole
from pipeline.windows import window_starts
from pipeline.worker_pool import WorkerDiedError, Workers
from pose_smoother import seeds
from pose_smoother.errors import PoseSmootherError, StoreError
from pose_smoother.files.atomic import (
    add_checksum,
    fsync_tree,
    remove_strays,
    sha256_bytes,
    to_json,
    write_atomic,
    write_pieces,
)
from pose_smoother.store.layout import PlannedArray, attributes, clip_arrays, plan_arrays
from pose_smoother.store.names import CONTRACT_VERSION, MANIFEST, RECIPE, REPORT, SPLITS, STEPS
from pose_smoother.store.open import format_module
from pose_smoother.versions import package_versions

SCAN = "scan.json"
_CLOSE_TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class Planned:
    """What a store will hold: arrays by path, and each array of windows."""

    layout: Layout
    arrays: dict[str, PlannedArray]
    windows: dict[str, NDArray[np.int64]]


def code_version() -> str:
    """The version of this program."""
    return package_versions("pose-smoother").get("pose-smoother", "unknown")


def build_key(inputs: Inputs, config: BuildConfig, store_format: str) -> str:
    """What a half-made build belongs to: it goes on only for the same files, options, format."""
    return sha256_bytes(to_json([fingerprint(inputs), config.resolved(), store_format]))


def saved_scan(folders: Folders, key: str) -> dict[str, Any] | None:
    """The finished scan of a killed build of the same inputs and config, if it is whole."""
    try:
        found: dict[str, Any] = json.loads((folders.work / SCAN).read_bytes())
        whole = found["key"] == key and spool_is_whole(folders.work / "spool", found["spool"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if whole else None


def scan_once(
    inputs: Inputs,
    folders: Folders,
    config: BuildConfig,
    key: str,
    workers: Workers,
    progress: bool,
) -> IngestResult:
    """Read the sources into the spool, or take over the whole spool of a killed build."""
    if found := saved_scan(folders, key):
        return IngestResult(found["n_frames"], found["left_out"], found["sources"], found["spool"])
    for folder in (folders.building, folders.work):
        if folder.exists():
            shutil.rmtree(folder)
    folders.work.mkdir(parents=True)
    try:
        scanned = ingest(inputs, folders.work / "spool", config, workers, progress)
    except PoseSmootherError:
        shutil.rmtree(folders.work)
        raise
    record = {
        "key": key,
        "n_frames": scanned.n_frames,
        "left_out": scanned.left_out,
        "sources": scanned.sources,
        "spool": scanned.spool_sha256,
    }
    write_atomic(folders.work / SCAN, json.dumps(record).encode())
    return scanned


def plan_store(work: Path, config: BuildConfig) -> Planned:
    """All arrays, and the shuffled window starts of every split and step, which stay on disk."""
    layout = assign_splits(ClipTable.read(work / "spool" / CLIPS), config)
    windows: dict[str, NDArray[np.int64]] = {}
    n_frames: dict[str, int] = {}
    for split_index, split in enumerate(SPLITS):
        np.save(work / f"pieces_{split}.npy", layout.pieces[split])
        rows = SplitReader(work / "spool", layout.pieces[split])
        n_frames[split] = rows.n_frames
        clip = rows.clip_rows(0, rows.n_frames)
        frame = rows.read_rows("frame", 0, rows.n_frames)
        for step in STEPS:
            starts = window_starts(clip, frame, step)
            random = seeds.rng(config.seed, seeds.WINDOW_ORDER, step, split_index)
            order = random.permutation(len(starts))
            name = f"{split}/windows/step{step}"
            windows[name] = _on_disk(work / f"windows_{split}_{step}.npy", starts[order])
    counts = {
        (split, step): len(windows[f"{split}/windows/step{step}"])
        for split in SPLITS
        for step in STEPS
    }
    return Planned(layout, plan_arrays(n_frames, counts), windows)


def _on_disk(file: Path, values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same values, in a file: they are as long as the store and needed by and by."""
    np.save(file, values)
    kept: NDArray[np.int64] = np.load(file, mmap_mode="r" if len(values) else None)
    return kept


def create_store(folders: Folders, planned: Planned, scanned: IngestResult, recipe: Recipe) -> None:
    """Write the arrays' metadata, then an empty journal: from then on shards are kept."""
    labelled = {n: labelled_mask(source(n).LABELLED) for n in sorted(recipe.inputs.paths)}
    code, seed = recipe.code_version, recipe.config.seed
    # Every single file's hash stands in report.json.
    provenance = {"code_version": code, "seed": seed, "sources": scanned.sources}
    attrs = attributes(recipe.config.resolved(), provenance, labelled)
    backend = format_module(recipe.format)
    backend.create(folders.building, folders.work, planned.arrays, attrs)
    (folders.work / JOURNAL).touch()


def shard_jobs(folders: Folders, store_format: str, planned: Planned) -> list[ShardJob]:
    """One job for each shard of every array."""
    return [
        ShardJob(folders, store_format, array, index)
        for array in planned.arrays.values()
        for index in range(array.n_shards)
    ]


def close_store(
    folders: Folders,
    planned: Planned,
    entries: dict[str, dict[str, Any]],
    scanned: IngestResult,
    recipe: Recipe,
    workers: Workers,
    with_recipe: bool = True,
) -> None:
    """Finish what lies in ``building``: clips, report, recipe, then the manifest.

    In a worker: HDF5 crashes its process when a disk is full. Stores of version 0.1.0's first days
    have no recipe; their manifests say nothing of one.
    """
    arrays, clips = planned.arrays, planned.layout.clips
    arguments = (folders, arrays, clips, entries, scanned.left_out, recipe, with_recipe)
    try:
        workers.call(_CLOSE_TIMEOUT_S, _close, *arguments)
    except WorkerDiedError as error:
        raise StoreError(
            f"the worker that closed the store {error}: the shards are kept; "
            "run the same command again"
        ) from None


def _close(
    folders: Folders,
    arrays: dict[str, PlannedArray],
    clips: dict[str, NDArray[Any]],
    entries: dict[str, dict[str, Any]],
    left_out: dict[str, int],
    recipe: Recipe,
    with_recipe: bool,
) -> None:
    building, backend = folders.building, format_module(recipe.format)
    remove_strays(building)
    files = backend.finish(building, folders.work, arrays, clip_arrays(clips))
    pieces = report_pieces(folders.work / "spool" / FILES, left_out)
    digest, n_bytes = write_pieces(building / REPORT, pieces)
    files[REPORT] = {"sha256": digest, "bytes": n_bytes}
    content: dict[str, Any] = {
        "contract": CONTRACT_VERSION,
        "format": backend.FORMAT,
        "files": files | (entries if backend.SHARD_IS_FILE else {}),
        "shards": {} if backend.SHARD_IS_FILE else entries,
    }
    manifest = add_checksum(content | ({"beside": [RECIPE]} if with_recipe else {}))
    if with_recipe:
        sealed_recipe = replace(recipe, manifest=sha256_bytes(manifest))
        write_atomic(building / RECIPE, sealed_recipe.to_bytes())
    fsync_tree(building)
    write_atomic(building / MANIFEST, manifest)


def remove_work(work: Path) -> None:
    """Delete a build's work folder; the saved scan last, which tells that the store was made."""
    if not work.exists():
        return
    for inner in work.iterdir():
        if inner.is_dir():
            shutil.rmtree(inner)
        elif inner.name != SCAN:
            inner.unlink()
    (work / SCAN).unlink(missing_ok=True)
    work.rmdir()
