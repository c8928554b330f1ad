"""The median of the frames around each frame, for each axis alone."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from pose_smoother.filters.base import Floats, Params, Run, Windows
from pose_smoother.filters.missing import around, nan_median, present_frames
from pose_smoother.filters.parameters import MOST_FRAMES, Parameter

NAME = "median"
LABEL = "Median"
PARAMETERS = {
    "width_frames": Parameter(5, "frames in the median", most=MOST_FRAMES, whole=True, odd=True),
}
#: Exchanged points are outliers to it.
REACHES_ACROSS_SWAPS = True
WORKS_IN_BLOCKS = True
TABLE_ROW = 3
GRID: tuple[Params, ...] = tuple({"width_frames": w} for w in (3, 5, 7, 9))

_CHUNK_FRAMES = 2048  # bounds memory
_CHUNK_VALUES = 1 << 14  # stay in the processor's cache
_WIDEST_SORTED = 15  # frames; wider windows would take too many comparisons of whole arrays


def smooth_windows(noisy: Windows, *, width_frames: int) -> Windows:
    """The median of the annotated frames around each frame; NaN stays NaN.

    Parameters
    ----------
    noisy : float32 (N, T, K, 2).
    width_frames : odd number of frames centred on each frame; those outside the window don't
        count, so 2 T - 1 takes the whole window everywhere.
    """
    half, n_frames = width_frames // 2, noisy.shape[1]
    medians = [nan_median(noisy[:, max(0, t - half) : t + half + 1]) for t in range(n_frames)]
    return np.where(present_frames(noisy), np.stack(medians, axis=1), np.float32(np.nan))


def smooth_run(run: Run, *, width_frames: int) -> Floats:
    """The median of the known frames around each frame of a run; fewer count at its ends."""
    return running_median(run.positions, width_frames)


def running_median(values: Floats, width_frames: int) -> Floats:
    """The median over a window centred on each row of (T, ...), NaN not counted."""
    if width_frames > _WIDEST_SORTED:
        return _by_sorting(values, width_frames)
    flat = values.reshape(len(values), -1)
    medians, half = np.empty_like(flat), width_frames // 2
    network = _network(width_frames)
    of_all = _needed(network, {half})
    n_rows = max(_CHUNK_VALUES // max(flat.shape[1], 1), 1)
    for start in range(0, len(flat), n_rows):
        stop = min(start + n_rows, len(flat))
        first, last = max(0, start - half), min(stop + half, len(flat))
        near = np.full((stop - start + 2 * half, flat.shape[1]), np.nan)
        near[first - start + half : last - start + half] = flat[first:last]
        rows = [near[i : i + stop - start] for i in range(width_frames)]
        known = np.isfinite(near)
        if known.all():
            medians[start:stop] = _sorted(rows, of_all)[half]
            continue
        filled = np.where(known, near, np.inf)  # last in order
        ordered = _sorted([filled[i : i + stop - start] for i in range(width_frames)], network)
        n_known = sum(known[i : i + stop - start].astype(np.intp) for i in range(width_frames))
        upper = np.choose(n_known // 2 % width_frames, ordered)
        lower = np.choose(np.maximum(n_known - 1, 0) // 2, ordered)
        medians[start:stop] = np.where(n_known > 0, 0.5 * (upper + lower), np.nan)
    return medians.reshape(values.shape)


def _by_sorting(values: Floats, width_frames: int) -> Floats:
    near = around(values, width_frames, np.nan)
    flat = near.reshape(len(values), -1, width_frames) if near.ndim == 2 else near
    medians = [
        nan_median(np.moveaxis(flat[i : i + _CHUNK_FRAMES], -1, 1))
        for i in range(0, len(values), _CHUNK_FRAMES)
    ]
    return np.concatenate(medians).reshape(values.shape)


@cache
def _network(n: int) -> tuple[tuple[int, int], ...]:
    """Pairs to be put in order, one after the other, that sort n numbers (Batcher 1968)."""
    pairs = []
    size = 1 << (n - 1).bit_length()
    part = 1
    while part < size:
        step = part
        while step >= 1:
            for start in range(step % part, size - step, 2 * step):
                for i in range(start, min(start + step, size - step)):
                    if i // (2 * part) == (i + step) // (2 * part) and i + step < n:
                        pairs.append((i, i + step))
            step //= 2
        part *= 2
    return tuple(pairs)


def _needed(network: Sequence[tuple[int, int]], places: set[int]) -> list[tuple[int, int]]:
    """The pairs of a network that decide what is at some places in the end."""
    found = []
    for pair in reversed(network):
        if places & set(pair):
            places = places | set(pair)
            found.append(pair)
    return found[::-1]


def _sorted(rows: Sequence[Floats], network: Sequence[tuple[int, int]]) -> list[Floats]:
    """Arrays of one shape, of which each element is sorted over the arrays."""
    rows = list(rows)
    for low, high in network:
        rows[low], rows[high] = (
            np.minimum(rows[low], rows[high]),
            np.maximum(rows[low], rows[high]),
        )
    return rows
