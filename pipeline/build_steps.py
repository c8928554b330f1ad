"""The steps of a build: scan, plan, make shards, close."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.clip_table import ClipTable
from pipeline.config import BuildConfig
from pipeline.ingest import IngestResult, Inputs, fingerprint, ingest
from pipeline.ingest_report import report_pieces
from pipeline.shards import JOURNAL, Folders, ShardJob
from pipeline.sources import labelled_mask, source
from pipeline.splits import Layout, assign_splits, window_starts
from pipeline.staging import CLIPS, FILES, SplitReader, spool_is_whole
from pipeline.worker_pool import WorkerDiedError, Workers
from pose_smoother import seeds
from pose_smoother.errors import InvalidInputError, PoseSmootherError, StoreError
from pose_smoother.files.atomic import (
    add_checksum,
    fsync_folder,
    fsync_tree,
    remove_strays,
    sha256_bytes,
    to_json,
    write_atomic,
    write_pieces,
)
from pose_smoother.store.config import DENSE
from pose_smoother.store.layout import PlannedArray, attributes, clip_arrays, plan_arrays
from pose_smoother.store.names import CONTRACT_VERSION, MANIFEST, REPORT, SPLITS, STEPS
from pose_smoother.store.open import format_module
from pose_smoother.versions import package_versions

SCAN = "scan.json"
#: A file in the folder of every build: what has it may be removed. It is flushed first, goes last.
_MARK = ".pose-smoother-build"
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
    begin_work(folders)
    try:
        scanned = ingest(inputs, folders.work / "spool", config, workers, progress)
    except PoseSmootherError:
        remove_work(folders)
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
    return Planned(layout, plan_arrays(n_frames, counts, config.heatmaps == DENSE), windows)


def _on_disk(file: Path, values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same values, in a file: they are as long as the store and needed piece by piece."""
    np.save(file, values)
    kept: NDArray[np.int64] = np.load(file, mmap_mode="r" if len(values) else None)
    return kept


def store_attributes(
    inputs: Inputs, config: BuildConfig, sources: list[dict[str, Any]], code: str
) -> dict[str, Any]:
    """The root attributes of a store; every single file's hash is in ``report.json``."""
    labelled = {name: labelled_mask(source(name).LABELLED) for name in sorted(inputs.paths)}
    provenance = {"code_version": code, "seed": config.seed, "sources": sources}
    return attributes(config.resolved(), provenance, labelled)


def create_store(
    folders: Folders, store_format: str, planned: Planned, attrs: dict[str, Any]
) -> None:
    """Write the arrays' metadata, then an empty journal: from then on shards are preserved."""
    backend = format_module(store_format)
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
    store_format: str,
    planned: Planned,
    entries: dict[str, dict[str, Any]],
    left_out: dict[str, int],
    workers: Workers,
) -> None:
    """Finish what is in ``building``: clips, report, then the manifest.

    In a worker process: HDF5 crashes its process when a disk is full.
    """
    arrays, clips = planned.arrays, planned.layout.clips
    arguments = (folders, store_format, arrays, clips, entries, left_out)
    try:
        workers.call(_CLOSE_TIMEOUT_S, _close, *arguments)
    except WorkerDiedError as error:
        raise StoreError(
            f"the worker that closed the store {error}: the shards are kept; "
            "run the same command again"
        ) from None


def _close(
    folders: Folders,
    store_format: str,
    arrays: dict[str, PlannedArray],
    clips: dict[str, NDArray[Any]],
    entries: dict[str, dict[str, Any]],
    left_out: dict[str, int],
) -> None:
    building, backend = folders.building, format_module(store_format)
    remove_strays(building)
    files = backend.finish(building, folders.work, arrays, clip_arrays(clips))
    pieces = report_pieces(folders.work / "spool" / FILES, left_out)
    digest, n_bytes = write_pieces(building / REPORT, pieces)
    files[REPORT] = {"sha256": digest, "bytes": n_bytes}
    manifest = add_checksum(
        {
            "contract": CONTRACT_VERSION,
            "format": backend.FORMAT,
            "files": files | (entries if backend.SHARD_IS_FILE else {}),
            "shards": {} if backend.SHARD_IS_FILE else entries,
        }
    )
    fsync_tree(building)
    write_atomic(building / MANIFEST, manifest)


def begin_work(folders: Folders) -> None:
    """Make the empty folder of a build, in the place of what a killed build left."""
    remove_work(folders)
    folders.work.mkdir(parents=True, exist_ok=True)
    (folders.work / _MARK).touch()  # at once: a build killed before this leaves an empty folder
    fsync_folder(folders.work)


def remove_work(folders: Folders) -> None:
    """Delete what a build leaves next to its store.

    Raises
    ------
    InvalidInputError : one of the folders is not known by the mark of a build: it is left alone.
    """
    work, building = folders.work, folders.building
    is_ours = (work / _MARK).is_file() and not work.is_symlink()
    for folder in (work, building):
        is_empty = folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())
        if os.path.lexists(folder) and not (is_ours or is_empty):
            raise InvalidInputError(
                f"{folder} is where a build keeps its files, but no build of this program made it: "
                "move it away, or remove it if it is of an earlier version"
            )
    if building.is_dir():
        shutil.rmtree(building)
        fsync_folder(building.parent)
    if not work.is_dir():
        return
    for inner in work.iterdir():  # the mark goes last: a killed removal goes on
        if inner.is_dir() and not inner.is_symlink():
            shutil.rmtree(inner)
        elif inner.name != _MARK:
            inner.unlink()
    fsync_folder(work)
    (work / _MARK).unlink(missing_ok=True)
    work.rmdir()
