"""Normalised convolution (Knutsson & Westin 1993) of the known frames with a Gaussian."""

import math

import numpy as np

from pose_smoother.filters.base import Floats, Params, Run, Windows
from pose_smoother.filters.missing import present_frames
from pose_smoother.filters.parameters import MOST_FRAMES, Parameter

NAME = "gaussian"
LABEL = "Gaussian"
PARAMETERS = {
    "sigma_frames": Parameter(1.5, "standard deviation, frames", most=MOST_FRAMES),
}
TABLE_ROW = 2
GRID: tuple[Params, ...] = tuple({"sigma_frames": s} for s in (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0))

_TRUNCATE = 4.0  # standard deviations


def smooth_windows(noisy: Windows, *, sigma_frames: float) -> Windows:
    """Smooth windows float32 (N, T, K, 2); NaN stays NaN.

    Parameters
    ----------
    sigma_frames : standard deviation in window frames; never truncated within the window.
    """
    from scipy.ndimage import gaussian_filter1d

    n_windows, n_frames, n_keypoints, n_axes = noisy.shape
    present = present_frames(noisy)
    weights = gaussian_filter1d(
        np.eye(n_frames, dtype=np.float32),
        sigma_frames,
        axis=1,
        mode="constant",
        radius=n_frames - 1,
    )
    values = np.where(present, noisy, np.float32(0))
    total = weights @ values.reshape(n_windows, n_frames, n_keypoints * n_axes)
    below = (weights @ present[..., 0].astype(np.float32))[..., None]
    return np.divide(
        total.reshape(noisy.shape), below, out=np.full_like(noisy, np.nan), where=present
    )


def smooth_run(run: Run, *, sigma_frames: float) -> Floats:
    """Smooth a run; the Gaussian is truncated at four standard deviations.

    Weights of missing frames, and of frames beyond the run's ends, are shared by the others.
    """
    present = run.present[..., None]
    above = np.where(present, run.positions, 0.0)
    below = present.astype(np.float64)
    total, weight = above.copy(), below.copy()
    for lag in range(1, min(math.ceil(_TRUNCATE * sigma_frames), len(above) - 1) + 1):
        share = math.exp(-0.5 * (lag / sigma_frames) ** 2)
        for out, values in ((total, above), (weight, below)):
            out[lag:] += share * values[:-lag]
            out[:-lag] += share * values[lag:]
    return np.asarray(total / np.where(weight > 0, weight, 1.0))
