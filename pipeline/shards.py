"""Making a store's shards: each by one task, in any order, written whole and noted in a journal."""

import json
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline.staging import SplitReader
from pipeline.worker_pool import WorkerDiedError, WorkerPoolError, Workers
from pose_smoother.boxes import nearest_pixel
from pose_smoother.errors import StoreError
from pose_smoother.files.atomic import append_line, sha256_file
from pose_smoother.store.layout import PlannedArray, Rows, ShardWritten, shard_name
from pose_smoother.store.names import FRAME_ARRAYS
from pose_smoother.store.open import format_module
from pose_smoother.store.rendered_frames import RenderedFrames

JOURNAL = "journal.jsonl"
SHARD_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Folders:
    """Where a build happens: ``building`` becomes the store, ``work`` is thrown away at the end."""

    out: Path
    building: Path
    work: Path

    @classmethod
    def beside(cls, out: Path) -> "Folders":
        """The two folders beside the store's final name."""
        return cls(out, out.parent / f".{out.name}.building", out.parent / f".{out.name}.work")


@dataclass(frozen=True)
class ShardJob:
    """One shard to be made: which array, which shard."""

    folders: Folders
    format: str
    array: PlannedArray
    index: int

    @property
    def shard(self) -> str:
        """The shard's name, such as ``train/heatmaps/00017``."""
        return shard_name(self.array.path, self.index)

    @property
    def n_rows(self) -> int:
        """Rows of the shard."""
        start, stop = self.array.shard_rows(self.index)
        return stop - start


def write_shards(
    jobs: list[ShardJob],
    windows: dict[str, NDArray[np.int64]],
    workers: Workers,
    progress: bool,
) -> dict[str, dict[str, Any]]:
    """Write every shard that the journal doesn't name yet; return all manifest entries."""
    done = _read_journal(jobs[0].folders)
    todo = [job for job in jobs if job.shard not in done]
    remote = [job for job in todo if job.array.path not in windows]
    remote.sort(key=lambda job: has_heatmaps(job.shard), reverse=True)
    total = sum(job.n_rows for job in jobs if has_heatmaps(job.shard))
    left = sum(job.n_rows for job in remote if has_heatmaps(job.shard))
    for job in (job for job in todo if job.array.path in windows):
        start, stop = job.array.shard_rows(job.index)
        done[job.shard] = _write(job, windows[job.array.path][start:stop])
    with tqdm(
        desc="heatmaps",
        unit="frame",
        total=total,
        initial=total - left,
        disable=not (progress and total),
    ) as bar:
        for job, written in _run_jobs(remote, workers):
            done[job.shard] = written
            bar.update(job.n_rows if has_heatmaps(job.shard) else 0)
    return {key: entry for written in done.values() for key, entry in written.entries.items()}


def has_heatmaps(shard: str) -> bool:
    """Whether a shard, by its name, is one of heatmaps."""
    return "/heatmaps/" in shard


def _write(job: ShardJob, data: Rows) -> ShardWritten:
    """Write a shard and note it: the process that wrote it does both, so a kill undoes but one."""
    write = format_module(job.format).write_shard
    written: ShardWritten = write(
        job.folders.building, job.folders.work, job.array, job.index, data
    )
    note(job.folders.work, written)
    return written


def note(work: Path, written: ShardWritten) -> None:
    """Add a finished shard to the journal."""
    append_line(work / JOURNAL, json.dumps(asdict(written)))


def _run_jobs(jobs: list[ShardJob], workers: Workers) -> Iterator[tuple[ShardJob, ShardWritten]]:
    """Results as they come; at most a few tasks wait at a time."""
    queue = iter(jobs)
    running: dict[Future[list[ShardWritten]], list[ShardJob]] = {}
    at_once = workers.shards_per_task(len(jobs))
    while True:
        while len(running) < workers.max_tasks and (some := list(islice(queue, at_once))):
            timeout_s = len(some) * SHARD_TIMEOUT_S
            running[workers.submit_shards(timeout_s, make_shards, some)] = some
        if not running:
            return
        finished, _ = wait(running, 2 * at_once * SHARD_TIMEOUT_S, FIRST_COMPLETED)
        if not finished:
            raise WorkerPoolError()
        for future in finished:
            some = running.pop(future)
            try:
                made = workers.shards_of(future, at_once * SHARD_TIMEOUT_S)
                yield from zip(some, made, strict=True)
            except WorkerDiedError as error:
                raise StoreError(
                    f"the worker that wrote shard {some[0].shard} {error}: what is done is kept; "
                    "run the same command again, with fewer --workers if memory is short"
                ) from None


@lru_cache(maxsize=4)
def _split_rows(work: Path, split: str, changed: tuple[int, int]) -> SplitReader:
    del changed  # a worker that outlives a build must not take its pieces for the next one's
    return SplitReader(work / "spool", np.load(work / f"pieces_{split}.npy"))


def make_shards(jobs: list[ShardJob]) -> list[ShardWritten]:
    """Some shards, one after the other."""
    return [make_shard(job) for job in jobs]


def make_shard(job: ShardJob) -> ShardWritten:
    """Compute and write one shard (runs in a worker process; owns the shard's file alone)."""
    split, name = job.array.path.split("/")
    pieces = (job.folders.work / f"pieces_{split}.npy").stat()
    rows = _split_rows(job.folders.work, split, (pieces.st_ino, pieces.st_mtime_ns))
    return _write(job, frame_array(rows, name, *job.array.shard_rows(job.index)))


def frame_array(rows: SplitReader, name: str, start: int, stop: int) -> Rows:
    """Rows ``start:stop`` of one per-frame array of a split, from the spool."""
    if name == "clip":
        return rows.clip_rows(start, stop)
    if name in ("boxes", "frame", "keypoints_exact"):
        return rows.read_rows(name, start, stop)
    keypoints = nearest_pixel(rows.read_rows("keypoints_exact", start, stop))
    annotated = keypoints[..., 0] >= 0
    if name == "keypoints":
        return keypoints
    if name == "annotated":
        return annotated
    if name == "heatmaps":
        return RenderedFrames(keypoints, annotated)
    raise KeyError(f"no rule for array {name!r} of {sorted(FRAME_ARRAYS)}")


def _read_journal(folders: Folders) -> dict[str, ShardWritten]:
    """Shards that are done and whole; a torn line or a lost file means: do it again."""
    done = {}
    for line in (folders.work / JOURNAL).read_text(errors="replace").splitlines():
        try:
            written = ShardWritten(**json.loads(line))
            home = folders.building if (folders.building / written.file).exists() else folders.work
            if sha256_file(home / written.file) == written.file_sha256:
                done[written.shard] = written
        except (ValueError, TypeError, OSError):
            continue
    return done
