"""The median of the frames around each frame, for each axis alone."""

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
TABLE_ROW = 3
GRID: tuple[Params, ...] = tuple({"width_frames": w} for w in (3, 5, 7, 9))

_CHUNK_FRAMES = 2048  # bounds memory


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
    near = around(values, width_frames, np.nan)
    flat = near.reshape(len(values), -1, width_frames) if near.ndim == 2 else near
    medians = [
        nan_median(np.moveaxis(flat[i : i + _CHUNK_FRAMES], -1, 1))
        for i in range(0, len(values), _CHUNK_FRAMES)
    ]
    return np.concatenate(medians).reshape(values.shape)
