"""Linking: which detections of neighbouring frames are one individual, where a file has no ids.

First every detection is joined to the one of the next frame that is clearly the same: each is the
other's nearest, and no other is nearly as near. What is left, ends and beginnings, is assigned
frame by frame (Hungarian algorithm) by the distance from where the motion leads.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.tracks import Floats

#: An individual may be missing for so many frames and is then linked again.
MAX_GAP = 30

#: Distances are the mean over keypoints that both have, as a share of the individual's larger side.
CLEAR = 0.25  # clearly the same: at most so far, and
MARGIN = 2.0  # any other at least so many times as far
_FARTHEST = 0.5  # from one frame to the next
_FARTHER_PER_FRAME = 0.05  # and for every frame missing between
_FARTHEST_OF_ALL = 1.0
_VELOCITY_LINKS = 3  # the velocity is the mean over so many links
_MOST_EXTRAPOLATED = 10  # frames
_CHUNK_VALUES = 1 << 22  # bounds memory

#: All detections of a frame are compared with all of the next, so many bound the time.
_MOST_IN_A_FRAME = 1_000
_MOST_PAIRS = _MOST_IN_A_FRAME**2


def link(frame: NDArray[np.int64], keypoints: Floats, step: int) -> list[str]:
    """Names for the detections of one video: ``link-1``, ``link-2``, ... in order of appearance.

    Where no frame has two detections, all are one individual.

    Parameters
    ----------
    frame : int64 (m,), the frame of each.
    keypoints : float64 (m, J, axes), NaN where missing.
    step : the difference of neighbouring frames.

    Raises
    ------
    InvalidInputError : a frame has more detections than are ever compared.
    """
    frames, count = np.unique(frame, return_counts=True)
    if len(frames) == len(frame):
        return ["link-1"] * len(frame)
    if count.max() > _MOST_IN_A_FRAME:
        raise InvalidInputError(
            f"frame {frames[count.argmax()]} has {count.max():,} detections without ids, expected "
            f"at most {_MOST_IN_A_FRAME:,}: track them first, so that the file has ids"
        )
    order = np.argsort(frame, kind="stable")
    linker = _Linker(frame[order], keypoints[order], step)
    linker.join_clear_pairs()
    linker.assign_the_rest()
    numbers = np.empty(len(frame), np.int64)
    numbers[order] = linker.numbers()
    return [f"link-{number}" for number in numbers.tolist()]


class _Linker:
    """Detections in order of frames, and each one's predecessor and successor (-1: none)."""

    def __init__(self, frame: NDArray[np.int64], keypoints: Floats, step: int) -> None:
        self.frame, self.keypoints, self.step = frame, keypoints, step
        self.before = np.full(len(frame), -1, np.int64)
        self.after = np.full(len(frame), -1, np.int64)
        self.centre, side = boxes(keypoints)
        known = side[side > 0]
        # A detection of few keypoints is small; single keypoints have no size but their motion.
        least = float(np.median(known)) / 2 if len(known) else 10 * self._usual_step()
        self.size = np.maximum(side, least if least > 0 else 1.0)

    def _usual_step(self) -> float:
        """The median distance to the nearest detection of the next frame."""
        nearest = [
            np.minimum.reduceat(distance, np.unique(a, return_index=True)[1])
            for a, _, distance in self._pairs(np.ones(len(self.frame)))
        ]
        finite = np.concatenate([*nearest, np.zeros(0)])
        finite = finite[np.isfinite(finite)]
        return float(np.median(finite)) if len(finite) else 0.0

    def _pairs(self, size: Floats) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Floats]]:
        """Pairs of detections in neighbouring frames, and their distances, in chunks of frames."""
        frames, start, count = np.unique(self.frame, return_index=True, return_counts=True)
        first = np.flatnonzero(np.diff(frames) == self.step)
        n_pairs = count[first] * count[first + 1]
        per_pair = self.keypoints[0].size
        chunk = np.cumsum(n_pairs) * per_pair // _CHUNK_VALUES
        for part in np.split(first, np.flatnonzero(np.diff(chunk)) + 1):
            if not len(part):
                continue
            rows = np.concatenate([np.arange(start[i], start[i] + count[i]) for i in part])
            n_next = np.repeat(count[part + 1], count[part])
            a = np.repeat(rows, n_next)
            within = np.arange(len(a)) - np.repeat(np.cumsum(n_next) - n_next, n_next)
            b = np.repeat(np.repeat(start[part + 1], count[part]), n_next) + within
            yield a, b, self._distance(a, b, np.zeros((len(a), self.centre.shape[1])), size)

    def _distance(
        self, a: NDArray[np.int64], b: NDArray[np.int64], moved: Floats, size: Floats
    ) -> Floats:
        """From detections a, moved (n, axes), to b (n,), as a share of the larger one's size."""
        found = np.empty(len(a))
        n_rows = max(1, _CHUNK_VALUES // self.keypoints[0].size)
        for start in range(0, len(a), n_rows):
            rows = slice(start, start + n_rows)
            from_, to, away = a[rows], b[rows], moved[rows]
            apart = self.keypoints[to] - (self.keypoints[from_] + away[:, None])
            apart = np.linalg.norm(apart, axis=-1)
            both = np.isfinite(apart)
            n_both = both.sum(axis=-1)
            mean = np.where(both, apart, 0.0).sum(axis=-1) / np.maximum(n_both, 1)
            between = np.linalg.norm(self.centre[to] - (self.centre[from_] + away), axis=-1)
            # Without a common keypoint it is the boxes' distance.
            share = np.where(n_both > 0, mean, between) / np.maximum(size[from_], size[to])
            found[rows] = np.where(np.isfinite(share), share, np.inf)
        return found

    def join_clear_pairs(self) -> None:
        """Join the pairs of neighbouring frames that leave no doubt."""
        for a, b, distance in self._pairs(self.size):
            nearest = (distance <= CLEAR) & _is_clear(a, distance) & _is_clear(b, distance)
            self.after[a[nearest]], self.before[b[nearest]] = b[nearest], a[nearest]

    def assign_the_rest(self) -> None:
        """Assign ends to beginnings, frame by frame."""
        there = np.isfinite(self.centre).all(axis=-1)
        begins = np.flatnonzero((self.before < 0) & there)
        ends = np.flatnonzero((self.after < 0) & there)
        waiting: list[int] = []
        reached = 0
        for frame in np.unique(self.frame[begins]).tolist():
            stop = int(np.searchsorted(self.frame[ends], frame))
            waiting += ends[reached:stop].tolist()
            reached = stop
            oldest = frame - (MAX_GAP + 1) * self.step
            waiting = [end for end in waiting if self.frame[end] >= oldest]
            low, high = np.searchsorted(self.frame[begins], [frame, frame + 1])
            new = begins[low:high]
            waiting = waiting[-(_MOST_PAIRS // len(new)) :]  # the latest
            if not waiting:
                continue
            from scipy.optimize import linear_sum_assignment

            cost, limit = self._costs(np.array(waiting), new)
            bounded = np.where(cost <= limit, cost, 1e6)
            taken = set()
            for i, j in zip(*linear_sum_assignment(bounded), strict=True):
                if bounded[i, j] < 1e6:
                    self.after[waiting[i]], self.before[new[j]] = new[j], waiting[i]
                    taken.add(i)
            waiting = [end for i, end in enumerate(waiting) if i not in taken]

    def _costs(self, ends: NDArray[np.int64], new: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Distances (ends, new), and the largest allowed (ends, 1)."""
        gap = (self.frame[new[0]] - self.frame[ends]) // self.step
        moved = np.array([self._velocity(int(end)) for end in ends])
        moved *= np.minimum(gap, _MOST_EXTRAPOLATED)[:, None]
        a, b = np.repeat(ends, len(new)), np.tile(new, len(ends))
        cost = np.full(len(a), np.inf)
        for shift in (np.zeros_like(moved), moved):  # stands still, or goes on
            away = np.repeat(shift, len(new), axis=0)
            cost = np.minimum(cost, self._distance(a, b, away, self.size))
        limit = np.minimum(_FARTHEST + _FARTHER_PER_FRAME * (gap - 1), _FARTHEST_OF_ALL)
        return cost.reshape(len(ends), len(new)), limit[:, None]

    def _velocity(self, end: int) -> Floats:
        """The mean motion a frame over the last links, (axes,)."""
        start = end
        for _ in range(_VELOCITY_LINKS):
            if self.before[start] < 0:
                break
            start = int(self.before[start])
        moved = self.keypoints[end] - self.keypoints[start]
        moved = moved[np.isfinite(moved).all(axis=-1)]
        if start == end or not len(moved):
            return np.zeros(self.keypoints.shape[-1])
        n_steps = (self.frame[end] - self.frame[start]) / self.step
        return np.asarray(moved.mean(axis=0) / n_steps)

    def numbers(self) -> NDArray[np.int64]:
        """Each detection's individual, numbered from 1 by its first detection."""
        number = np.zeros(len(self.frame), np.int64)
        n_people = 0
        for row, before in enumerate(self.before.tolist()):
            if before < 0:
                n_people += 1
            number[row] = n_people if before < 0 else number[before]
        return number


def boxes(keypoints: Floats) -> tuple[Floats, Floats]:
    """Centres (m, axes) and larger sides (m,) of boxes; NaN and 0 where nothing is known."""
    missing = np.isnan(keypoints)
    low = np.where(missing, np.inf, keypoints).min(axis=1)
    high = np.where(missing, -np.inf, keypoints).max(axis=1)
    with np.errstate(invalid="ignore"):  # of infinities, where nothing is known
        centre = (low + high) / 2
    return centre, np.maximum(high - low, 0.0).max(axis=-1)


def _is_clear(row: NDArray[np.int64], distance: Floats) -> NDArray[np.bool_]:
    """Whether each pair is the nearest of its row, and any other of the row much farther."""
    order = np.lexsort((distance, row))
    rows, ordered = row[order], distance[order]
    first = np.ones(len(rows), bool)
    first[1:] = rows[1:] != rows[:-1]
    next_in_row = np.append(ordered[1:], np.inf)
    next_in_row[np.append(first[1:], True)] = np.inf
    clear = np.zeros(len(rows), bool)
    clear[order] = first & (next_in_row >= MARGIN * ordered)
    return clear
