"""Smooth a file of keypoints, or an array of them.

In a notebook:

    from trainer.inference.predict import smooth
    clean = smooth(noisy, names, "runs/deciwatch-1.1-seed0")  # (frames, keypoints, 2), NaN: missing
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import read_poses, write_poses
from pose_smoother.poses.keypoint_names import KeypointMapping, mapping
from pose_smoother.poses.tracks import Poses, Track
from pose_smoother.skeleton import KEYPOINTS
from trainer.inference.load_run import LoadedRun, load_run
from trainer.inference.plausibility import problems
from trainer.inference.shift import Shift, mean_shifts, report_shifts, without_mean_shift
from trainer.inference.sliding_window import WindowSmoother, smooth_poses

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Predicted:
    """What was written: tracks, frames over all of them, and the keypoints that were smoothed.

    Attributes
    ----------
    shifts : how far each keypoint was moved on average, before ``keep_mean`` took it out.
    """

    n_tracks: int
    n_frames: int
    smoothed: tuple[str, ...]
    n_keypoints: int
    shifts: tuple[Shift, ...]


def predict(
    source: Path,
    out: Path,
    smoother: WindowSmoother,
    *,
    format: str | None = None,
    skeleton: str | None = None,
    names_map: Path | None = None,
    progress: bool = False,
    force: bool = False,
    keep_mean: bool = False,
) -> Predicted:
    """Write a file of keypoints again, smoothed; what was assumed is logged as warnings.

    Parameters
    ----------
    format : of both files; None finds it out.
    skeleton : names the keypoints of a file that does not.
    names_map : a file that maps the input's keypoint names to those of the skeleton.
    force : smooth by a run what does not look like a human, with a warning.
    keep_mean : take the mean shift of each keypoint in each track out again.

    Raises
    ------
    InvalidInputError : the file can't be used, has no keypoint that the smoother knows, or, with a
        run, does not look like a human.
    """
    if out.resolve() == source.resolve():
        raise InvalidInputError(
            f"{out} is the input, which is never overwritten: choose another output file"
        )
    poses = read_poses(source, format=format, skeleton=skeleton)
    for text in poses.warnings:
        _log.warning("%s: %s", source, text)
    found = mapping(poses.names, names_map)
    smoothed = _report_keypoints(poses, found, smoother)
    check_is_human(poses, found, smoother, force)
    estimates, shifts = _smooth(poses, found, smoother, keep_mean, progress)
    write_poses(poses, estimates, out)
    n_frames = sum(len(track.frame) for track in poses.tracks)
    return Predicted(len(poses.tracks), n_frames, smoothed, len(poses.names), shifts)


def smooth(
    keypoints: NDArray[np.floating],
    names: Sequence[str],
    run: LoadedRun | str | Path,
    *,
    force: bool = False,
    keep_mean: bool = False,
) -> NDArray[np.float64]:
    """Smooth one individual's keypoints in consecutive frames.

    Parameters
    ----------
    keypoints : float (n, J, 2), (x, y) in any unit; NaN where missing.
    names : (J,) of the keypoints, in any known skeleton's spelling.
    run : a finished run's folder; load it once by ``load_run`` to use it often.
    force, keep_mean : as for ``predict``.

    Returns
    -------
    float64 (n, J, 2); missing keypoints stay missing, unknown ones untouched (a warning is logged).

    Raises
    ------
    InvalidInputError : the shapes don't fit, no keypoint is known to the run, or the keypoints do
        not look like a human.
    RunError : the run can't be used.
    """
    array = np.asarray(keypoints, dtype=np.float64)
    if array.ndim != 3 or array.shape[1:] != (len(names), 2):
        raise InvalidInputError(
            f"expected keypoints (n, {len(names)}, 2), as there are names, got {array.shape}"
        )
    if not len(array):
        return array
    loaded = run if isinstance(run, LoadedRun) else load_run(Path(run))
    array = np.where(np.isfinite(array).all(axis=-1, keepdims=True), array, np.nan)
    score = np.full(array.shape[:2], np.nan)
    track = Track("track", "", "", np.arange(len(array)), array, score)
    poses = Poses(tuple(names), (track,), (), None)
    found = mapping(poses.names)
    _report_keypoints(poses, found, loaded.smoother())
    check_is_human(poses, found, loaded.smoother(), force)
    return _smooth(poses, found, loaded.smoother(), keep_mean)[0][0]


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
) -> tuple[list[NDArray[np.float64]], tuple[Shift, ...]]:
    """Smoothed tracks, and each keypoint's mean shift, which is reported."""
    smoothed = smooth_poses(poses, found, smoother, progress=progress)
    shifts = mean_shifts(poses, found, smoothed)
    if smoother.is_run:
        report_shifts(shifts, smoother.name, kept_mean=keep_mean)
    return (without_mean_shift(poses, smoothed) if keep_mean else smoothed), shifts


def _report_keypoints(
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
