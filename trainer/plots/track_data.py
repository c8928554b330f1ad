"""The positions of one track that pictures show: noisy, smoothed and, where known, ground truth."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.keypoint_names import KeypointMapping, mapping
from pose_smoother.poses.tracks import Floats, Poses, Track
from pose_smoother.skeleton import INDEX, KEYPOINTS, LIMBS
from pose_smoother.store.store import Store
from trainer.inference.load_run import LoadedRun
from trainer.inference.sliding_window import smooth_poses
from trainer.plots.clip import noisy_clip

_log = logging.getLogger(__name__)

#: Keypoints whose path is drawn behind them: where jitter is seen best.
_TRAILED = ("left_wrist", "right_wrist", "left_ankle", "right_ankle")


@dataclass(frozen=True)
class Motion:
    """One individual over n frames; J keypoints.

    Attributes
    ----------
    title : the name of the clip or the file.
    smoother : name of the run that smoothed.
    frame : int64 (n,), increasing frame numbers; gaps allowed.
    names : (J,) keypoint names as in the file or the store.
    limbs : lines to draw, as pairs of columns.
    trailed : columns whose path is drawn.
    raw, smoothed : float64 (n, J, 2), (x, y) in the source's pixels, NaN where missing.
    truth : the ground truth, the same shape; None where it is not known.
    """

    title: str
    smoother: str
    frame: NDArray[np.int64]
    names: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    trailed: tuple[int, ...]
    raw: Floats
    smoothed: Floats
    truth: Floats | None = None

    def between(self, first: int | None, last: int | None) -> "Motion":
        """The frames with numbers from ``first`` to ``last``, both included; None is open.

        Raises
        ------
        InvalidInputError : no frame is in this range.
        """
        low = self.frame[0] if first is None else first
        high = self.frame[-1] if last is None else last
        chosen = (self.frame >= low) & (self.frame <= high)
        if not chosen.any():
            have = f"{self.frame[0]} ... {self.frame[-1]}"
            raise InvalidInputError(f"{self.title} has frames {have}, none in {low} ... {high}")
        return replace(
            self,
            frame=self.frame[chosen],
            raw=self.raw[chosen],
            smoothed=self.smoothed[chosen],
            truth=None if self.truth is None else self.truth[chosen],
        )

    def columns(self, wanted: tuple[str, ...]) -> list[int]:
        """Columns of keypoints by name that have a position; a name without its side means both.

        Raises
        ------
        InvalidInputError : an unknown name (the known ones are listed), or a keypoint without a
            position in any frame.
        """
        found: list[int] = []
        for name in wanted:
            sides = (name, f"left_{name}", f"right_{name}")
            at = [i for i, known in enumerate(self.names) if known in sides]
            if not at:
                raise unknown_name("keypoint", name, self.names)
            seen = [i for i in at if np.isfinite(self.raw[:, i]).any()]
            if not seen:
                raise InvalidInputError(
                    f"{self.title} has no {name} in any frame: choose another keypoint"
                )
            found += [i for i in seen if i not in found]
        return found


def clip_motion(run: LoadedRun, store: Store, name: str | None = None) -> Motion:
    """A test clip with the run's noise, smoothed, and its ground truth.

    Parameters
    ----------
    name : the clip's id; None takes the one whose keypoints move the most.

    Raises
    ------
    InvalidInputError : no such clip in the test split.
    """
    clip = noisy_clip(run.config, store, name)
    found = mapping(KEYPOINTS)
    [smoothed] = smooth_poses(clip.poses, found, run.smoother(), progress=True)
    [track] = clip.poses.tracks
    return motion_of(track, KEYPOINTS, found, smoothed, run.name, clip.title, clip.truth)


def track_motion(
    run: LoadedRun,
    source: Path,
    name: str | None = None,
    *,
    format: str | None = None,
    skeleton: str | None = None,
    names_map: Path | None = None,
) -> Motion:
    """A track of a file, smoothed.

    Parameters
    ----------
    name : the track's id; None takes the longest.
    format, skeleton, names_map : as in ``predict``.

    Raises
    ------
    InvalidInputError : the file can't be used, has no keypoint of the skeleton, or no such track.
    """
    poses = read_poses(source, format=format, skeleton=skeleton)
    for text in poses.warnings:
        _log.warning("%s: %s", source, text)
    if name is None:
        track = max(poses.tracks, key=lambda one: len(one.frame))
        if len(poses.tracks) > 1:
            _log.info("%s: the longest of %d tracks, %s", source, len(poses.tracks), track.id)
    else:
        by_id = {one.id: one for one in poses.tracks}
        if name not in by_id:
            raise unknown_name("track", name, list(by_id))
        track = by_id[name]
    found = mapping(poses.names, names_map)
    alone = Poses(poses.names, (track,), (), None)
    [smoothed] = smooth_poses(alone, found, run.smoother(), progress=True)
    title = f"{source.name}, {track.id}" if len(poses.tracks) > 1 else source.name
    return motion_of(track, poses.names, found, smoothed, run.name, title)


def motion_of(
    track: Track,
    names: tuple[str, ...],
    mapping: KeypointMapping,
    smoothed: Floats,
    smoother: str,
    title: str,
    truth: Floats | None = None,
) -> Motion:
    """The motion of a track and its smoothed positions; all float64 (n, J, 2)."""
    column = mapping.index
    limbs = tuple(
        (int(column[a]), int(column[b])) for a, b in LIMBS if column[a] >= 0 and column[b] >= 0
    )
    trailed = tuple(int(column[INDEX[name]]) for name in _TRAILED if column[INDEX[name]] >= 0)
    return Motion(
        title=title,
        smoother=smoother,
        frame=track.frame,
        names=names,
        limbs=limbs,
        trailed=trailed,
        raw=track.keypoints,
        smoothed=smoothed,
        truth=truth,
    )


def mean_error(estimate: Floats, truth: Floats) -> float:
    """Mean distance to the ground truth where both are finite, in their unit; NaN without any."""
    distance = np.linalg.norm(estimate - truth, axis=-1)
    known = np.isfinite(distance)
    return float(distance[known].mean()) if known.any() else float("nan")
