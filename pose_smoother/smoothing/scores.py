"""Scores of keypoints: which points are not read by default.

Detectors give low scores to good points, too. Leaving out every point below a limit made the error
of 10 of 22 real recordings larger (docs/experiments.md), so by default a point is left out only if
its score is low and it is far from where the confident points around it are.
"""

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters.score_weights import are_probabilities
from pose_smoother.points import known_points
from pose_smoother.poses.tracks import Track

#: Scores below are low where ``min_score`` is not given.
DEFAULT_MIN_SCORE = 0.3
#: The same for the files of animal trackers, whose confident points are near 1.
MIN_SCORES = dict.fromkeys(("dlc", "sleap", "sleap-analysis", "nwb", "lightning-pose"), 0.6)

_NEIGHBOURS = 7  # confident points compared with
_REACH_FRAMES = 15  # to the nearest of them
#: Farther than so many times the usual distance from the median: 3 at a score of 0, and
_FARTHEST_AT_ZERO, _FARTHEST_AT_LIMIT = 3.0, 15.0


def default_min_score(format: str) -> float:
    """The score below which points of a format are low."""
    return MIN_SCORES.get(format, DEFAULT_MIN_SCORE)


def implausible(track: Track, limit: float) -> NDArray[np.bool_]:
    """Points of a score below the limit that are far from the confident points around them.

    Far is beyond all of the seven nearest confident points of the keypoint, from their median, and
    beyond 3 (at a score of 0) to 15 times (at the limit) the distance that is usual for it there.

    Returns
    -------
    bool (n, K). A keypoint without confident points within 15 frames is not judged.
    """
    found = np.zeros(track.score.shape, bool)
    if not are_probabilities(track.score):
        return found
    present = known_points(track.keypoints)
    low = present & (track.score < limit)  # a score that is not given is not low
    time = track.frame // track.step
    for k in np.flatnonzero(low.any(axis=0)).tolist():
        sure = np.flatnonzero(present[:, k] & ~low[:, k])
        rows = np.flatnonzero(low[:, k])
        if len(sure) >= _NEIGHBOURS:
            found[rows, k] = _far(track, k, sure, rows, time, limit)
    return found


def _far(
    track: Track,
    keypoint: int,
    sure: NDArray[np.int64],
    rows: NDArray[np.int64],
    time: NDArray[np.int64],
    limit: float,
) -> NDArray[np.bool_]:
    """Which rows are far from the confident rows around them."""
    positions = track.keypoints[:, keypoint]
    confident = positions[sure]
    around_sure, around = _nearest(sure, sure), _nearest(sure, rows)
    usual = np.linalg.norm(confident - np.median(confident[around_sure], axis=1), axis=-1)
    scale = np.maximum(np.median(usual[around], axis=1), np.median(usual))
    away = np.linalg.norm(positions[rows] - np.median(confident[around], axis=1), axis=-1)
    spread = np.ptp(confident[around], axis=1).max(axis=-1)
    share = np.clip(track.score[rows, keypoint] / limit, 0.0, 1.0)
    times = _FARTHEST_AT_ZERO + (_FARTHEST_AT_LIMIT - _FARTHEST_AT_ZERO) * share
    gap = np.abs(time[sure][around] - time[rows][:, None]).min(axis=1)
    return np.asarray((gap <= _REACH_FRAMES) & (away > spread) & (away > times * scale))


def _nearest(sure: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row, the indices into ``sure`` of the rows around it, int64 (rows, 7)."""
    first = np.searchsorted(sure, rows) - _NEIGHBOURS // 2
    first = np.clip(first, 0, len(sure) - _NEIGHBOURS)
    return first[:, None] + np.arange(_NEIGHBOURS)
