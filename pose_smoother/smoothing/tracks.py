"""Complete tracks through a chain of filters: runs between gaps, scores, missing points.

Every keypoint is smoothed by its own name and in the file's own unit, with any number of keypoints
and axes: no box, no skeleton. A gap in the frame numbers of fewer than four missing frames is
bridged inside the filter, a longer one begins a new run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.filters.base import Finding
from pose_smoother.points import known_points
from pose_smoother.poses.tracks import Floats, Poses, Track
from pose_smoother.smoothing.chain import Chain
from pose_smoother.smoothing.scores import DEFAULT_MIN_SCORE, default_min_score, implausible

#: So many values of a long track are smoothed at once, which bounds memory.
_MOST_VALUES = 1 << 22
#: How gaps are filled.
FILL_METHODS = ("linear", "pchip")


@dataclass(frozen=True)
class Rules:
    """Which points a filter reads, and which it makes.

    Attributes
    ----------
    min_score : points with a lower score are not read; they stay as they are, unless filled. With
        None, these are only the points that also are far from the confident ones around them
        (``smoothing.scores``); 0 reads all.
    fill_gaps : missing points (and those of a low score) in gaps of at most so many frames, with
        the keypoint on both sides, are filled; 0 fills nothing.
    fill_method : of `FILL_METHODS`: along a line, or along a cubic curve without overshoot
        (Fritsch and Butland 1984, by SciPy). What is filled is smoothed as the rest.
    """

    min_score: float | None = None
    fill_gaps: int = 0
    fill_method: str = "linear"

    def __post_init__(self) -> None:
        score, gap = self.min_score, self.fill_gaps
        if score is not None and not (isinstance(score, Real) and np.isfinite(score)):
            raise InvalidInputError(f"min_score must be a finite number, got {score!r:.60}")
        if not (isinstance(gap, Real) and 0 <= gap < np.inf and gap == int(gap)):
            raise InvalidInputError(
                f"fill_gaps must be a number of frames from 0 on, got {gap!r:.60}"
            )
        if self.fill_method not in FILL_METHODS:
            known = " or ".join(FILL_METHODS)
            raise InvalidInputError(f"fill_method must be {known}, got {self.fill_method!r}")
        if self.fill_method != FILL_METHODS[0] and not self.fill_gaps:
            raise InvalidInputError("fill_method goes with fill_gaps, the longest gap to fill")


@dataclass(frozen=True)
class SmoothedTrack:
    """One track's result.

    Attributes
    ----------
    keypoints : float64 (n, K, axes); NaN where missing, and as in the input where rejected.
    rejected : bool (n, K), points with a low score that were left as they are.
    filled : bool (n, K), points that were missing (or of a low score) and were filled.
    findings : what filters that measure noise found.
    replaced : bool (n, K), points with a low score that no other point was smoothed with, and that
        the filter itself put back to their place; None if there are none.
    """

    keypoints: Floats
    rejected: NDArray[np.bool_]
    filled: NDArray[np.bool_]
    findings: tuple[Finding, ...] = ()
    replaced: NDArray[np.bool_] | None = None

    @classmethod
    def all_read(cls, keypoints: Floats) -> "SmoothedTrack":
        """A result for which every point was read and none was filled."""
        nowhere = np.zeros(keypoints.shape[:2], bool)
        return cls(keypoints, nowhere, nowhere)


def smooth_track(
    track: Track, chain: Chain, rules: Rules, default_min: float = DEFAULT_MIN_SCORE
) -> SmoothedTrack:
    """Smooth one track; its keypoints are not changed in place.

    Parameters
    ----------
    default_min : the score that is low where the rules have no ``min_score``.
    """
    present = known_points(track.keypoints)
    if rules.min_score is None:
        low = np.zeros_like(present) if chain.as_stream else implausible(track, default_min)
    else:
        low = present & (track.score < rules.min_score)  # a score that is not given is not low
    filled = np.zeros(present.shape, bool)
    if len(track.frame) < 2:  # no filter moves it
        return SmoothedTrack(track.keypoints, low, filled)
    read = present & ~low
    positions = track.keypoints
    if not read.all():
        positions = np.where(read[..., None], positions, np.nan)
    if rules.fill_gaps:
        positions, filled = _with_filled_gaps(positions, track, rules)
    left = low & ~filled
    if rules.min_score is None and chain.replaces_outliers and left.any():
        positions = np.where(left[..., None], track.keypoints, positions)
        keypoints, findings = _through(chain, track, positions, left)
        return SmoothedTrack(keypoints, np.zeros_like(left), filled, findings, left)
    keypoints, findings = _through(chain, track, positions)
    return SmoothedTrack(keypoints, left, filled, findings)


def _through(
    chain: Chain, track: Track, positions: Floats, doubtful: NDArray[np.bool_] | None = None
) -> tuple[Floats, tuple[Finding, ...]]:
    """Positions of a track through the filters; where they find none, the track's own."""
    parts = _runs(track, chain.bridged_frames)
    findings: list[Finding] = []
    n_keypoints = positions.shape[1]
    n_some, size = max(n_keypoints, 1), 0.0
    if chain.reads_the_body:
        size = _size(positions)
    elif chain.needs_memory and positions.size > _MOST_VALUES:
        n_some = max(_MOST_VALUES * n_keypoints // positions.size, 1)
    found = None
    for start in range(0, n_keypoints, n_some):
        some = slice(start, start + n_some)
        runs = [_spread(positions[rows, some], at) for rows, at in parts]
        scores = [_spread(track.score[rows, some], at) for rows, at in parts]
        unsure = None
        if doubtful is not None:
            unsure = [_spread(doubtful[rows, some], at) for rows, at in parts]
        smoothed = chain.smooth(runs, size, scores, unsure, findings)
        if len(smoothed) == 1 and smoothed[0].shape == positions.shape:
            found = smoothed[0]
            break
        found = np.empty_like(positions) if found is None else found
        for (rows, at), values in zip(parts, smoothed, strict=True):
            found[rows, some] = values if len(values) == len(at) else values[at]
    if found is None:  # no keypoint
        return positions, ()
    all_read = positions is track.keypoints
    if not all_read and not (known := known_points(found)).all():
        found = np.where(known[..., None], found, track.keypoints)
    return found, tuple(findings)


def smooth_tracks(poses: Poses, chain: Chain, rules: Rules) -> list[SmoothedTrack]:
    """Smooth every track, in order.

    Raises
    ------
    InvalidInputError : ``min_score`` is given, but no score.
    """
    if rules.min_score is not None and not any(np.isfinite(t.score).any() for t in poses.tracks):
        raise InvalidInputError(
            "min_score needs the scores of the keypoints, but none are given; leave it out, or "
            "give scores"
        )
    default = default_min_score(poses.format)
    return [smooth_track(track, chain, rules, default) for track in poses.tracks]


def _runs(track: Track, bridged_frames: int) -> list[tuple[slice, NDArray[np.int64]]]:
    """Each run's rows of the track, and their int64 positions in a timeline with bridged gaps."""
    steps = np.maximum(np.diff(track.frame) // track.step, 1)
    cuts = (np.flatnonzero(steps > bridged_frames) + 1).tolist()
    edges = [0, *cuts, len(track.frame)]
    parts = []
    for start, stop in pairwise(edges):
        if stop > start:
            at = np.concatenate([[0], np.cumsum(steps[start : stop - 1])]).astype(np.int64)
            parts.append((slice(start, stop), at))
    return parts


def _spread(values: NDArray[Any], at: NDArray[np.int64]) -> NDArray[Any]:
    """Rows laid out over a timeline, NaN (False of masks) in the frames between them."""
    if int(at[-1]) + 1 == len(at):
        return values
    empty = False if values.dtype == bool else np.nan
    spread = np.full((int(at[-1]) + 1, *values.shape[1:]), empty)
    spread[at] = values
    return spread


def _with_filled_gaps(
    positions: Floats, track: Track, rules: Rules
) -> tuple[Floats, NDArray[np.bool_]]:
    """Positions with short gaps filled, and bool (n, K) where."""
    filled = np.zeros(positions.shape[:2], bool)
    out = positions.copy()
    for keypoint in range(positions.shape[1]):
        at = np.flatnonzero(np.isfinite(positions[:, keypoint]).all(axis=-1))
        missing = np.diff(track.frame[at]) // track.step - 1
        gaps = np.flatnonzero((np.diff(at) > 1) & (missing <= rules.fill_gaps)).tolist()
        if not gaps:
            continue
        curve = _curve(track.frame[at], positions[at, keypoint], rules.fill_method)
        for gap in gaps:
            inside = slice(int(at[gap]) + 1, int(at[gap + 1]))
            out[inside, keypoint] = curve(track.frame[inside])
            filled[inside, keypoint] = True
    return out, filled


def _curve(frames: NDArray[np.int64], values: Floats, method: str) -> Callable[[Any], Floats]:
    """The curve through the known positions (n, axes) of a keypoint."""
    if method == "linear":
        return lambda x: np.stack([np.interp(x, frames, axis) for axis in values.T], axis=-1)
    from scipy.interpolate import PchipInterpolator

    curve: Callable[[Any], Floats] = PchipInterpolator(frames, values)
    return curve


def _size(positions: Floats) -> float:
    """The larger side of the keypoints, the median over frames; of one keypoint, its path's."""
    axis = 1 if positions.shape[1] > 1 else 0
    known = np.isfinite(positions)
    high = np.where(known, positions, -np.inf).max(axis=axis)
    low = np.where(known, positions, np.inf).min(axis=axis)
    sides = (high - low).max(axis=-1)
    sides = sides[np.isfinite(sides)]
    return float(np.median(sides)) if len(sides) else 0.0
