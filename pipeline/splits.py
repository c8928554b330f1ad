"""Which split every clip goes to, 60/20/20, and which windows of frames a split has.

Clips, not windows, are split, whole videos together: neighbouring windows share four of their five
frames. Blocks of neighbouring ids stay together where a source says that those often share a video.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.clip_table import TEXTS, ClipTable
from pipeline.config import BuildConfig
from pipeline.sources import sources
from pose_smoother import seeds
from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.store.config import CLIP, NEIGHBOURS, THESIS, neighbour_block
from pose_smoother.store.layout import text_column
from pose_smoother.store.names import SPLITS, WINDOW_FRAMES

Names = Sequence[str] | NDArray[np.str_] | NDArray[np.bytes_]

SHARES = (0.6, 0.2, 0.2)
#: Of a dataset with fewer blocks of neighbouring ids, single clips are split: so few blocks cannot
#: meet the shares.
LEAST_BLOCKS = 10


@dataclass(frozen=True)
class Layout:
    """The clips table and, for each split, its pieces: int64 (n, 3) clip row, spool start, end.

    ``clips`` has the columns of ``CLIP_COLUMNS``, text as UTF-8 bytes.
    """

    clips: dict[str, NDArray[Any]]
    pieces: dict[str, NDArray[np.int64]]


def assign_splits(clips: ClipTable, config: BuildConfig) -> Layout:
    """Decide the split of every clip (or, by the thesis's protocol, of every run of windows)."""
    if config.protocol == THESIS:
        clip, start, stop, split = _thesis_parts(clips)
    else:
        clip, split = np.arange(len(clips)), _splits(clips, config).astype(np.int64)
        start, stop = clips["start"], clips["stop"]
    columns = {name: clips[name][clip] for name in (*TEXTS, "fps")}
    # Only unbroken clips are cut, so frames and rows count alike.
    columns["first_frame"] = clips["first_frame"][clip] + start - clips["start"][clip]
    columns["n_frames"] = stop - start
    columns["split"] = text_column(SPLITS)[split] if len(clip) else text_column([])
    pieces = {}
    for index, name in enumerate(SPLITS):
        rows = np.flatnonzero(split == index)
        pieces[name] = np.stack([rows, start[rows], stop[rows]], axis=1)
    return Layout(columns, pieces)


def _splits(clips: ClipTable, config: BuildConfig) -> NDArray[np.int8]:
    """Which split each clip goes to, whole groups together."""
    present = [name.decode() for name in np.unique(clips["action"])]
    for name in config.test_actions:
        if name not in present:
            raise unknown_name("test action", name, present)
    groups = _groups(clips, config.group_by)
    showing = np.isin(clips["action"], text_column(config.test_actions))
    held = np.isin(groups, groups[showing])
    rest = np.flatnonzero(~held)
    if not len(rest):
        raise InvalidInputError("every video shows a test action: nothing is left to train on")
    halves = (SHARES[0] / sum(SHARES[:2]), SHARES[1] / sum(SHARES[:2]), 0.0)
    found = np.full(len(clips), SPLITS.index("test"), np.int8)
    found[rest] = split_groups(
        groups[rest],
        clips["n_windows"][rest],
        clips["dataset"][rest],
        config.seed,
        halves if held.any() else SHARES,
    )
    return found


def _groups(clips: ClipTable, group_by: str) -> NDArray[np.bytes_]:
    """The group of each clip: its video, a block of neighbouring ids, or its chain of clips."""
    if group_by == NEIGHBOURS:
        return _neighbours(clips)
    if group_by != CLIP:
        return clips["video"]
    order = np.lexsort((clips["first_frame"], clips["video"]))
    first, last = clips["first_frame"][order], clips["last_frame"][order]
    # Each video's frames lie above those of the videos before it.
    span = int(last.max(initial=0)) + 1
    above = np.unique(clips["video"][order], return_inverse=True)[1] * span
    reached = np.maximum.accumulate(above + last)  # by all clips before, not the last one only
    alone = np.concatenate([[True], (above + first)[1:] > reached[:-1]])
    first_of_chain = order[np.flatnonzero(alone)[np.cumsum(alone) - 1]]
    group = np.empty_like(clips["id"])
    group[order] = clips["id"][first_of_chain]
    return group


def _neighbours(clips: ClipTable) -> NDArray[np.bytes_]:
    """The video of each clip; of sources that say so, its block of neighbouring ids and action.

    Ids are numbers in such a source, and others are a block of their own; a video never goes on in
    another action.
    """
    group = clips["video"].copy()
    for name, module in sources().items():
        n_ids = getattr(module, "NEIGHBOURING_IDS", 1)
        rows = np.flatnonzero(clips["dataset"] == name.encode())
        if n_ids == 1 or not len(rows):
            continue
        keys = [
            neighbour_block(action.decode(), text.decode(), n_ids)
            for action, text in zip(clips["action"][rows], clips["id"][rows], strict=True)
        ]
        if len(set(keys)) >= LEAST_BLOCKS:
            named = text_column(keys)
            group = group.astype(np.promote_types(group.dtype, named.dtype))
            group[rows] = named
    return group


def _thesis_parts(clips: ClipTable) -> tuple[NDArray[np.int64], ...]:
    """Pieces of clips for windows cut in file order; only unbroken clips are cut within.

    A clip that has no window is kept as well, on the side where the clip before it ends.

    Returns
    -------
    Clip, start and stop in the spool, and split of each piece.
    """
    pieces = defaultdict(list)
    for index, first, end, name in cut_in_order(clips["n_windows"].tolist()):
        pieces[index].append((first, end, SPLITS.index(name)))
    parts = []
    side, tail = 0, WINDOW_FRAMES - 1
    for index in range(len(clips)):
        start, mine = int(clips["start"][index]), pieces.pop(index, [])
        if len(mine) > 1 and clips["unbroken"][index]:
            parts += [(index, start + a, start + b + tail, split) for a, b, split in mine]
        else:
            split = mine[0][2] if mine else side
            parts.append((index, start, int(clips["stop"][index]), split))
        side = mine[-1][2] if mine else side
    columns = np.array(parts, np.int64).reshape(-1, 4)
    return tuple(columns.T)


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
    (clip, first window, end window, split) for every piece, in order. The clip that crosses a
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


def window_starts(
    clip: NDArray[np.integer], frame: NDArray[np.integer], step: int
) -> NDArray[np.int64]:
    """Index of the first frame of every window, in order (stride 1).

    Parameters
    ----------
    clip : (n,), the clip row of each stored frame; frames of a clip are contiguous.
    frame : (n,), source frame numbers, strictly increasing inside a clip.
    step : frames from one frame of the window to the next.

    Returns
    -------
    int64 (windows,): window w covers w, w + step, ..., w + 4 * step. Since frame numbers increase
    strictly, the run is unbroken exactly when the last number is the first plus 4 * step.
    """
    span = (WINDOW_FRAMES - 1) * step
    if len(frame) <= span:
        return np.zeros(0, np.int64)
    whole = (clip[span:] == clip[:-span]) & (frame[span:] - frame[:-span] == span)
    return np.flatnonzero(whole).astype(np.int64)
