"""Which smoother ``auto`` takes for a file, how strongly, and why."""

from dataclasses import dataclass

import numpy as np

from pose_smoother.filters.auto import reason_for_kalman
from pose_smoother.filters.base import Run
from pose_smoother.poses.tracks import Poses
from pose_smoother.pretrained.features import prepare
from pose_smoother.pretrained.smooth import noise_level, share_of_noise


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
    """The smoother that ``auto`` takes for the most points, its strength averaged over them."""
    points: dict[str, int] = {}  # by the reason against the network; "" where there is none
    strengths, weights = [], []
    for track in poses.tracks:
        run = Run(track.keypoints, 0.0)
        reason = reason_for_kalman(run)
        n_points = int(run.present.sum())
        points[reason] = points.get(reason, 0) + n_points
        if not reason:
            ready = prepare(track.keypoints, track.score)
            strengths.append(share_of_noise(noise_level(ready)))
            weights.append(n_points)
    chosen = max(points, key=lambda reason: points[reason]) if points else "no keypoint"
    if chosen:
        return Advice("kalman", None, chosen)
    strength = float(np.average(strengths, weights=weights))
    if strength == 0:
        reason = "no noise that smoothing would lower, so the file is left as it is"
    elif strength < 1:
        reason = "little noise, so the smoothed positions are mixed with the file's own"
    else:
        reason = "the noise is well above what smooth motion shows"
    return Advice("auto", strength, reason)
