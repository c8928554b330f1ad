"""Which smoother a file would be given, how strongly, and why."""

from dataclasses import dataclass

import numpy as np

from pose_smoother.poses.tracks import Poses
from pose_smoother.pretrained.features import prepare
from pose_smoother.pretrained.smooth import SHORTEST, strength_of


@dataclass(frozen=True)
class Advice:
    """The smoother that fits a file.

    Attributes
    ----------
    method : a name that ``smooth`` takes.
    strength : from 0 (the file is left alone) to 1; None where the method chooses by keypoint.
    reason : one sentence.
    """

    method: str
    strength: float | None
    reason: str


def advise(poses: Poses) -> Advice:
    """The smoother for a file: the pretrained one, or a Kalman smoother for short tracks."""
    long = [track for track in poses.tracks if len(track.frame) >= SHORTEST]
    if not long:
        return Advice(
            "kalman",
            None,
            f"no track has the {SHORTEST} frames that the pretrained smoother measures noise in",
        )
    weights = [len(track.frame) for track in long]
    strengths = [strength_of(prepare(track.keypoints, track.score)) for track in long]
    strength = float(np.average(strengths, weights=weights))
    if strength == 0:
        reason = "the file has no noise that smoothing would lower: it is left as it is"
    elif strength < 1:
        reason = "there is little noise, so the smoothed positions are mixed with the file's own"
    else:
        reason = "the noise is well above what smooth motion shows"
    return Advice("pretrained", strength, reason)
