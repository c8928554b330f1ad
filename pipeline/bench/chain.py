"""From annotations to a verified store, and the plain way beside it: rounds, in turns.

Both write below one folder. Before each, what else waits to be written is flushed, so that no side
pays for another's writes. Ours flushes its store and verifies it within its time. The plain way
doesn't flush, as nobody did; how long that would take is measured behind it.
"""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline.bench.memory import PeakMemory
from pipeline.bench.naive import Save, preprocess_plainly
from pipeline.build import preprocess
from pipeline.config import BuildConfig
from pipeline.ingest import Inputs
from pipeline.verify import verify
from pipeline.worker_pool import Workers
from pose_smoother.bench.timing import interleaved
from pose_smoother.errors import StoreError
from pose_smoother.files.atomic import fsync_tree
from pose_smoother.store.config import DENSE
from pose_smoother.store.names import SPLITS
from pose_smoother.store.open import open_store

PLAIN = "plain"
_PLAIN_LIMIT_S = 3600.0
_WAITING = ("Dirty:", "Writeback:")


@dataclass(frozen=True)
class Round:
    """One side, once.

    Attributes
    ----------
    side : a store's format (", impulse" behind it where positions stand for heatmaps), or
        ``PLAIN``.
    n_frames : that it made.
    wall_s, cpu_s : seconds by the clock, and of the processor in all its processes.
    opened_s, opened_cpu_s : of those, seconds that don't depend on ``n_frames`` (the plain way
        makes a part of the frames, but looks for all files).
    flush_s : seconds that flushing its files took after the clock was stopped.
    unwritten_mb : what the whole machine had still to write when the clock was stopped.
    bytes_a_frame, peak_gb : of the store, and of all processes' memory; NaN for the plain way.
    """

    side: str
    n_frames: int
    wall_s: float
    cpu_s: float
    flush_s: float
    unwritten_mb: float
    opened_s: float = 0.0
    opened_cpu_s: float = 0.0
    bytes_a_frame: float = float("nan")
    peak_gb: float = float("nan")

    def seconds_of(self, n_frames: int, flushed: bool = False) -> float:
        """By the clock, for another number of frames at this pace."""
        work_s = self.wall_s - self.opened_s + self.flush_s * flushed
        return self.opened_s + work_s * n_frames / self.n_frames

    def cpu_seconds_of(self, n_frames: int) -> float:
        """Of the processor, for another number of frames at this pace."""
        work_s = self.cpu_s - self.opened_cpu_s
        return self.opened_cpu_s + work_s * n_frames / self.n_frames


def measure_chain(
    inputs: Inputs,
    folder: Path,
    sides: Sequence[str],
    n_workers: int,
    plain_frames: int,
    save: Save,
    rounds: int,
    budget_s: float | None = None,
) -> list[Round]:
    """Every side once a round, in turns.

    Parameters
    ----------
    folder : for stores and the plain way's files; both are removed.
    sides : stores to be made, as ``Round`` names them.
    plain_frames : about how many frames the plain way makes a round.
    save : how the plain way writes a frame.
    budget_s : no further round is begun after as long; one is always timed.

    Raises
    ------
    StoreError : a store does not verify.
    """
    found: list[Round] = []

    def plain() -> None:
        found.append(_plain(inputs, folder / PLAIN, plain_frames, save))

    def ours(side: str) -> None:
        found.append(_ours(inputs, folder / "store", side, n_workers))

    in_turn: dict[str, Callable[[], None]] = {
        PLAIN: plain,
        **{side: partial(ours, side) for side in sides},
    }
    interleaved(in_turn, rounds, warmups=0, budget_s=budget_s)
    return found


def _ours(inputs: Inputs, store: Path, side: str, n_workers: int) -> Round:
    store_format, _, form = side.partition(", ")
    config = replace(_config(inputs), heatmaps=form or DENSE)
    _flush_all()
    memory = PeakMemory()
    try:
        began, began_cpu = time.perf_counter(), _cpu_s()
        with memory:
            preprocess(inputs, store, config, store_format, n_workers, progress=False)
            if problems := verify(store).problems:
                raise StoreError(f"{store} does not verify: {problems}")
        wall_s, cpu_s = time.perf_counter() - began, _cpu_s() - began_cpu
        unwritten_mb, flush_s = _unwritten_mb(), _flush_s(store)
        with open_store(store) as opened:
            n_frames = sum(opened.n_frames(split) for split in SPLITS)
        n_bytes = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    finally:
        shutil.rmtree(store, ignore_errors=True)
    return Round(
        side, n_frames, wall_s, cpu_s, flush_s, unwritten_mb,
        bytes_a_frame=n_bytes / n_frames, peak_gb=memory.peak_bytes / 1e9,
    )  # fmt: skip


def _plain(inputs: Inputs, folder: Path, n_frames: int, save: Save) -> Round:
    """In a process of its own, which ends with it: its libraries are not in our memory."""
    _flush_all()
    with Workers(1) as alone:
        return alone.call(_PLAIN_LIMIT_S, plain_round, inputs, folder, n_frames, save)


def plain_round(inputs: Inputs, folder: Path, n_frames: int, save: Save) -> Round:
    """The plain way, timed in this process, once it has been done for a clip or two to warm up."""
    try:
        (folder / "before").mkdir(parents=True)
        preprocess_plainly(inputs, folder / "before", 1, save)
        shutil.rmtree(folder / "before")
        began, began_cpu = time.perf_counter(), _cpu_s()
        done = preprocess_plainly(inputs, folder, n_frames, save)
        wall_s, cpu_s = time.perf_counter() - began, _cpu_s() - began_cpu
        unwritten_mb, flush_s = _unwritten_mb(), _flush_s(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Round(
        PLAIN, done.n_frames, wall_s, cpu_s, flush_s, unwritten_mb,
        done.opened_s, done.opened_cpu_s,
    )  # fmt: skip


def _flush_all() -> None:
    if hasattr(os, "sync"):
        os.sync()


def _flush_s(folder: Path) -> float:
    began = time.perf_counter()
    fsync_tree(folder)
    return time.perf_counter() - began


def _cpu_s() -> float:
    """Seconds of the processor so far, of this process and of those it started that have ended."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _unwritten_mb() -> float:
    """What waits in memory to be written to any disk; NaN where the system doesn't say."""
    info = Path("/proc/meminfo")
    if not info.exists():
        return float("nan")
    lines = [line.split() for line in info.read_text().splitlines()]
    return sum(int(words[1]) for words in lines if words[0] in _WAITING) / 1e3


def _config(inputs: Inputs) -> BuildConfig:
    return BuildConfig(actions=("all",) if "penn-action" in inputs.paths else None)
