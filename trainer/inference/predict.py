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
from trainer.inference.sliding_window import WindowSmoother, smooth_poses

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Predicted:
    """What was written: tracks, frames over all of them, and the keypoints that were smoothed."""

    n_tracks: int
    n_frames: int
    smoothed: tuple[str, ...]
    n_keypoints: int


def predict(
    source: Path,
    out: Path,
    smoother: WindowSmoother,
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
    names_map : a file that maps the input's keypoint names to ours.

    Raises
    ------
    InvalidInputError : the file can't be used, or has no keypoint that the smoother knows.
    """
    if out.resolve() == source.resolve():
        raise InvalidInputError(
            f"{out} is the input: nothing of it shall be lost, write somewhere else"
        )
    poses = read_poses(source, format=format, skeleton=skeleton)
    for text in poses.warnings:
        _log.warning("%s: %s", source, text)
    found = mapping(poses.names, names_map)
    smoothed = _tell(poses, found, smoother)
    write_poses(poses, smooth_poses(poses, found, smoother, progress=progress), out)
    n_frames = sum(len(track.frame) for track in poses.tracks)
    return Predicted(len(poses.tracks), n_frames, smoothed, len(poses.names))


def smooth(
    keypoints: NDArray[np.floating], names: Sequence[str], run: LoadedRun | str | Path
) -> NDArray[np.float64]:
    """Smooth one person's keypoints in consecutive frames.

    Parameters
    ----------
    keypoints : float (n, J, 2), (x, y) in any unit; NaN where missing.
    names : (J,) of the keypoints, in any known skeleton's spelling.
    run : a finished run's folder; load it once by ``load_run`` to use it often.

    Returns
    -------
    float64 (n, J, 2); missing keypoints stay missing, unknown ones untouched (a warning is logged).

    Raises
    ------
    InvalidInputError : the shapes don't fit, or no keypoint is known to the run.
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
    _tell(poses, found, loaded.smoother())
    return smooth_poses(poses, found, loaded.smoother())[0]


def _tell(poses: Poses, found: KeypointMapping, smoother: WindowSmoother) -> tuple[str, ...]:
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
