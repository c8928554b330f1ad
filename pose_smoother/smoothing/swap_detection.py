"""Swaps, found in the motion itself: two points or individuals that exchange places in one frame.

From one frame to the next both jump, each to where the other was. Limbs that cross, or people who
pass each other, move as far before and after as in that frame, and are no swap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters.missing import BRIDGED_FRAMES, around, nan_median
from pose_smoother.points import lengths
from pose_smoother.poses.tracks import Floats, Track
from pose_smoother.smoothing.side_swaps import FRAMES_AROUND, swapped_pairs

#: In a swap individuals move at least so many times as far as is usual around that frame,
_JUMP = 4.0
#: and as a share of the body's size;
_LEAST_APART = 0.2
#: exchanged, both have moved at most this share of that.
_EXCHANGED = 0.35
_CHUNK_VALUES = 1 << 20  # bounds memory


@dataclass(frozen=True)
class Candidates:
    """Tracks that may have swaps: a quick look at all tracks at once, so that most are left out.

    Attributes
    ----------
    swapping : tracks of which a left/right pair may be exchanged somewhere.
    moving : tracks with a step from one row to the next as long as of an exchanged individual.
    """

    swapping: list[int]
    moving: list[int]


def candidates(tracks: Sequence[Track], pairs: Sequence[tuple[int, int]]) -> Candidates:
    """The tracks to look at closely."""
    long = [i for i, track in enumerate(tracks) if len(track.frame) >= 3]
    swapping: set[int] = set()
    moving: list[int] = []
    for part in _chunks(long, tracks):
        keypoints = np.concatenate([tracks[i].keypoints for i in part])
        of = np.repeat(part, [len(tracks[i].frame) for i in part])
        side = _sides(keypoints)
        step = _pose_distance(keypoints[1:], keypoints[:-1])
        least = _LEAST_APART / 2 * np.minimum(side[1:], side[:-1])
        with np.errstate(invalid="ignore"):
            moves = (of[1:] == of[:-1]) & (step > least)
        moving.extend(np.unique(of[1:][moves]).tolist())
        for a, b in pairs:
            swapping.update(of[_may_swap(keypoints[:, a], keypoints[:, b], of)].tolist())
    return Candidates(sorted(swapping), moving)


def _chunks(members: Sequence[int], tracks: Sequence[Track]) -> Iterator[list[int]]:
    """Tracks in parts of a bounded number of values."""
    part: list[int] = []
    n_values = 0
    for i in members:
        part.append(i)
        n_values += tracks[i].keypoints.size
        if n_values > _CHUNK_VALUES:
            yield part
            part, n_values = [], 0
    if part:
        yield part


def _may_swap(a: Floats, b: Floats, of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows to which two keypoints come as if exchanged, over up to four rows, int64."""
    rows = []
    for lag in range(1, min(BRIDGED_FRAMES, len(a) - 1) + 1):
        straight_a, straight_b = lengths(a[lag:] - a[:-lag]), lengths(b[lag:] - b[:-lag])
        exchanged = np.maximum(lengths(a[lag:] - b[:-lag]), lengths(b[lag:] - a[:-lag]))
        straight, longest = np.minimum(straight_a, straight_b), np.maximum(straight_a, straight_b)
        with np.errstate(invalid="ignore"):
            swap = (of[lag:] == of[:-lag]) & (exchanged < _EXCHANGED * longest) & (straight > 0)
        rows.append(np.flatnonzero(swap) + lag)
    return np.concatenate([*rows, np.zeros(0, np.int64)])


def _sides(keypoints: Floats) -> Floats:
    """The larger side of each row's keypoints, (n,); infinite without any."""
    known = np.isfinite(keypoints)
    high = np.where(known, keypoints, -np.inf).max(axis=1)
    low = np.where(known, keypoints, np.inf).min(axis=1)
    return np.asarray(np.abs((high - low).max(axis=-1)))


def longest_side(track: Track) -> float:
    """The larger side of the keypoints, the median over frames; 0 if there is but one."""
    sides = _sides(track.keypoints)
    sides = sides[np.isfinite(sides)]
    return float(np.median(sides)) if len(sides) else 0.0


def left_right_swaps(
    tracks: Sequence[Track], pairs: Sequence[tuple[int, int]]
) -> dict[int, dict[tuple[int, int], tuple[NDArray[np.bool_], NDArray[np.bool_]]]]:
    """By track and pair: the rows in which the pair is exchanged, and those where this is sure."""
    return {
        i: swapped_pairs(tracks[i], pairs, longest_side(tracks[i]))
        for i in candidates(tracks, pairs).swapping
    }


def exchanged(track: Track, pairs: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """The points that are where their partner on the other side of the body is, bool (n, K)."""
    found = np.zeros(track.keypoints.shape[:2], bool)
    for pair, (rows, _) in left_right_swaps([track], pairs).get(0, {}).items():
        for keypoint in pair:
            found[rows, keypoint] = True
    return found


@dataclass(frozen=True)
class _Jump:
    """A track that jumps from one row to the next."""

    frame: int
    track: int
    row: int


def identity_swaps(tracks: dict[int, Track]) -> list[tuple[int, dict[int, int]]]:
    """Frames from which on individuals of one video are exchanged.

    Parameters
    ----------
    tracks : by their numbers.

    Returns
    -------
    (frame, {track: the track in which its individual goes on}) in order of frames.
    """
    jumps = sorted(
        (jump for i, track in tracks.items() for jump in _jumps(i, track)),
        key=lambda jump: (jump.frame, jump.track),
    )
    found = []
    for frame, group in groupby(jumps, key=lambda jump: jump.frame):
        here = list(group)
        if len(here) > 1:
            permutation = _permutation(tracks, here)
            if permutation:
                found.append((frame, permutation))
    return found


def _jumps(index: int, track: Track) -> list[_Jump]:
    if len(track.frame) < 3:
        return []
    step = _pose_distance(track.keypoints[1:], track.keypoints[:-1])
    near = np.diff(track.frame) <= BRIDGED_FRAMES * track.step
    step = np.where(near, step, np.nan)
    usual = nan_median(around(step, FRAMES_AROUND, np.nan))
    far = np.maximum(_JUMP * usual, _LEAST_APART * longest_side(track))
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero((step > far) & (step > 0)) + 1
    return [_Jump(int(track.frame[row]), index, int(row)) for row in rows.tolist()]


def _pose_distance(a: Floats, b: Floats) -> Floats:
    """The mean distance of the keypoints that both have, (n,); NaN without any."""
    apart = lengths(a - b)
    both = np.isfinite(apart)
    n_both = both.sum(axis=-1)
    mean = np.where(both, apart, 0.0).sum(axis=-1) / np.maximum(n_both, 1)
    return np.where(n_both > 0, mean, np.nan)


def _permutation(tracks: dict[int, Track], jumps: Sequence[_Jump]) -> dict[int, int]:
    """Which of the tracks that jump go on in which other; empty where they are not exchanged."""
    from scipy.optimize import linear_sum_assignment

    before = np.stack([tracks[jump.track].keypoints[jump.row - 1] for jump in jumps])
    after = np.stack([tracks[jump.track].keypoints[jump.row] for jump in jumps])
    distance = _pose_distance(
        np.repeat(before, len(jumps), axis=0), np.tile(after, (len(jumps), 1, 1))
    ).reshape(len(jumps), len(jumps))
    distance = np.where(np.isfinite(distance), distance, np.nanmax(distance) * 10)
    to = linear_sum_assignment(distance)[1].tolist()
    moved = {i for i, j in enumerate(to) if j != i and distance[i, j] < _EXCHANGED * distance[i, i]}
    while any(to[i] not in moved for i in moved):  # whole cycles only
        moved = {i for i in moved if to[i] in moved}
    return {jumps[i].track: jumps[to[i]].track for i in moved}
