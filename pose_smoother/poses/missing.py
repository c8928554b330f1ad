"""Which positions are missing: one rule for every file format and for arrays.

NaN is missing. Many detectors write (0, 0) or (-1, -1) where they found nothing; such a position is
missing if its score is 0. With another score or none, the file itself is the evidence: where the
keypoint is far away before and after, or in the same frame (0, 0) is far from the other keypoints,
the position is a marker. In data centred on 0 it is near, and a position.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.points import known_points, points_within
from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.tracks import FARTHEST, Floats

#: The values that mark a missing position, the same on every axis, by their names as options.
MARKERS = {"zero": 0.0, "minus-one": -1.0}
AUTO, NONE = "auto", "none"

#: A position is near another if it is within three large steps of its keypoint, and within these
#: shares of the body's size whatever the steps.
_STEPS = 3.0
_LEAST_REACH, _LARGEST_REACH = 0.05, 0.5

_MOST_NEIGHBOURS = 32

#: Data are on both sides of a value if so large a share of them is below it, on some axis.
_LEAST_SHARE_BELOW = 0.2

_chosen: ContextVar[frozenset[str] | None] = ContextVar("missing", default=None)


def within_reach(positions: Floats) -> tuple[NDArray[np.bool_], list[str]]:
    """Which points are known and no farther than `FARTHEST`, and a caution where some are farther.

    Parameters
    ----------
    positions : float64 (..., axes).
    """
    near = points_within(positions, FARTHEST)
    if near.all():
        return near, []
    n_far = int(np.count_nonzero(known_points(positions) & ~near))
    text = f"{n_far} positions beyond {FARTHEST:g} were taken as missing"
    return near, [Caution(text)] if n_far else []


@dataclass(frozen=True)
class Missing:
    """What was found to be missing.

    Attributes
    ----------
    mask : bool (N, J).
    warnings : what was assumed, one sentence each.
    """

    mask: NDArray[np.bool_]
    warnings: tuple[str, ...] = ()


@contextmanager
def missing_as(markers: str | None) -> Iterator[None]:
    """Within the context, files are read with these markers of missing positions.

    Parameters
    ----------
    markers : ``auto`` or None (by evidence in the file), ``none`` (NaN alone is missing), or names
        of markers separated by commas: ``zero,minus-one``.

    Raises
    ------
    InvalidInputError : an unknown marker.
    """
    token = _chosen.set(_parse(markers))
    try:
        yield
    finally:
        _chosen.reset(token)


def _parse(markers: str | None) -> frozenset[str] | None:
    """The markers by name; None where the file's evidence decides."""
    names = frozenset((markers or AUTO).replace(" ", "").split(","))
    if names in ({AUTO}, {NONE}):
        return None if names == {AUTO} else frozenset()
    unknown = sorted(names - MARKERS.keys())
    if unknown:
        raise InvalidInputError(
            f"unknown marker of missing points {unknown[0]!r}; known: {AUTO}, {NONE}, "
            f"{', '.join(MARKERS)} (several separated by commas)"
        )
    return names


def find_missing(
    keypoints: Floats, score: Floats, frame: NDArray[np.int64], individual: Iterable[object]
) -> Missing:
    """Positions that mark a missing keypoint.

    Parameters
    ----------
    keypoints : float64 (N, J, axes), NaN where missing.
    score : float64 (N, J), NaN where not given.
    frame : int64 (N,).
    individual : (N,) hashable; rows of one individual are compared over time.
    """
    if keypoints.size and keypoints.min() > 0:  # not with NaN
        return Missing(np.zeros(keypoints.shape[:-1], bool))
    hits = {name: _all_equal(keypoints, value) for name, value in MARKERS.items()}
    mask = np.zeros(keypoints.shape[:-1], bool)
    if not any(hit.any() for hit in hits.values()):
        return Missing(mask)
    chosen = _chosen.get()
    if chosen is not None:
        for name in chosen:
            mask |= hits[name]
        return Missing(mask)
    others = known_points(keypoints) & ~np.logical_or.reduce(list(hits.values()))
    informative = bool((score > 0).any())
    warnings = []
    evidence: _Evidence | None = None
    for name, hit in hits.items():
        certain = hit & (score == 0) & informative
        open_ones = hit & ~certain
        mask |= certain
        n_open = int(open_ones.sum())
        if not n_open:
            continue
        evidence = evidence or _Evidence(keypoints, others, frame, individual)
        n_near = evidence.n_near(open_ones, MARKERS[name])
        place = ", ".join([f"{MARKERS[name]:g}"] * keypoints.shape[-1])
        at = f"{n_open} point{'s' * (n_open > 1)} at ({place})"
        if n_near < n_open - n_near:
            mask |= open_ones
            warnings.append(f"{at} taken as missing")
        else:
            warnings.append(
                f"{at} taken as positions, because their keypoints are near before or after; "
                f"--missing {name} takes them as missing"
            )
    return Missing(mask, tuple(warnings))


def _all_equal(keypoints: Floats, value: float) -> NDArray[np.bool_]:
    found = keypoints[..., 0] == value
    if not found.any():
        return np.asarray(found)
    for axis in range(1, keypoints.shape[-1]):
        found &= keypoints[..., axis] == value
    return np.asarray(found)


class _Evidence:
    """Where keypoints are around a marker, in time and in the same frame."""

    def __init__(
        self,
        keypoints: Floats,
        others: NDArray[np.bool_],
        frame: NDArray[np.int64],
        individual: Iterable[object],
    ) -> None:
        numbers: dict[object, int] = {}
        group = np.array([numbers.setdefault(who, len(numbers)) for who in individual], np.int64)
        order = np.lexsort((frame, group))
        self.keypoints, self.others, self.group = keypoints[order], others[order], group[order]
        self.order = order
        _, n_alike = np.unique(np.stack([self.group, frame[order]]), axis=1, return_counts=True)
        # Without ids the neighbours in time are among all detections of the frames around.
        self.n_neighbours = (
            1 if n_alike.max() == 1 else min(2 * int(n_alike.max()), _MOST_NEIGHBOURS)
        )
        known = self.others[..., None]
        self.low = np.where(known, self.keypoints, np.inf).min(axis=1)
        self.high = np.where(known, self.keypoints, -np.inf).max(axis=1)
        sides = (self.high - self.low).max(axis=-1)
        sides = sides[np.isfinite(sides) & (sides > 0)]
        self.size = float(np.median(sides)) if len(sides) else 0.0

    def n_near(self, points: NDArray[np.bool_], value: float) -> int:
        """How many of these points, which are at the value on every axis, may be positions."""
        points = points[self.order]
        return sum(
            self._n_near_of(points[:, k], k, value)
            for k in np.flatnonzero(points.any(axis=0)).tolist()
        )

    def _n_near_of(self, points: NDArray[np.bool_], keypoint: int, value: float) -> int:
        track, known = self.keypoints[:, keypoint], self.others[:, keypoint]
        at = np.flatnonzero(known)
        rows = np.flatnonzero(points)
        after = np.searchsorted(at, rows)
        distance = np.full(len(rows), np.inf)
        compared = np.zeros(len(rows), bool)
        for offset in (*range(-self.n_neighbours, 0), *range(self.n_neighbours)):
            place = after + offset
            usable = (place >= 0) & (place < len(at))
            neighbour = at[place[usable]]
            same = self.group[neighbour] == self.group[rows[usable]]
            away = np.linalg.norm(track[neighbour] - value, axis=-1)
            distance[usable] = np.minimum(distance[usable], np.where(same, away, np.inf))
            compared[usable] |= same
        near = np.where(
            compared,
            distance <= self._reach(track[at], self.group[at]),
            self._among_others(rows, value),
        )
        return int(near.sum())

    def _among_others(self, rows: NDArray[np.int64], value: float) -> NDArray[np.bool_]:
        """Whether the value is near the other keypoints of a row, in data on both sides of it.

        Pixels begin at 0: there (0, 0) is a corner, which has all keypoints on one side.
        """
        known = self.keypoints[self.others]
        below = (known < value).mean(axis=0) if len(known) else np.zeros(1)
        if below.max() < _LEAST_SHARE_BELOW:
            return np.zeros(len(rows), bool)
        margin = _LARGEST_REACH * self.size
        above = (self.low[rows] - margin <= value) & (value <= self.high[rows] + margin)
        return np.asarray(above.all(axis=-1))

    def _reach(self, track: Floats, group: NDArray[np.int64]) -> float:
        """How far a keypoint may be from one known position to the next."""
        same = group[1:] == group[:-1]
        steps = np.linalg.norm(np.diff(track, axis=0), axis=-1)[same]
        large = _STEPS * float(np.quantile(steps, 0.95)) if len(steps) else 0.0
        if not self.size:
            return large
        return float(np.clip(large, _LEAST_REACH * self.size, _LARGEST_REACH * self.size))
