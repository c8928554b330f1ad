"""Who goes where: clips are split 60/20/20, whole videos together, so that no frame is shared.

Clips, not windows, are split: neighbouring windows share four of their five frames.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pose_smoother import seeds
from pose_smoother.store.names import SPLITS

Names = Sequence[str] | NDArray[np.str_] | NDArray[np.bytes_]

SHARES = (0.6, 0.2, 0.2)


def split_groups(
    groups: Names,
    n_windows: Sequence[int] | NDArray[np.integer],
    strata: Names,
    seed: int,
    shares: Sequence[float] = SHARES,
) -> NDArray[np.int8]:
    """The split of every clip, 60/20/20 by windows in each stratum (dataset).

    Groups are dealt in a seeded random order, each to the split that is furthest below its share,
    so that the shares are met to within one group.

    Parameters
    ----------
    groups : for each clip, what must stay together (its video); text or UTF-8 bytes.
    n_windows : for each clip, its number of windows.
    strata : for each clip, the dataset; each is split by itself.
    seed : of the random order.
    shares : of "train", "val" and "test".

    Returns
    -------
    int8 (clips,), which of ``SPLITS`` each clip goes to.
    """
    names, counts, found = np.asarray(groups), np.asarray(n_windows), np.zeros(len(groups), np.int8)
    stratum_of = np.asarray(strata)
    for index, stratum in enumerate(np.unique(stratum_of)):
        mine = np.flatnonzero(stratum_of == stratum)
        keys, group = np.unique(names[mine], return_inverse=True)
        weight = np.bincount(group, counts[mine]).astype(int)
        order = seeds.rng(seed, seeds.SPLIT, 0, index).permutation(len(keys))
        found[mine] = _deal(weight[order], shares)[np.argsort(order)][group]
    return found


def _deal(weights: NDArray[np.int_], shares: Sequence[float]) -> NDArray[np.int_]:
    """For each weight in turn, the share that lacks most."""
    total = int(weights.sum())
    lacking = [share * total for share in shares]
    dealt = np.zeros(len(weights), int)
    for index, weight in enumerate(weights):
        target = lacking.index(max(lacking))
        dealt[index] = target
        lacking[target] -= int(weight)
    return dealt


def cut_in_order(n_windows: Sequence[int]) -> list[tuple[int, int, int, str]]:
    """The thesis's way: all windows in file order, cut at 60 and 80 %.

    Returns
    -------
    (clip, first window, end window, split) for every piece, in order. The clip that lies across a
    cut gives two pieces, whose windows share frames: that is the leak to be measured.
    """
    total = sum(n_windows)
    bounds = [0, round(total * SHARES[0]), round(total * (SHARES[0] + SHARES[1])), total]
    pieces = []
    start = 0
    for clip, count in enumerate(n_windows):
        for split, low, high in zip(SPLITS, bounds, bounds[1:], strict=False):
            first, end = max(low, start), min(high, start + count)
            if first < end:
                pieces.append((clip, first - start, end - start, split))
        start += count
    return pieces
