"""Boxes from noisy keypoints, steady over time, as training's boxes from the ground truth are.

Training cuts a tight box around the true keypoints of each frame. Around noisy ones that box is too
large and trembles: every keypoint's position in it then moves with every outlier. Here each
keypoint is first replaced by its median over five frames, which drops lone outliers, and the boxes
around those are averaged over nine frames. Of 44 ways measured on validation clips this comes out
with the best, close to boxes from the ground truth (docs/experiments.md).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pose_smoother.boxes import DEFAULT_EXPAND, boxes_around
from pose_smoother.filters.missing import nan_median

_MEDIAN_REACH = 2  # frames to each side
_MEAN_REACH = 4
_CHUNK = 8192  # frames; bounds memory


def steady_boxes(
    keypoints: NDArray[np.float64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    expand: float = DEFAULT_EXPAND,
    keep_aspect: bool = False,
) -> NDArray[np.float64]:
    """A box for every frame of one or more runs that follow one another.

    Parameters
    ----------
    keypoints : float64 (m, 25, 2), source pixels, NaN where missing.
    first, last : int64 (m,), the rows where the run of each frame starts and ends.
    expand, keep_aspect : as in `boxes_around`, as the model's store was built.

    Returns
    -------
    float64 (m, 4) as x0, y0, x1, y1; NaN only in runs of which no frame has a box.
    """
    boxes, _ = boxes_around(_medians(keypoints, first, last), expand, keep_aspect)
    total, count = np.zeros_like(boxes), np.zeros(len(boxes))
    for offset in range(-_MEAN_REACH, _MEAN_REACH + 1):
        row = np.arange(len(boxes)) + offset
        there = (row >= first) & (row <= last)
        there[there] = np.isfinite(boxes[row[there], 0])
        total[there] += boxes[row[there]]
        count += there
    with np.errstate(invalid="ignore"):
        means: NDArray[np.float64] = total / count[:, None]  # 0 / 0 is NaN: no box nearby
    for a, b in _runs_with_a_hole(means, first, last):
        _interpolate(means[a : b + 1])
    return means


def _medians(
    keypoints: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Each keypoint's median over the frames around, of its own run; also where it is missing."""
    medians = np.empty_like(keypoints)
    reach = np.arange(-_MEDIAN_REACH, _MEDIAN_REACH + 1)
    for at in range(0, len(keypoints), _CHUNK):
        rows = np.arange(at, min(at + _CHUNK, len(keypoints)))
        around = rows[:, None] + reach
        inside = (around >= first[rows, None]) & (around <= last[rows, None])
        values = keypoints[np.where(inside, around, 0)]
        values[~inside] = np.nan
        medians[rows] = nan_median(values)
    return medians


def _runs_with_a_hole(
    boxes: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> Iterator[tuple[int, int]]:
    """(first, last) of the runs that have frames with a box and frames without."""
    hole = np.isnan(boxes[:, 0])
    for a in np.unique(first[hole]).tolist():
        b = int(last[a])
        if not hole[a : b + 1].all():
            yield a, b


def _interpolate(boxes: NDArray[np.float64]) -> None:
    """Fill the missing rows of (m, 4) in place, linearly, and with the nearest box at the ends."""
    boxed = np.isfinite(boxes[:, 0])
    rows = np.arange(len(boxes))
    for side in range(4):
        boxes[~boxed, side] = np.interp(rows[~boxed], rows[boxed], boxes[boxed, side])
