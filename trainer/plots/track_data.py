"""The positions that pictures show: noisy, smoothed and, where known, ground truth."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.poses.assumed import log_assumed
from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.keypoint_names import mapping
from pose_smoother.poses.skeletons import compact, limbs_of
from pose_smoother.poses.tracks import Floats, Poses, Track
from pose_smoother.skeleton import KEYPOINTS
from pose_smoother.smoothing.chain import Chain
from pose_smoother.smoothing.tracks import Rules, smooth_tracks
from pose_smoother.store.store import Store
from trainer.inference.load_run import LoadedRun
from trainer.inference.sliding_window import smooth_poses
from trainer.plots.clip import noisy_clip

_log = logging.getLogger(__name__)

#: Smooths every track: float64 (n, J, 2) each.
Smooth = Callable[[Poses], list[Floats]]

#: Keypoints whose path is drawn behind them: where jitter is seen best.
_TRAILED = {
    f"{side}{part}" for side in ("left", "right", "l", "r", "") for part in ("wrist", "ankle")
}


@dataclass(frozen=True)
class Motion:
    """One individual, or several together, over n frames; J keypoints.

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
    individual : (J,) whose keypoint each is; empty where there is one individual.
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
    individual: tuple[str, ...] = ()

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
    [smoothed] = by_run(run)(clip.poses)
    [track] = clip.poses.tracks
    return motion_of(track, KEYPOINTS, smoothed, run.name, clip.title, clip.truth)


def file_motion(
    source: Path,
    smooth: Smooth,
    label: str,
    name: str | None = None,
    *,
    format: str | None = None,
    skeleton: str | None = None,
) -> Motion:
    """The tracks of a file, smoothed.

    Parameters
    ----------
    smooth : smooths every track.
    label : what the pictures call it.
    name : the id of a track; None takes every individual of the video with the longest track.
    format, skeleton : as in ``predict``.

    Raises
    ------
    InvalidInputError : the file can't be used, or has no such track.
    """
    poses = read_poses(source, format=format, skeleton=skeleton)
    log_assumed(_log, poses.warnings, source)
    by_id = {one.id: one for one in poses.tracks}
    if name is not None and name not in by_id:
        raise unknown_name("track", name, list(by_id))
    if not by_id:
        raise InvalidInputError(f"{source} has no keypoints in any frame")
    longest = max(poses.tracks, key=lambda one: len(one.frame))
    tracks = tuple(
        one
        for one in poses.tracks
        if (one.video == longest.video if name is None else one.id == name)
    )
    smoothed = smooth(replace(poses, tracks=tracks, warnings=()))
    part = name if name is not None else longest.video
    title = source.name if len(tracks) == len(poses.tracks) else f"{source.name}, {part}"
    motions = [
        motion_of(track, poses.names, positions, label, title)
        for track, positions in zip(tracks, smoothed, strict=True)
    ]
    return motions[0] if len(motions) == 1 else together(motions, [one.id for one in tracks])


def by_run(run: LoadedRun, names_map: Path | None = None) -> Smooth:
    """A trained run as a function of poses; it knows keypoints by their names."""
    return lambda poses: smooth_poses(
        poses, mapping(poses.names, names_map), run.smoother(), progress=True
    )


def by_filter(chain: Chain) -> Smooth:
    """A chain of filters as a function of poses."""
    return lambda poses: [one.keypoints for one in smooth_tracks(poses, chain, Rules())]


def motion_of(
    track: Track,
    names: tuple[str, ...],
    smoothed: Floats,
    smoother: str,
    title: str,
    truth: Floats | None = None,
) -> Motion:
    """The motion of a track and its smoothed positions; all float64 (n, J, 2)."""
    return Motion(
        title=title,
        smoother=smoother,
        frame=track.frame,
        names=names,
        limbs=tuple(limbs_of(names)),
        trailed=tuple(i for i, one in enumerate(names) if compact(one) in _TRAILED),
        raw=track.keypoints,
        smoothed=smoothed,
        truth=truth,
    )


def together(motions: Sequence[Motion], individuals: Sequence[str]) -> Motion:
    """Several individuals in one picture: the keypoints of all, in the frames of any."""
    frame = np.unique(np.concatenate([one.frame for one in motions]))
    first, n_keypoints = motions[0], len(motions[0].names)

    def side_by_side(parts: Sequence[Floats]) -> Floats:
        out = np.full((len(frame), len(parts) * n_keypoints, 2), np.nan)
        for i, (one, part) in enumerate(zip(motions, parts, strict=True)):
            columns = slice(i * n_keypoints, (i + 1) * n_keypoints)
            out[np.searchsorted(frame, one.frame), columns] = part
        return out

    starts = [i * n_keypoints for i in range(len(motions))]
    return replace(
        first,
        frame=frame,
        names=first.names * len(motions),
        limbs=tuple((a + start, b + start) for start in starts for a, b in first.limbs),
        trailed=tuple(column + start for start in starts for column in first.trailed),
        raw=side_by_side([one.raw for one in motions]),
        smoothed=side_by_side([one.smoothed for one in motions]),
        individual=tuple(name for name in individuals for _ in first.names),
    )


def mean_error(estimate: Floats, truth: Floats) -> float:
    """Mean distance to the ground truth where both are finite, in their unit; NaN without any."""
    distance = np.linalg.norm(estimate - truth, axis=-1)
    known = np.isfinite(distance)
    return float(distance[known].mean()) if known.any() else float("nan")
