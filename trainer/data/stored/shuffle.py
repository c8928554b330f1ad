"""Orders in which windows can be read from disk block by block, and still come out shuffled.

A uniform shuffle would read a shard for every window. Here blocks of neighbouring frames are read
in random order, and each window comes out after a random delay of up to a pool's length, so a batch
is drawn evenly from all the frames held. The delays wrap around the epoch's end: its first batches
are as well mixed as the others, for the price of reading one pool's blocks twice.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pose_smoother.seeds import TRAIN_ORDER, rng


@dataclass(frozen=True)
class ReadPlan:
    """An order of windows, and the blocks to read for it.

    Attributes
    ----------
    order : int64 (n,), positions in the given windows.
    read : int64 (n,), for each of ``order``, the read (index into ``first_frame``) that serves it.
    first_frame : int64 (n_reads,), where each block starts; a multiple of the block's length.
        Reads are in the order of first use.
    last_use : int64 (n_reads,), index into ``order`` after which a block can be let go.
    """

    order: NDArray[np.int64]
    read: NDArray[np.int64]
    first_frame: NDArray[np.int64]
    last_use: NDArray[np.int64]


def plan_shuffled(
    windows: NDArray[np.int64],
    block_frames: int,
    pool_frames: int,
    seed: int,
    epoch: int,
    skip: int = 0,
    hold_frames: int = 0,
) -> ReadPlan:
    """Block-shuffled order of one training epoch.

    Parameters
    ----------
    windows : int64 (n,), first frames; a window belongs to the block of its first frame.
    block_frames : frames a block.
    pool_frames : how far windows are delayed, in frames read. No more than
        ``pool_frames / block_frames + 2`` blocks are needed at a time.
    seed, epoch : name the permutation.
    skip : windows at the start of the order that are left out, to continue within an epoch.
    hold_frames : an epoch of no more is held completely, though its pool is shorter: else most of a
        small store would be read twice. The order is the same.

    Returns
    -------
    ReadPlan, the same for the same arguments; with ``skip`` 0 its order is a permutation.
    """
    random = rng(seed, TRAIN_ORDER, epoch)
    blocks, of_window = np.unique(windows // block_frames, return_inverse=True)
    rank = random.permutation(len(blocks))[of_window]
    epoch_frames = len(blocks) * block_frames
    delay_frames = random.random(len(windows)) * min(pool_frames, epoch_frames)
    due = rank * block_frames + delay_frames
    wraps = due >= epoch_frames
    order = np.argsort(np.where(wraps, due - epoch_frames, due), kind="stable")
    # A wrapped window's block is needed at the epoch's start and again at its end, and is read for
    # both, unless everything is held.
    read_again = wraps & (max(pool_frames, hold_frames) < epoch_frames)
    return _plan(windows // block_frames, read_again, order[skip:], block_frames)


def plan_ascending(windows: NDArray[np.int64], block_frames: int, skip: int = 0) -> ReadPlan:
    """Windows by first frame: every block is read once, and one is needed at a time."""
    order = np.argsort(windows, kind="stable")[skip:]
    return _plan(windows // block_frames, np.zeros(len(windows), bool), order, block_frames)


def _plan(
    block: NDArray[np.int64],
    read_again: NDArray[np.bool_],
    order: NDArray[np.int64],
    block_frames: int,
) -> ReadPlan:
    """Number the reads that an order needs by their first use."""
    wanted = 2 * block[order] + read_again[order]
    found, first_use, inverse = np.unique(wanted, return_index=True, return_inverse=True)
    by_use = np.argsort(first_use)
    rank = np.empty_like(by_use)
    rank[by_use] = np.arange(len(by_use))
    read = rank[inverse]
    last_use = np.zeros(len(found), dtype=np.int64)
    last_use[read] = np.arange(len(order))  # the last of repeated indices wins
    return ReadPlan(order, read, found[by_use] // 2 * block_frames, last_use)
