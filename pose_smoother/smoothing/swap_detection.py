"""Swaps, found in the motion itself: two points or individuals that exchange places in one frame.

From one frame to the next both jump, each to where the other was. Limbs that cross, or people who
pass each other, move as far before and after as in that frame, and are no swap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters.missing import BRIDGED_FRAMES, around, nan_median
from pose_smoother.poses.tracks import Floats, Track

#: In a swap both move at least so many times as far as is usual around that frame,
_JUMP = 4.0
#: and as a share of the body's size: keypoints of one individual, and individuals;
_LEAST_APART, _LEAST_APART_INDIVIDUALS = 0.05, 0.2
#: exchanged, both have moved at most this share of that.
_EXCHANGED = 0.35
_FRAMES_AROUND = 15
_CHUNK_VALUES = 1 << 20  # bounds memory
#: If more rows are in the other state than this share, it is not sure which state is right.
_LARGEST_SHARE = 1 / 3


@dataclass(frozen=True)
class Candidates:
    """Tracks that may have swaps: a quick look at all tracks at once, so that most are left out.

    Attributes
    ----------
    pairs : the tracks, and of each the left/right pairs, that may be exchanged somewhere.
    moving : tracks with a step from one row to the next as long as of an exchanged individual.
    """

    pairs: dict[int, list[tuple[int, int]]]
    moving: list[int]


def candidates(tracks: Sequence[Track], pairs: Sequence[tuple[int, int]]) -> Candidates:
    """The tracks, and the pairs of keypoints, to look at closely."""
    long = [i for i, track in enumerate(tracks) if len(track.frame) >= 3]
    found = Candidates({}, [])
    for part in _chunks(long, tracks):
        keypoints = np.concatenate([tracks[i].keypoints for i in part])
        of = np.repeat(part, [len(tracks[i].frame) for i in part])
        side = _sides(keypoints)
        step = _pose_distance(keypoints[1:], keypoints[:-1])
        least = _LEAST_APART_INDIVIDUALS / 2 * np.minimum(side[1:], side[:-1])
        with np.errstate(invalid="ignore"):
            moves = (of[1:] == of[:-1]) & (step > least)
        found.moving.extend(np.unique(of[1:][moves]).tolist())
        for a, b in pairs:
            for i in np.unique(of[_may_swap(keypoints[:, a], keypoints[:, b], of)]).tolist():
                found.pairs.setdefault(i, []).append((a, b))
    return found


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
        straight_a, straight_b = _length(a[lag:] - a[:-lag]), _length(b[lag:] - b[:-lag])
        exchanged = np.maximum(_length(a[lag:] - b[:-lag]), _length(b[lag:] - a[:-lag]))
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


def body_size(track: Track) -> float:
    """The larger side of the keypoints, the median over frames; 0 if there is but one."""
    sides = _sides(track.keypoints)
    sides = sides[np.isfinite(sides)]
    return float(np.median(sides)) if len(sides) else 0.0


def exchanged(track: Track, pairs: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """The points that are where their partner on the other side of the body is, bool (n, K)."""
    found = np.zeros(track.keypoints.shape[:2], bool)
    size = body_size(track)
    for pair in candidates([track], pairs).pairs.get(0, []):
        rows, _ = swapped_rows(track, pair, size)
        for keypoint in pair:
            found[rows, keypoint] = True
    return found


def swapped_rows(
    track: Track, pair: tuple[int, int], size: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The rows of a track in which two keypoints are exchanged.

    Between two swaps the state does not change. The state of more rows is taken as right, in every
    stretch between gaps of four frames or more; it is sure if it has two thirds of them.

    Returns
    -------
    (bool (n,) exchanged, bool (n,) sure)
    """
    swapped, sure = np.zeros(len(track.frame), bool), np.ones(len(track.frame), bool)
    both = np.isfinite(track.keypoints[:, list(pair)]).all(axis=(1, 2))
    rows = np.flatnonzero(both)
    if len(rows) < 3:
        return swapped, sure
    a, b = (track.keypoints[rows, k] for k in pair)
    frames = track.frame[rows]
    near = np.diff(frames) <= BRIDGED_FRAMES * track.step
    straight = np.stack([_length(a[1:] - a[:-1]), _length(b[1:] - b[:-1])])
    exchanged = np.stack([_length(a[1:] - b[:-1]), _length(b[1:] - a[:-1])])
    least = np.minimum(straight.mean(axis=0), exchanged.mean(axis=0))
    usual = nan_median(around(np.where(near, least, np.nan), _FRAMES_AROUND, np.nan))
    far = np.maximum(_JUMP * usual, _LEAST_APART * size)
    swap = near & (straight > far).all(axis=0) & (exchanged < _EXCHANGED * straight).all(axis=0)
    if not swap.any():
        return swapped, sure
    state = np.concatenate([[0], np.cumsum(swap)]) % 2 == 1
    certain = np.ones(len(rows), bool)
    edges = [0, *(np.flatnonzero(~near) + 1).tolist(), len(rows)]
    for start, stop in pairwise(edges):
        state[start:stop] ^= bool(state[start:stop].mean() > 0.5)
        certain[start:stop] = state[start:stop].mean() <= _LARGEST_SHARE
    n_rows = np.diff([0, *rows[1:].tolist(), len(swapped)])  # up to the next row that has both
    return np.repeat(state, n_rows), np.repeat(certain, n_rows)


def _length(difference: Floats) -> Floats:
    return np.asarray(np.linalg.norm(difference, axis=-1))


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
    usual = nan_median(around(step, _FRAMES_AROUND, np.nan))
    far = np.maximum(_JUMP * usual, _LEAST_APART_INDIVIDUALS * body_size(track))
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero((step > far) & (step > 0)) + 1
    return [_Jump(int(track.frame[row]), index, int(row)) for row in rows.tolist()]


def _pose_distance(a: Floats, b: Floats) -> Floats:
    """The mean distance of the keypoints that both have, (n,); NaN without any."""
    apart = np.linalg.norm(a - b, axis=-1)
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
