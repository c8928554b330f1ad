"""The One-Euro filter (Casiez, Roussel and Vogel, CHI 2012): causal, smoother where slower."""

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters.moving import present_frames


def one_euro(
    noisy: NDArray[np.float32],
    *,
    min_cutoff_per_frame: float,
    beta_per_px: float,
    speed_cutoff_per_frame: float,
) -> NDArray[np.float32]:
    """Exponential smoothing whose cutoff rises with speed, each axis alone, from the past only.

    Time is counted in window frames, so nothing depends on a frame rate; across missing frames the
    recursion advances by the time that passed.

    Parameters
    ----------
    noisy : float32 (N, T, K, 2), heatmap pixels; NaN where not annotated.
    min_cutoff_per_frame : cutoff at rest, cycles a frame (the paper's f_cmin).
    beta_per_px : rise of the cutoff, (cycles / frame) / (px / frame).
    speed_cutoff_per_frame : cutoff of the speed's own smoothing, cycles a frame (f_cd).

    Returns
    -------
    float32 (N, T, K, 2), NaN where not annotated; the first annotated frame is kept.

    Source
    ------
    Algorithm 1 and equations 1 to 7 of the paper: speed is measured from the last estimate, and is
    0 at the first frame.
    """
    present = present_frames(noisy)
    smoothed = np.full_like(noisy, np.nan)
    last, speed = np.zeros_like(noisy[:, 0]), np.zeros_like(noisy[:, 0])
    elapsed = np.full_like(noisy[:, 0, :, :1], np.inf)  # frames since the last annotated one
    for t in range(noisy.shape[1]):
        here, started = present[:, t], np.isfinite(elapsed)
        moved = np.where(here & started, (noisy[:, t] - last) / elapsed, np.float32(0))
        faster = speed + _share(speed_cutoff_per_frame, elapsed) * (moved - speed)
        cutoff = np.float32(min_cutoff_per_frame) + np.float32(beta_per_px) * np.abs(faster)
        # With nothing before it (infinite time elapsed) a position is taken as it is.
        estimate = last + _share(cutoff, elapsed) * (noisy[:, t] - last)
        smoothed[:, t] = np.where(here, estimate, np.float32(np.nan))
        last, speed = np.where(here, estimate, last), np.where(here, faster, speed)
        elapsed = np.where(here, np.float32(1), elapsed + np.float32(1))
    return smoothed


def _share(
    cutoff_per_frame: NDArray[np.float32] | float, elapsed_frames: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Weight of the new value: 1 / (1 + tau / T) with tau = 1 / (2 pi cutoff), equation 4."""
    cycles = np.float32(2.0 * np.pi) * cutoff_per_frame * elapsed_frames
    return 1.0 / (1.0 + 1.0 / cycles)
