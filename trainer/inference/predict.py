"""Smooth a file of keypoints, or tracks in memory, by a trained run or a filter."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.keypoint_names import KeypointMapping, mapping
from pose_smoother.poses.tracks import Floats, Poses
from pose_smoother.skeleton import KEYPOINTS
from pose_smoother.smoothing.chain import Chain
from pose_smoother.smoothing.files import smooth_file
from pose_smoother.smoothing.summary import Summary
from pose_smoother.smoothing.tracks import Rules, SmoothedTrack
from pose_smoother.smoothing.tracks import smooth_tracks as filter_tracks
from trainer.inference.sliding_window import WindowSmoother, smooth_poses

_log = logging.getLogger(__name__)

Method = WindowSmoother | Chain


@dataclass(frozen=True)
class Predicted:
    """What was written: what changed, and the keypoints that the method smooths."""

    summary: Summary
    smoothed: tuple[str, ...]


def predict(
    source: Path,
    out: Path,
    method: Method,
    *,
    format: str | None = None,
    skeleton: str | None = None,
    names_map: Path | None = None,
    progress: bool = False,
) -> Predicted:
    """Write a file of keypoints again, smoothed; what was assumed is logged as warnings.

    Parameters
    ----------
    format : of both files; None finds it out.
    skeleton : names the keypoints of a file that does not.
    names_map : a file that maps the input's keypoint names to ours; filters need none.

    Raises
    ------
    InvalidInputError : the file can't be used, or has no keypoint that the run knows.
    """
    smoothed: tuple[str, ...] = ()

    def smooth(poses: Poses) -> list[SmoothedTrack]:
        nonlocal smoothed
        if isinstance(method, Chain):
            smoothed = poses.names
            return filter_tracks(poses, method, Rules())
        found = mapping(poses.names, names_map)
        smoothed = _warn_untouched(poses, found, method)
        return list(map(SmoothedTrack.all_read, smooth_poses(poses, found, method, progress)))

    summary = smooth_file(source, out, smooth, format=format, skeleton=skeleton)
    return Predicted(summary, smoothed)


def smooth_tracks(poses: Poses, method: Method, names_map: Path | None = None) -> list[Floats]:
    """Every track smoothed: float64 (n, J, axes) each, in the input's unit.

    Raises
    ------
    InvalidInputError : the positions have three axes, or no keypoint is known to the run.
    """
    if isinstance(method, Chain):
        return [result.keypoints for result in filter_tracks(poses, method, Rules())]
    if any(track.keypoints.shape[-1] != 2 for track in poses.tracks):
        raise InvalidInputError(
            f"{method.name} was trained on two axes (x, y): smooth three by a filter"
        )
    found = mapping(poses.names, names_map)
    _warn_untouched(poses, found, method)
    return smooth_poses(poses, found, method)


def _warn_untouched(
    poses: Poses, found: KeypointMapping, smoother: WindowSmoother
) -> tuple[str, ...]:
    """Warn of what passes through untouched; the names of the keypoints that are smoothed."""
    smoothed: list[str] = []
    untrained: list[str] = []
    for column, known in zip(found.index.tolist(), smoother.keypoints, strict=True):
        if column >= 0:
            (smoothed if known else untrained).append(poses.names[column])
    if not smoothed:
        known_names = ", ".join(np.array(KEYPOINTS)[smoother.keypoints])
        raise InvalidInputError(
            f"no keypoint in common: the input has {', '.join(poses.names)}; {smoother.name} "
            f"was trained on {known_names}"
        )
    for text in found.assumed:
        _log.warning("%s", text)
    if found.unknown:
        _log.warning("unknown keypoints pass through untouched: %s", ", ".join(found.unknown))
    if untrained:
        _log.warning(
            "%s was not trained on these keypoints, they pass through untouched: %s",
            smoother.name,
            ", ".join(untrained),
        )
    if smoother.step > 1:
        _log.warning(
            "%s was trained at half the frame rate: its windows take every second frame",
            smoother.name,
        )
    return tuple(smoothed)
