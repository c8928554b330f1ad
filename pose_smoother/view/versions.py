"""The versions of a file's keypoints that a page compares: smoothed files, and smoothers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.tracks import Floats, Poses, Track
from pose_smoother.smoothing.chain import make_chain
from pose_smoother.smoothing.scores import default_min_score, implausible
from pose_smoother.smoothing.tracks import Rules, smooth_tracks


@dataclass(frozen=True)
class Version:
    """Keypoints of every track, smoothed in one way.

    Attributes
    ----------
    label : shown on the page.
    keypoints : for every track, float64 (n, K, 2), NaN where missing.
    rejected : for every track, bool (n, K): points of a low score, which were not read; of a file
        as the comparison with the input shows them.
    """

    label: str
    keypoints: tuple[Floats, ...]
    rejected: tuple[NDArray[np.bool_], ...]


def from_file(poses: Poses, path: Path, **reading: Any) -> Version:
    """The keypoints of a smoothed file, by individual, frame number and keypoint name.

    Raises
    ------
    InvalidInputError : the file cannot be read, or has no individual, frame or keypoint of the
        input.
    """
    chosen = reading.pop("format", None) or poses.format or None
    other = read_poses(path, format=chosen, **reading)
    columns = {name: column for column, name in enumerate(other.names)}
    common = [(k, columns[name]) for k, name in enumerate(poses.names) if name in columns]
    if not common:
        raise InvalidInputError(
            f"{path}: expected keypoints of the input ({', '.join(poses.names[:5])}, …), found "
            f"{', '.join(other.names[:5])}"
        )
    ours, theirs = np.array(common).T
    by_id = {track.id: track for track in other.tracks}
    if not by_id.keys() & {track.id for track in poses.tracks} and len(other.tracks) == len(
        poses.tracks
    ):
        by_id = dict(zip((t.id for t in poses.tracks), other.tracks, strict=True))
    found = [_rows_of(track, by_id.get(track.id), ours, theirs) for track in poses.tracks]
    if not any(np.isfinite(keypoints).any() for keypoints in found):
        raise InvalidInputError(f"{path}: no individual and frame of the input is in it")
    limit = default_min_score(poses.format)
    pairs = zip(poses.tracks, found, strict=True)
    rejected = tuple(_not_read(track, keypoints, limit) for track, keypoints in pairs)
    return Version(path.name, tuple(found), rejected)


def _rows_of(
    track: Track, other: Track | None, ours: NDArray[np.int64], theirs: NDArray[np.int64]
) -> Floats:
    """The other track's keypoints in the rows and columns of ours, NaN where it has none."""
    keypoints = np.full_like(track.keypoints, np.nan)
    if other is not None:
        _, rows, other_rows = np.intersect1d(track.frame, other.frame, return_indices=True)
        keypoints[np.ix_(rows, ours)] = other.keypoints[np.ix_(other_rows, theirs)]
    return keypoints


def from_smoother(poses: Poses, name: str, fps: float | None, rules: Rules) -> Version:
    """The keypoints as a filter gives them, or a chain of filters.

    Raises
    ------
    InvalidInputError : an unknown filter, or scores that are needed and not there.
    """
    results = smooth_tracks(poses, make_chain(name, {}, fps), rules)
    methods = dict.fromkeys(one.method for result in results for one in result.findings)
    return Version(
        " or ".join(methods) if name == "auto" and methods else name,
        tuple(result.keypoints for result in results),
        tuple(result.rejected for result in results),
    )


def _not_read(track: Track, found: Floats, limit: float) -> NDArray[np.bool_]:
    """Points of a low score that a smoother of most others left where they were, bool (n, K).

    They are those that are implausible by the default rule, or have lower scores than all points
    that moved, as ``--min-score`` leaves them.
    """
    stayed = np.asarray((found == track.keypoints).all(axis=-1))  # not where missing
    moved = np.isfinite(found).all(axis=-1) & np.isfinite(track.keypoints).all(axis=-1) & ~stayed
    if moved.sum() <= stayed.sum():
        return np.zeros_like(stayed)
    lowest = np.min(track.score, where=moved & np.isfinite(track.score), initial=np.inf)
    low = track.score < lowest if np.isfinite(lowest) else np.zeros_like(stayed)
    return stayed & (low | implausible(track, limit))


def choose_recording(poses: Poses, name: str | None) -> tuple[Poses, Sequence[str]]:
    """The tracks of one video, and the names of the videos that are left out.

    Parameters
    ----------
    name : the video; None takes the one with the most frames.

    Raises
    ------
    InvalidInputError : no such video.
    """
    length: dict[str, int] = {}
    for track in poses.tracks:
        length[track.video] = length.get(track.video, 0) + len(track.frame)
    if not length:
        raise InvalidInputError("expected at least one frame with keypoints, found none")
    if name is not None and name not in length:
        raise unknown_name("video", name, list(length))
    chosen = max(length, key=lambda video: length[video]) if name is None else name
    tracks = tuple(track for track in poses.tracks if track.video == chosen)
    return replace(poses, tracks=tracks), [video for video in length if video != chosen]
