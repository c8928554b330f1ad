"""Who is who, where a file does not say: people of neighbouring frames joined by overlap."""

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.tracks import Floats

#: Boxes of one person in neighbouring frames overlap at least so much (intersection over union).
MIN_IOU = 0.3


def _boxes(keypoints: Floats) -> Floats:
    """Boxes (m, 4) around the keypoints (m, J, 2) that are there; empty where none is."""
    missing = np.isnan(keypoints)
    low = np.where(missing, np.inf, keypoints).min(axis=1)
    high = np.where(missing, -np.inf, keypoints).max(axis=1)
    return np.concatenate([low, high], axis=1)


def overlaps(a: Floats, b: Floats) -> Floats:
    """Intersection over union of every box of a (m, 4) and of b (k, 4), 0 for empty ones."""
    size = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared = np.where(np.isfinite(size), size, 0.0).clip(min=0).prod(axis=2)
    with np.errstate(invalid="ignore"):
        area_a, area_b = ((x[:, 2:] - x[:, :2]).clip(min=0).prod(axis=1) for x in (a, b))
        union = area_a[:, None] + area_b[None, :] - shared
    return np.divide(
        shared, union, out=np.zeros_like(shared), where=np.isfinite(union) & (union > 0)
    )


def link(frame: NDArray[np.int64], keypoints: Floats, step: int) -> list[str]:
    """Names for the people of one video: ``link-1``, ``link-2``, … in order of appearance.

    Where no frame has two people, all are one. Otherwise each person is joined to the person of
    the frame before whose box overlaps most, the best pairs first, at least `MIN_IOU`; the rest are
    new.

    Parameters
    ----------
    frame : int64 (m,), the frame of each.
    keypoints : float64 (m, J, 2), NaN where missing.
    step : the difference of neighbouring frames.
    """
    if len(np.unique(frame)) == len(frame):
        return ["link-1"] * len(frame)
    boxes = _boxes(keypoints)
    rows_of = {int(f): np.flatnonzero(frame == f) for f in np.unique(frame)}
    names = [0] * len(frame)
    n_people = 0
    for f, rows in rows_of.items():
        before = rows_of.get(f - step, rows[:0])
        score = overlaps(boxes[before], boxes[rows])
        while score.size and score.max() >= MIN_IOU:
            i, j = np.unravel_index(np.argmax(score), score.shape)
            names[rows[j]] = names[before[i]]
            score[i, :] = score[:, j] = 0
        for row in rows:
            if not names[row]:
                n_people += 1
                names[row] = n_people
    return [f"link-{name}" for name in names]
