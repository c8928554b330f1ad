"""The mean of the frames around each frame."""

import numpy as np

from pose_smoother.filters.base import Floats, Params, Run, Windows
from pose_smoother.filters.interpolate import interpolate_missing
from pose_smoother.filters.missing import present_frames
from pose_smoother.filters.parameters import Parameter
from pose_smoother.filters.weighted_sums import weighted_sums

NAME = "mean"
LABEL = "Mean"
PARAMETERS: dict[str, Parameter] = {}
WORKS_IN_BLOCKS = True
TABLE_ROW = 1
GRID: tuple[Params, ...] = ({},)

_WIDTH = 5  # frames of a training window
_REACH = _WIDTH - 1  # of the windows that contain a frame, on each side of it
_WEIGHTS = np.convolve(np.ones(_WIDTH), np.ones(_WIDTH)) / _WIDTH**2
_CHUNK_FRAMES = 4096  # bounds memory


def smooth_windows(noisy: Windows) -> Windows:
    """The mean of a window's annotated frames, given to every one of them.

    Not a moving average that shrinks at the window's ends: that one never averages all frames at
    the ends and cannot reach the reference numbers of DESIGN section 8.

    Parameters
    ----------
    noisy : float32 (N, T, K, 2); NaN where not annotated, in the result as well.
    """
    present = present_frames(noisy)
    total = np.where(present, noisy, np.float32(0)).sum(axis=1, keepdims=True)
    n_frames = present.sum(axis=1, keepdims=True, dtype=np.float32)
    return np.where(present, total / np.maximum(n_frames, 1), np.float32(np.nan))


def smooth_run(run: Run) -> Floats:
    """The average over the five windows of five frames that contain a frame, of their means.

    So a frame in the middle of a run has the weights 1, 2, 3, 4, 5, 4, 3, 2, 1 of 25. Inside a
    window, missing frames and those beyond the run's ends are interpolated.
    """
    n, smoothed = len(run.positions), np.empty_like(run.positions)
    for start in range(0, n, _CHUNK_FRAMES):
        stop = min(start + _CHUNK_FRAMES, n)
        first, last = max(0, start - _REACH), min(stop + _REACH, n)
        found = _smoothed(run.positions[first:last])
        smoothed[start:stop] = found[start - first : stop - first]
    return smoothed


def _smoothed(positions: Floats) -> Floats:
    """`smooth_run` of all frames at once."""
    if len(positions) <= 2 * _REACH or not np.isfinite(positions).all():
        return _by_windows(positions)
    smoothed = weighted_sums(positions, _WEIGHTS)
    smoothed[:_REACH] = _by_windows(positions[: 2 * _REACH])[:_REACH]
    smoothed[-_REACH:] = _by_windows(positions[-2 * _REACH :])[-_REACH:]
    return smoothed


def _by_windows(positions: Floats) -> Floats:
    ends = np.full((_REACH, *positions.shape[1:]), np.nan)
    padded = np.concatenate([ends, positions, ends])
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WIDTH, axis=0)
    means = _window_means(np.moveaxis(windows, -1, 1))  # (T + 4, K, axes)
    known = np.isfinite(means)
    total = np.where(known, means, 0.0)
    n_frames = len(positions)
    above = sum(total[i : i + n_frames] for i in range(_WIDTH))
    below = sum(known[i : i + n_frames].astype(np.float64) for i in range(_WIDTH))
    return np.asarray(above / np.maximum(below, 1.0))


def _window_means(windows: Floats) -> Floats:
    """The means of windows (N, T, K, axes) with missing frames interpolated; NaN: all missing."""
    return interpolate_missing(windows).mean(axis=1)
