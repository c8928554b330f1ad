"""Normalised convolution (Knutsson & Westin 1993) of the known frames with a Gaussian."""

import math

import numpy as np

from pose_smoother.filters.base import Floats, Params, Run, Windows
from pose_smoother.filters.missing import present_frames
from pose_smoother.filters.parameters import MOST_FRAMES, Parameter
from pose_smoother.filters.weighted_sums import weighted_sums

NAME = "gaussian"
LABEL = "Gaussian"
PARAMETERS = {
    "sigma_frames": Parameter(1.5, "standard deviation, frames", most=MOST_FRAMES),
}
WORKS_IN_BLOCKS = True
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
    reach = min(math.ceil(_TRUNCATE * sigma_frames), len(present) - 1)
    shares = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_frames) ** 2)
    shares /= shares.sum()
    if not present.all():
        total = weighted_sums(np.where(present, run.positions, 0.0), shares)
        weight = weighted_sums(present.astype(np.float64), shares)
        return np.asarray(total / np.where(weight > 0, weight, 1.0))
    total = weighted_sums(run.positions, shares)
    weight = weighted_sums(np.ones((min(len(total), 2 * reach + 1), 1, 1)), shares)
    last = total[max(reach, len(total) - reach) :]
    total[:reach] /= weight[:reach]
    last /= weight[len(weight) - len(last) :]
    return total
