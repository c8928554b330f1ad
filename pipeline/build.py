"""Preprocess: sources -> spool -> splits -> rendered shards -> a finished store (DESIGN 5, 9, 12).

Everything is written in a folder beside the store's final name and renamed at the end. A killed
build continues: the spool is kept once it is whole, and a journal names the shards that are done.
"""

import json
import shutil
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contract import seeds
from pipeline.contract.errors import PoseError, StoreError
from pipeline.contract.files import (
    fsync_folder,
    sha256_bytes,
    to_json,
    write_atomic,
    write_json,
)
from pipeline.contract.lock import only_writer
from pipeline.contract.schema import (
    PlannedArray,
    attributes,
    clip_arrays,
    plan_arrays,
)
from pipeline.contract.store import (
    CONTRACT_VERSION,
    MANIFEST,
    REPORT,
    SPLITS,
    STEPS,
    format_module,
)
from pipeline.ingest import Inputs, Scanned, fingerprint, ingest
from pipeline.plan import BuildConfig, Layout, ScannedClip, lay_out
from pipeline.scan import Workers
from pipeline.shards import JOURNAL, Folders, ShardJob, write_shards
from pipeline.sources import labelled_mask, source
from pipeline.spool import SplitRows
from pipeline.windows import window_starts

_SCAN = "scan.json"


def preprocess(
    inputs: Inputs,
    out: Path,
    config: BuildConfig,
    store_format: str = "zarr",
    n_workers: int = 1,
    progress: bool = True,
) -> None:
    """Build a store from annotation sources.

    The content depends on the inputs, the config and the format, never on the number of workers.

    Raises
    ------
    BadInput : nothing usable in the sources, or an action that no clip has.
    StoreError : something else stands at ``out`` already.
    """
    backend = format_module(store_format)
    folders = Folders.beside(out)
    key = sha256_bytes(to_json([fingerprint(inputs), config.resolved(), store_format]))
    with only_writer(out), Workers(n_workers) as workers:
        if _was_finished(folders, key):
            shutil.rmtree(folders.work)
            return
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise StoreError(f"{out} already exists: remove it, or choose another --out")
        scanned = _scan_once(inputs, folders, config, key, workers, progress)
        layout = lay_out(scanned.clips, config)
        arrays, windows = _plan(folders.work, layout, config.seed)
        if not (folders.work / JOURNAL).exists():
            labelled = {n: labelled_mask(source(n).LABELLED) for n in sorted(inputs.paths)}
            attrs = attributes(config.resolved(), _provenance(scanned, config), labelled)
            backend.create(folders.building, folders.work, arrays, attrs)
            (folders.work / JOURNAL).touch()
        jobs = [
            ShardJob(folders, store_format, array, index)
            for array in arrays.values()
            for index in range(array.n_shards)
        ]
        entries = write_shards(jobs, windows, workers, progress)
        _finish(folders, backend, arrays, layout, entries, scanned)


def _saved_scan(folders: Folders, key: str) -> dict[str, Any] | None:
    """The finished scan of a killed build of the same inputs and config, if there is one."""
    saved = folders.work / _SCAN
    if not saved.is_file():
        return None
    found: dict[str, Any] = json.loads(saved.read_bytes())
    return found if found["key"] == key else None


def _was_finished(folders: Folders, key: str) -> bool:
    """Whether a killed build had already renamed its store into place."""
    return (folders.out / MANIFEST).is_file() and _saved_scan(folders, key) is not None


def _scan_once(
    inputs: Inputs,
    folders: Folders,
    config: BuildConfig,
    key: str,
    workers: Workers,
    progress: bool,
) -> Scanned:
    """Read the sources into the spool, or take over the whole spool of a killed build."""
    if found := _saved_scan(folders, key):
        clips = [ScannedClip(**clip) for clip in found["clips"]]
        return Scanned(clips, found["files"], found["left_out"])
    for folder in (folders.building, folders.work):
        if folder.exists():
            shutil.rmtree(folder)
    folders.work.mkdir(parents=True)
    try:
        scanned = ingest(inputs, folders.work / "spool", config, workers, progress)
    except PoseError:
        shutil.rmtree(folders.work)
        raise
    record = {"key": key, "files": scanned.files, "left_out": scanned.left_out}
    clips_record = [asdict(clip) for clip in scanned.clips]
    write_atomic(folders.work / _SCAN, json.dumps(record | {"clips": clips_record}).encode())
    return scanned


def _provenance(scanned: Scanned, config: BuildConfig) -> dict[str, Any]:
    """Where the data came from; every single file's hash stands in report.json."""
    per_dataset: dict[str, list[str]] = {}
    for entry in scanned.files:
        per_dataset.setdefault(entry["dataset"], []).append(f"{entry['name']} {entry['sha256']}")
    try:
        code = version("pose-smoother")
    except PackageNotFoundError:
        code = "unknown"
    sources = [
        {"dataset": name, "files": len(lines), "sha256": sha256_bytes("\n".join(lines).encode())}
        for name, lines in sorted(per_dataset.items())
    ]
    return {"code_version": code, "seed": config.seed, "sources": sources}


def _plan(
    work: Path, layout: Layout, seed: int
) -> tuple[dict[str, PlannedArray], dict[str, NDArray[np.int64]]]:
    """All arrays, and the shuffled window starts of every split and step, by array path."""
    windows: dict[str, NDArray[np.int64]] = {}
    n_frames: dict[str, int] = {}
    for split_index, split in enumerate(SPLITS):
        np.save(work / f"pieces_{split}.npy", layout.pieces[split])
        rows = SplitRows(work / "spool", layout.pieces[split])
        n_frames[split] = rows.n_frames
        clip = rows.clip_rows(0, rows.n_frames)
        frame = rows.gather("frame", 0, rows.n_frames)
        for step in STEPS:
            starts = window_starts(clip, frame, step)
            order = seeds.rng(seed, seeds.WINDOW_ORDER, step, split_index).permutation(len(starts))
            windows[f"{split}/windows/step{step}"] = starts[order]
    counts = {
        (split, step): len(windows[f"{split}/windows/step{step}"])
        for split in SPLITS
        for step in STEPS
    }
    return plan_arrays(n_frames, counts), windows


def _finish(
    folders: Folders,
    backend: Any,
    arrays: dict[str, PlannedArray],
    layout: Layout,
    entries: dict[str, dict[str, Any]],
    scanned: Scanned,
) -> None:
    """Close the store: clips, report, then the manifest, the rename, and at last the clean-up."""
    building = folders.building
    clips = clip_arrays(layout.clip_rows)
    files = backend.finish(building, folders.work, arrays, clips)
    report = to_json({"files": scanned.files, "left_out": scanned.left_out})
    write_atomic(building / REPORT, report)
    files[REPORT] = {"sha256": sha256_bytes(report), "bytes": len(report)}
    manifest: dict[str, Any] = {
        "contract": CONTRACT_VERSION,
        "format": backend.FORMAT,
        "files": files | (entries if backend.SHARD_IS_FILE else {}),
        "shards": {} if backend.SHARD_IS_FILE else entries,
    }
    write_json(building / MANIFEST, manifest | {"seal": sha256_bytes(to_json(manifest))})
    if folders.out.is_dir():
        folders.out.rmdir()
    building.rename(folders.out)
    fsync_folder(folders.out.parent)
    shutil.rmtree(folders.work)
