"""Preprocess: sources -> spool -> splits -> rendered shards -> a finished store (DESIGN 5, 9, 12).

Everything is written in a folder beside the store's final name and renamed at the end. A killed
build continues: the spool is kept once it is whole, and a journal names the shards that are done.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from pipeline.build_steps import (
    build_key,
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
from pipeline.ingest import IngestResult, Inputs
from pipeline.resume import resume
from pipeline.shards import JOURNAL, Folders, write_shards
from pipeline.worker_pool import Workers
from pose_smoother.files.atomic import fsync_folder
from pose_smoother.files.disk_errors import AtLeast, translate_disk_errors
from pose_smoother.files.lock import exclusive_lock, owner_file
from pose_smoother.stages import stage
from pose_smoother.store.open import format_module

_log = logging.getLogger(__name__)

_BASE_BYTES = 4 << 20


def preprocess(
    inputs: Inputs,
    out: Path,
    config: BuildConfig,
    store_format: str = "zarr",
    n_workers: int = 1,
    progress: bool = True,
    scheduler: str | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> None:
    """Build a store from annotation sources; one that exists is verified and mended.

    The content depends on the inputs, the config and the format, never on the number of workers.

    Parameters
    ----------
    n_workers : worker processes of this machine, or of a local cluster.
    scheduler : address of a Dask scheduler, or "local"; None makes no use of Dask.
    report : gets lines about the cluster, and about what was mended.

    Raises
    ------
    InvalidInputError : nothing usable in the sources, or an action that no clip has.
    StoreError : something else exists at ``out`` already (``pipeline.resume``).
    LockedError : another process is building it.
    DiskError : the disk is full, read-only or broken; what is done is kept.
    """
    frame_bytes = format_module(store_format).FRAME_BYTES
    folders = Folders.beside(out)
    scanned: list[IngestResult] = []

    def still_needed() -> int | None:
        n_frames = sum(found.n_frames for found in scanned)
        total = n_frames * frame_bytes + _BASE_BYTES
        left = max(_BASE_BYTES, total - _size(folders))
        return left if scanned else AtLeast(left)

    with (
        translate_disk_errors(out, still_needed, lambda: "What is done is kept."),
        exclusive_lock(out),
        _workers(out, n_workers, scheduler, report) as workers,
    ):
        key = build_key(inputs, config, store_format)
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            resume(inputs, folders, config, store_format, key, workers, progress, report)
            return
        with stage(_log, "parse the annotations"):
            scanned.append(scan_once(inputs, folders, config, key, workers, progress))
        with stage(_log, "plan the store"):
            planned = plan_store(folders.work, config)
        if not (folders.work / JOURNAL).exists():
            attrs = store_attributes(inputs, config, scanned[0].sources, code_version())
            create_store(folders, store_format, planned, attrs)
        jobs = shard_jobs(folders, store_format, planned)
        with stage(_log, f"make the shards, {n_workers} workers"):
            entries = write_shards(jobs, planned.windows, workers, progress)
        with stage(_log, "close the store"):
            close_store(folders, store_format, planned, entries, scanned[0].left_out, workers)
        if out.is_dir():
            out.rmdir()
        folders.building.rename(out)
        fsync_folder(out.parent)
        remove_work(folders)


def _workers(
    out: Path, n_workers: int, scheduler: str | None, report: Callable[[str], None]
) -> AbstractContextManager[Workers]:
    if scheduler is None:
        return Workers(n_workers)
    from pipeline.cluster.workers import dask_workers

    return dask_workers(scheduler, n_workers, owner_file(out), report)


def _size(folders: Folders) -> int:
    places = (folders.building, folders.work)
    return sum(f.stat().st_size for place in places for f in place.rglob("*") if f.is_file())
