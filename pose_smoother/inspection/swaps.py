"""Left and right keypoints that exchange places for some frames."""

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters.median import running_median
from pose_smoother.poses.tracks import Track

_WIDTH_FRAMES = 15
_BETTER = 0.5
_LEAST_APART = 0.15  # of the body: nearer partners cannot be told from each other


def swapped(track: Track, pairs: list[tuple[int, int]], size: float) -> NDArray[np.bool_]:
    """Points that have their partner's place, bool (n, K).

    Both partners are nearer to each other's median of the 15 frames around than to their own, by
    half, and those medians are apart.
    """
    found = np.zeros(track.keypoints.shape[:2], bool)
    if not pairs:
        return found
    for rows in track.runs():
        positions = track.keypoints[rows]
        usual = running_median(positions, _WIDTH_FRAMES)
        for left, right in pairs:
            kept = _apart(positions[:, left], usual[:, left])
            kept += _apart(positions[:, right], usual[:, right])
            crossed = _apart(positions[:, left], usual[:, right])
            crossed += _apart(positions[:, right], usual[:, left])
            clear = _apart(usual[:, left], usual[:, right]) > _LEAST_APART * size
            here = clear & (crossed < _BETTER * kept)
            found[rows, left] |= here
            found[rows, right] |= here
    return found


def _apart(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(one - two, axis=-1))
