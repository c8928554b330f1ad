"""How tracks are smoothed: by a chain of filters, or by a trained run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.tracks import Poses
from pose_smoother.smoothing.chain import Chain
from pose_smoother.smoothing.runs import smooth_with_run
from pose_smoother.smoothing.tracks import Rules, SmoothedTrack, smooth_tracks


def smooth_by(
    method: Any, poses: Poses, rules: Rules, names_map: Path | None = None
) -> list[SmoothedTrack]:
    """Every track through a chain of filters or a loaded run.

    Parameters
    ----------
    names_map : for a run, a file that maps the input's keypoint names to those that it knows.

    Raises
    ------
    InvalidInputError : the input cannot be smoothed so, or a run is asked for what only filters do.
    """
    if isinstance(method, Chain):
        return smooth_tracks(poses, method, rules)
    if rules != Rules():
        raise InvalidInputError("min_score and fill_gaps go with a filter, not with a run")
    return [SmoothedTrack.all_read(found) for found in smooth_with_run(poses, method, names_map)]


def with_keypoints(poses: Poses, results: list[SmoothedTrack]) -> Poses:
    """The poses with other keypoints."""
    tracks = tuple(
        replace(track, keypoints=result.keypoints)
        for track, result in zip(poses.tracks, results, strict=True)
    )
    return replace(poses, tracks=tracks)
