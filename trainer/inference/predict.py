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
from pose_smoother.smoothing.swaps import Outcome, smooth_without_swaps
from pose_smoother.smoothing.tracks import Rules, SmoothedTrack
from pose_smoother.smoothing.tracks import smooth_tracks as filter_tracks
from trainer.inference.plausibility import problems
from trainer.inference.shift import Shift, mean_shifts, report_shifts, without_mean_shift
from trainer.inference.sliding_window import WindowSmoother, smooth_poses

_log = logging.getLogger(__name__)

Method = WindowSmoother | Chain


@dataclass(frozen=True)
class Predicted:
    """The result of smoothing: what changed, and the keypoints that the method smooths.

    Attributes
    ----------
    shifts : how far a run moved each keypoint on average, before ``keep_mean`` took it out.
    """

    summary: Summary
    smoothed: tuple[str, ...]
    shifts: tuple[Shift, ...] = ()


def predict(
    source: Path,
    out: Path,
    method: Method,
    *,
    format: str | None = None,
    skeleton: str | None = None,
    layout: str | None = None,
    names_map: Path | None = None,
    progress: bool = False,
    force: bool = False,
    keep_mean: bool = False,
) -> Predicted:
    """Write a file of keypoints again, smoothed; what was assumed is logged.

    Parameters
    ----------
    format : of both files; None finds it out.
    skeleton : names the keypoints of a file that does not.
    layout : the axes of a file of arrays; None finds them out.
    names_map : a file that maps the input's keypoint names to those of the skeleton; filters need
        none.
    force : smooth by a run what does not look like a human, with a warning.
    keep_mean : take the mean shift of each keypoint in each track out again.

    Raises
    ------
    InvalidInputError : the file can't be used, has no keypoint that the run knows, or, with a run,
        does not look like a human.
    """
    smoothed: tuple[str, ...] = ()
    shifts: tuple[Shift, ...] = ()

    def smooth(poses: Poses) -> list[SmoothedTrack]:
        nonlocal smoothed, shifts
        if isinstance(method, Chain):
            smoothed = poses.names
            return filter_tracks(poses, method, Rules())
        found = mapping(poses.names, names_map)
        smoothed = _warn_untouched(poses, found, method)
        check_is_human(poses, found, method, force)
        tracks, shifts = _smooth(poses, found, method, keep_mean, progress)
        return list(map(SmoothedTrack.all_read, tracks))

    rules = Rules() if isinstance(method, Chain) else None

    def smooth_apart(poses: Poses) -> Outcome:
        across = isinstance(method, Chain) and method.reaches_across_swaps
        return smooth_without_swaps(poses, smooth, across=across)

    summary = smooth_file(
        source, out, smooth_apart, format=format, skeleton=skeleton, layout=layout, rules=rules
    )
    return Predicted(summary, smoothed, shifts)


def smooth_tracks(
    poses: Poses,
    method: Method,
    names_map: Path | None = None,
    *,
    force: bool = False,
    keep_mean: bool = False,
) -> list[Floats]:
    """Every track smoothed: float64 (n, J, axes) each, in the input's unit.

    Raises
    ------
    InvalidInputError : the positions have three axes, no keypoint is known to the run, or the
        keypoints do not look like a human's.
    """
    if isinstance(method, Chain):
        return [result.keypoints for result in filter_tracks(poses, method, Rules())]
    if any(track.keypoints.shape[-1] != 2 for track in poses.tracks):
        raise InvalidInputError(
            f"{method.name} was trained on two axes (x, y): smooth three by a filter"
        )
    found = mapping(poses.names, names_map)
    _warn_untouched(poses, found, method)
    check_is_human(poses, found, method, force)
    return _smooth(poses, found, method, keep_mean)[0]


def check_is_human(
    poses: Poses, found: KeypointMapping, smoother: WindowSmoother, force: bool = False
) -> None:
    """Refuse to smooth by a run what does not look like a human; with ``force``, warn.

    Raises
    ------
    InvalidInputError : too few of the trained keypoints, or implausible proportions.
    """
    reasons = problems(poses, found, smoother.keypoints) if smoother.is_run else []
    if not reasons:
        return
    text = f"{smoother.name} was trained on humans, and the input does not look like one: "
    text += "; ".join(reasons)
    if not force:
        raise InvalidInputError(
            f"{text}. A filter suits any keypoints (--smoother NAME); --force (force=True) smooths "
            "by the run all the same"
        )
    _log.warning("%s", text)


def _smooth(
    poses: Poses,
    found: KeypointMapping,
    smoother: WindowSmoother,
    keep_mean: bool,
    progress: bool = False,
) -> tuple[list[Floats], tuple[Shift, ...]]:
    """Smoothed tracks, and each keypoint's mean shift, which is reported."""
    smoothed = smooth_poses(poses, found, smoother, progress=progress)
    shifts = mean_shifts(poses, found, smoothed)
    if smoother.is_run:
        report_shifts(shifts, smoother.name, kept_mean=keep_mean)
    return (without_mean_shift(poses, smoothed) if keep_mean else smoothed), shifts


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
