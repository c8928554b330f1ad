"""The Hampel filter: outliers are replaced by the median of the frames around them."""

import numpy as np

from pose_smoother.filters.base import Floats, Params, Run, Windows
from pose_smoother.filters.median import running_median
from pose_smoother.filters.missing import around, nan_median
from pose_smoother.filters.parameters import MOST_FRAMES, Parameter
from pose_smoother.filters.window_runs import smooth_as_runs

NAME = "hampel"
LABEL = "Hampel"
PARAMETERS = {
    "width_frames": Parameter(7, "frames compared", most=MOST_FRAMES, whole=True, odd=True),
    "n_sigmas": Parameter(3.0, "largest distance from the median, standard deviations"),
}
#: Exchanged points are outliers to it.
REACHES_ACROSS_SWAPS = True
#: In chains of the results tables.
GRID: tuple[Params, ...] = (
    {"width_frames": 5, "n_sigmas": 2.0},
    {"width_frames": 5, "n_sigmas": 3.0},
    {"width_frames": 9, "n_sigmas": 3.0},
)

#: Standard deviation of a normal distribution over its median absolute deviation.
_SIGMA_PER_MAD = 1.4826
_CHUNK_FRAMES = 2048  # bounds memory


def smooth_run(run: Run, *, width_frames: int, n_sigmas: float) -> Floats:
    """Replace what is farther from the median than so many standard deviations, each axis alone.

    The standard deviation is 1.4826 times the median absolute deviation of the known frames around
    each frame; fewer frames count at the run's ends.

    Source
    ------
    Hampel 1974; Pearson 2002, "Outliers in process modeling and identification".
    """
    positions = run.positions
    medians = running_median(positions, width_frames)
    near = around(positions, width_frames, np.nan)
    spread = np.empty_like(positions)
    for i in range(0, len(positions), _CHUNK_FRAMES):
        rows = slice(i, i + _CHUNK_FRAMES)
        off = np.abs(near[rows] - medians[rows, ..., None])
        spread[rows] = nan_median(np.moveaxis(off, -1, 1))
    outlier = np.abs(positions - medians) > n_sigmas * _SIGMA_PER_MAD * spread
    return np.where(outlier, medians, positions)


def smooth_windows(noisy: Windows, *, width_frames: int, n_sigmas: float) -> Windows:
    """Windows without their outliers; NaN stays NaN."""
    return smooth_as_runs(noisy, smooth_run, width_frames=width_frames, n_sigmas=n_sigmas)
