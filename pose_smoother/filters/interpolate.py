"""Missing positions, estimated on the line between the frames around them."""

from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters.missing import present_frames
from pose_smoother.heatmap import SIZE

_Float = TypeVar("_Float", np.float32, np.float64)

#: Where nothing is known of a keypoint in a whole window: the middle, as models see it.
MIDDLE_PX = (SIZE - 1) / 2


def interpolate_missing(
    windows: NDArray[_Float],
    *,
    wanted: NDArray[np.bool_] | None = None,
    unseen: Literal["missing", "middle"] = "missing",
) -> NDArray[_Float]:
    """Windows with missing positions interpolated linearly over time.

    Filters leave NaN where they find it, but a keypoint that the detector missed is still scored,
    and a model needs a number everywhere.

    Parameters
    ----------
    windows : float32 or float64 (N, T, K, axes); NaN where missing.
    wanted : bool (N, T, K), where a position is needed; None: everywhere.
    unseen : what a keypoint that is nowhere in its window gets: NaN, or the heatmap's middle.

    Returns
    -------
    The same type and shape. Before the first and after the last known frame their position is
    repeated. With ``wanted``, NaN elsewhere.
    """
    present = present_frames(windows)[..., 0]
    if present.all() and wanted is None:
        return windows
    n_frames = windows.shape[1]
    last = n_frames - 1
    frame = np.arange(n_frames)[:, None]
    before = np.maximum.accumulate(np.where(present, frame, -1), axis=1)
    after = np.minimum.accumulate(np.where(present, frame, n_frames)[:, ::-1], axis=1)[:, ::-1]
    earlier = np.where(before < 0, after, before).clip(0, last)
    later = np.where(after > last, before, after).clip(0, last)
    share = (frame - earlier) / np.maximum(later - earlier, 1)
    low = np.take_along_axis(windows, earlier[..., None], axis=1)
    high = np.take_along_axis(windows, later[..., None], axis=1)
    if unseen == "middle":
        line = low + share[..., None].astype(np.float32) * (high - low)
        seen = np.asarray(present.any(axis=1, keepdims=True))
        line = np.where(seen[..., None], line, np.float32(MIDDLE_PX))
    else:
        line = (low + share[..., None] * (high - low)).astype(windows.dtype)
    line = np.where(present[..., None], windows, line)
    return line if wanted is None else np.where(wanted[..., None], line, np.float32(np.nan))
