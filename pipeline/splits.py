"""Who goes where: clips are split 60/20/20, whole videos together, so that no frame is shared.

Clips, not windows, are split: neighbouring windows share four of their five frames.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from pipeline.contract import seeds
from pipeline.contract.store import SPLITS

SHARES = (0.6, 0.2, 0.2)


def split_groups(
    groups: Sequence[str],
    n_windows: Sequence[int],
    strata: Sequence[str],
    seed: int,
    shares: Sequence[float] = SHARES,
) -> list[str]:
    """The split of every clip, 60/20/20 by windows in each stratum (dataset).

    Groups are dealt in a seeded random order, each to the split that is furthest below its share,
    so that the shares are met to within one group.

    Parameters
    ----------
    groups : for each clip, what must stay together (its video).
    n_windows : for each clip, its number of windows.
    strata : for each clip, the dataset; each is split by itself.
    seed : of the random order.
    shares : of "train", "val" and "test".

    Returns
    -------
    For each clip one of "train", "val", "test".
    """
    weight: dict[tuple[str, str], int] = defaultdict(int)
    for stratum, group, count in zip(strata, groups, n_windows, strict=True):
        weight[stratum, group] += count
    chosen: dict[tuple[str, str], str] = {}
    for index, stratum in enumerate(sorted(set(strata))):
        keys = sorted(key for key in weight if key[0] == stratum)
        order = seeds.rng(seed, seeds.SPLIT, 0, index).permutation(len(keys))
        total = sum(weight[key] for key in keys)
        lacking = [share * total for share in shares]
        for key in (keys[i] for i in order):
            target = int(np.argmax(lacking))
            chosen[key] = SPLITS[target]
            lacking[target] -= weight[key]
    return [chosen[key] for key in zip(strata, groups, strict=True)]


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
