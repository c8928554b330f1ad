"""Holes in a detector's output, filled before a classical smoother reads it.

Smoothers keep NaN where they find it, but a keypoint that the detector missed is still scored. So a
hole gets what anyone would put there: the line between the frames around it.
"""

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters.moving import present_frames
from pose_smoother.heatmap import SIZE

#: Where nothing is known of a keypoint in a whole window: the middle, as models see it.
MIDDLE_PX = (SIZE - 1) / 2


def filled(noisy: NDArray[np.float32], wanted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Noisy positions with their holes filled by linear interpolation over time.

    Parameters
    ----------
    noisy : float32 (N, T, K, 2), heatmap pixels; NaN where not detected.
    wanted : bool (N, T, K), where a position is needed.

    Returns
    -------
    float32 (N, T, K, 2): finite exactly where wanted. Before the first and after the last detected
    frame their position is held; without any, it is the heatmap's middle.
    """
    time = np.arange(noisy.shape[1])[:, None]
    present = present_frames(noisy)[..., 0]
    last = noisy.shape[1] - 1
    before = np.maximum.accumulate(np.where(present, time, -1), axis=1)
    after = np.minimum.accumulate(np.where(present, time, last + 1)[:, ::-1], axis=1)[:, ::-1]
    earlier = np.where(before < 0, after, before).clip(0, last)
    later = np.where(after > last, before, after).clip(0, last)
    share = (time - earlier) / np.maximum(later - earlier, 1)
    low = np.take_along_axis(noisy, earlier[..., None], axis=1)
    high = np.take_along_axis(noisy, later[..., None], axis=1)
    line = low + share[..., None].astype(np.float32) * (high - low)
    seen = np.asarray(present.any(axis=1, keepdims=True))
    line = np.where(seen[..., None], line, np.float32(MIDDLE_PX))
    line = np.where(present[..., None], noisy, line)
    return np.where(wanted[..., None], line, np.float32(np.nan))
