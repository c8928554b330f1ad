"""Which skeleton keypoints without names most likely have, by the lengths of its limbs.

A skeleton of another order joins keypoints that are far apart: read as BODY_25, the limbs of a
recording in BODY_25B are twice as long as they are.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pose_smoother.points import points_within
from pose_smoother.poses.skeletons import Skeleton
from pose_smoother.poses.tracks import FARTHEST

#: Longer limbs, in units of the keypoints' mean distance from their centre, are implausible:
#: limbs of people are at 0.4 to 0.7, those between random points at 1.4.
MAX_LENGTH = 0.9
#: Limbs must be shorter than those of any other skeleton by this factor. On 17 recordings of five
#: detectors the right skeleton's are at 0.33 to 0.72 of the second's.
MARGIN = 0.85
_MAX_ROWS = 200


def limb_length(skeleton: Skeleton, keypoints: NDArray[np.float64]) -> float:
    """The mean over limbs of their median length, in units of the keypoints' size.

    Parameters
    ----------
    keypoints : float64 (N, K, axes) of any people and frames, NaN where missing.

    Returns
    -------
    The mean over limbs that are ever seen; infinity where none is.
    """
    rows = np.linspace(0, len(keypoints) - 1, min(len(keypoints), _MAX_ROWS)).astype(int)
    points = keypoints[rows]
    known = points_within(points, FARTHEST)
    n_known = np.maximum(known.sum(axis=1), 1)
    zeroed = np.where(known[..., None], points, 0.0)
    centre = zeroed.sum(axis=1) / n_known[:, None]
    away = np.where(known, np.linalg.norm(zeroed - centre[:, None], axis=-1), 0.0)
    size = away.sum(axis=1) / n_known
    medians = []
    for a, b in skeleton.limbs:
        seen = known[:, a] & known[:, b] & (size > 0)
        if seen.any():
            length = np.linalg.norm(points[seen, a] - points[seen, b], axis=-1)
            medians.append(np.median(length / size[seen]))
    return float(np.mean(medians)) if medians else float("inf")


def most_plausible(
    candidates: Sequence[Skeleton], keypoints: NDArray[np.float64]
) -> Skeleton | None:
    """The skeleton whose limbs are clearly the shortest, None where none is.

    Parameters
    ----------
    candidates : skeletons of K keypoints.
    keypoints : float64 (N, K, axes), NaN where missing.
    """
    ranked = sorted((limb_length(found, keypoints), found.name) for found in candidates)
    if not ranked or ranked[0][0] > MAX_LENGTH:
        return None
    if len(ranked) > 1 and ranked[0][0] > MARGIN * ranked[1][0]:
        return None
    return next(found for found in candidates if found.name == ranked[0][1])
