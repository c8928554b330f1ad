"""Checks that the keypoints of a file are those of a human, as a run was trained on.

A network moves what it is given to where a human's keypoints would be. A mouse has a nose and two
ears, too, and a scrambled skeleton has all names: neither may be smoothed by a run without asking.

Source: segment lengths as shares of the stature, Drillis and Contini, "Body Segment Parameters",
1966, as reprinted in Winter, "Biomechanics and Motor Control of Human Movement", figure 4.1.
"""

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.keypoint_names import KeypointMapping
from pose_smoother.poses.tracks import Poses
from pose_smoother.skeleton import INDEX, N_KEYPOINTS

#: Length of a segment as a share of the stature, for the left and the right side.
_SEGMENTS: dict[tuple[str, str], float] = {
    ("shoulder", "elbow"): 0.186,
    ("elbow", "wrist"): 0.146,
    ("shoulder", "hip"): 0.288,
    ("hip", "knee"): 0.245,
    ("knee", "ankle"): 0.246,
}
_LEAST_SEGMENTS = 4  # with fewer their proportions decide nothing
#: A segment may be so many times as long as the others predict. In the 738 sequences of Penn Action
#: that were tried the largest factor is 3.3 (a push-up seen head-on), and 99 % are below 2.0.
LONGEST = 4.0
_LEAST_SHARE = 0.5  # of the trained keypoints


def problems(poses: Poses, mapping: KeypointMapping, trained: NDArray[np.bool_]) -> list[str]:
    """Why a run should not smooth these keypoints; empty if there is no reason.

    Parameters
    ----------
    mapping : which column of the file is which of the 25 keypoints.
    trained : bool (25,), the keypoints that the run was trained on.

    Returns
    -------
    One clause for each problem: too few trained keypoints, neither shoulders nor hips, a segment
    that is too long for a human.
    """
    positions = _positions(poses, mapping)
    present = np.isfinite(positions).all(axis=-1).any(axis=0) & trained
    found = []
    if present.sum() < _LEAST_SHARE * trained.sum():
        found.append(
            f"{present.sum()} of the {trained.sum()} keypoints that it was trained on are in the "
            f"input, and at least {_LEAST_SHARE:.0%} are needed"
        )
    pairs = [
        [INDEX[f"{side}_{part}"] for side in ("left", "right")] for part in ("shoulder", "hip")
    ]
    if not any(present[pair].all() for pair in pairs if trained[pair].all()):
        found.append("neither both shoulders nor both hips are in the input")
    return found + _long_segments(positions)


def _positions(poses: Poses, mapping: KeypointMapping) -> NDArray[np.float64]:
    """All tracks one after the other, float64 (m, 25, 2); NaN where missing or not in the file."""
    n_frames = sum(len(track.frame) for track in poses.tracks)
    positions = np.full((n_frames, N_KEYPOINTS, 2), np.nan)
    known = mapping.index >= 0
    if poses.tracks:
        stacked = np.concatenate([track.keypoints for track in poses.tracks])
        positions[:, known] = stacked[:, mapping.index[known]]
    return positions


def _long_segments(positions: NDArray[np.float64]) -> list[str]:
    """The segments whose median length is beyond ``LONGEST`` times what the others predict.

    A camera shortens a segment, but lengthens none: only long ones are implausible. The median over
    frames drops outliers, the median over segments gives the stature in pixels.
    """
    stature: dict[str, float] = {}
    for (upper, lower), share in _SEGMENTS.items():
        for side in ("left", "right"):
            ends = positions[:, INDEX[f"{side}_{upper}"]], positions[:, INDEX[f"{side}_{lower}"]]
            length = np.linalg.norm(ends[0] - ends[1], axis=-1)
            length = length[np.isfinite(length)]
            if len(length):
                stature[f"{side} {upper} to {lower}"] = float(np.median(length)) / share
    if len(stature) < _LEAST_SEGMENTS:
        return []
    typical = float(np.median(list(stature.values())))
    return [
        f"{name} is {length / typical:.1f} times as long as in a human of these proportions (at "
        f"most {LONGEST:g})"
        for name, length in stature.items()
        if length > LONGEST * typical
    ]
