"""Stored heatmaps of windows; their blocks are read ahead by one background thread.

A thread, never worker processes: moving dense batches between processes made them five times
slower, and stores opened before a fork give wrong data (MEASURED).
"""

import queue
import threading
import time
from collections.abc import Generator, Iterable
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pose_smoother.errors import DamagedShardError, StoreError
from pose_smoother.heatmap import SIZE
from pose_smoother.skeleton import N_KEYPOINTS
from pose_smoother.store.layout import shard_name
from pose_smoother.store.names import FRAME_ARRAYS, WINDOW_FRAMES
from pose_smoother.store.store import Store
from trainer.data.stored.shuffle import ReadPlan
from trainer.data.stored.sparse import (
    MOST_FILLED,
    Block,
    SparseFrames,
    WindowBuffer,
    joined,
    sparse,
)

_CHUNK = FRAME_ARRAYS["heatmaps"].chunk_frames
_POLL_S = 0.1
_JOIN_S = 10.0
READ_TIMEOUT_S = 300.0  # for one block, from a file system that may be slow but not dead


def stored_heatmaps(
    store: Store,
    split: str,
    windows: NDArray[np.int64],
    step: int,
    plan: ReadPlan,
    block_frames: int,
    buffer: Tensor,
) -> Generator[tuple[NDArray[np.int64], Tensor]]:
    """Batches of windows in a plan's order. Blocks are held, not windows: they share frames.

    Parameters
    ----------
    store, split, step : which windows.
    windows, block_frames : what the plan was made for.
    buffer : float32 (B, T, K, 56, 56) on any device; every batch is written into it, and nothing
        else may be.

    Yields
    ------
    int64 (b,) first frames, and float32 (b, T, K, 56, 56), the first b rows of ``buffer``.

    Raises
    ------
    DamagedShardError : stored heatmaps are damaged; names the shard.
    """
    reach = (WINDOW_FRAMES - 1) * step
    n_frames = store.n_frames(split)
    starts = plan.first_frame.tolist()
    ranges = [(start, min(start + block_frames + reach, n_frames)) for start in starts]
    held: dict[int, Block] = {}
    room = WindowBuffer(buffer)
    n_taken = 0
    with BlockReader(store, split, ranges) as reader:
        for start in range(0, len(plan.order), len(buffer)):
            batch = slice(start, start + len(buffer))
            first, reads = windows[plan.order[batch]], plan.read[batch].tolist()
            while n_taken <= max(reads):
                held[n_taken] = reader.next_block()
                n_taken += 1
            at = [frame - starts[read] for read, frame in zip(reads, first.tolist(), strict=True)]
            frames = [range(begin, begin + reach + 1, step) for begin in at]
            target = room.fill([(held[r], f) for r, f in zip(reads, frames, strict=True)])
            held = {read: held[read] for read in held if plan.last_use[read] >= batch.stop}
            yield first, target


class BlockReader:
    """Heatmaps of blocks of frames, in a given order, one block ahead of the consumer.

    Use as a context manager: leaving it stops the thread, whatever was read or not. Beside what
    the consumer keeps, at most two blocks are in memory (one waits, one is being read).

    Parameters
    ----------
    store, split : what to read from.
    ranges : (start, stop) frames of each block, in reading order.
    """

    def __init__(self, store: Store, split: str, ranges: Iterable[tuple[int, int]]) -> None:
        self._store = store
        self._split = split
        self._ranges = list(ranges)
        self._ready: queue.Queue[Block | BaseException] = queue.Queue(maxsize=1)
        self._stop = threading.Event()
        self._reading = ""
        self._thread = threading.Thread(target=self._run, name="heatmap reader", daemon=True)

    def __enter__(self) -> "BlockReader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_JOIN_S)  # one that hangs is left behind: it is a daemon

    def next_block(self) -> Block:
        """The next block: by what is not zero in it, or float32 (n, K, 56, 56) if that is much.

        Raises
        ------
        DamagedShardError : the stored bytes are damaged, or not finite; names the shard. Whatever
            else the reading thread met is raised here too.
        StoreError : the block can't be read in time, or the thread is gone; names the shards.
        """
        deadline = time.monotonic() + READ_TIMEOUT_S
        while True:
            try:
                block = self._ready.get(timeout=_POLL_S)
            except queue.Empty:
                alive = self._thread.is_alive()
                if alive and time.monotonic() < deadline:
                    continue
                how = f"was not read within {READ_TIMEOUT_S:g} s" if alive else "lost its reader"
                raise StoreError(
                    f"{self._reading or 'the first block'} of {self._store.path} {how}: check the "
                    "file system, then run the same command again"
                ) from None
            if isinstance(block, BaseException):
                raise block
            return block

    def _run(self) -> None:
        try:
            for start, stop in self._ranges:
                self._reading = _shards(self._split, start, stop)
                if self._stop.is_set() or not self._offer(self._read(start, stop)):
                    return
            self._offer(EOFError("no block is left to read"))
        except BaseException as error:
            self._offer(error)

    def _offer(self, item: Block | BaseException) -> bool:
        """Wait until the consumer has room; False when it has stopped meanwhile."""
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def _read(self, start: int, stop: int) -> Block:
        """A block, chunk by chunk: memory that is used again at once stays in the cache."""
        parts: list[SparseFrames] = []
        edges = [start, *range(start - start % _CHUNK + _CHUNK, stop, _CHUNK), stop]
        for begin, end in pairwise(edges):
            part = sparse(self._dense(begin, end), most=1.0 if parts else MOST_FILLED)
            if part is None:
                heatmaps = self._dense(start, stop)
                self._refuse_not_finite(heatmaps, start, stop)
                return torch.from_numpy(heatmaps)
            # What is not finite is not zero: the rest need not be looked at.
            self._refuse_not_finite(part.grain.view(np.float32), begin, end)
            parts.append(part)
        return joined(parts)

    def _dense(self, start: int, stop: int) -> NDArray[np.float32]:
        heatmaps = self._store.read(self._split, "heatmaps", start, stop)
        expected = (stop - start, N_KEYPOINTS, SIZE, SIZE)
        if heatmaps.shape != expected or heatmaps.dtype != np.float32:
            raise DamagedShardError(
                f"{self._where(start, stop)}: expected float32 {expected}, "
                f"found {heatmaps.dtype} {heatmaps.shape}"
            )
        return heatmaps

    def _refuse_not_finite(self, pixels: NDArray[np.float32], start: int, stop: int) -> None:
        # A sum is not finite when a term isn't; it costs a tenth of torch.isfinite.
        if not torch.isfinite(torch.from_numpy(pixels).sum()):
            shards = _shards(self._split, start, stop)
            raise DamagedShardError(
                f"{self._where(start, stop)}: a heatmap is not finite ({shards}); preprocess again"
            )

    def _where(self, start: int, stop: int) -> str:
        return f"{self._store.path}: {self._split}/heatmaps, frames {start} ... {stop - 1}"


def _shards(split: str, start: int, stop: int) -> str:
    """The shards that hold some frames' heatmaps, by name."""
    size = FRAME_ARRAYS["heatmaps"].shard_frames
    first, last = start // size, max(start, stop - 1) // size
    name = f"shard {shard_name(f'{split}/heatmaps', first)}"
    return name if first == last else f"{name} or {last:05d}"
