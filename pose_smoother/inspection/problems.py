"""Points and frames that are wrong: outliers, jumps, frozen points, duplicates."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters.median import running_median
from pose_smoother.inspection.noise import body_size, present
from pose_smoother.poses.tracks import Floats, Track

Bools = NDArray[np.bool_]

_WIDTH_FRAMES = 7
_OUTLIER_NOISES = 6.0
_OUTLIER_SIZE = 0.1  # of the body: a smaller deviation harms nobody
_JUMP_SIZE = 0.5
_JUMP_STEPS = 3.0
_FROZEN_FRAMES = 5
_SAME_INDIVIDUAL = 0.05


def outliers(track: Track, noise: Floats, size: float) -> Bools:
    """Points far from the median of the 7 frames around them, bool (n, K).

    Far is over 6 times the keypoint's noise, 6 times its median deviation, and a tenth of the body.
    """
    far = np.zeros(track.keypoints.shape[:2], bool)
    deviation = np.full(far.shape, np.nan)
    for rows in track.runs():
        positions = track.keypoints[rows]
        apart = positions - running_median(positions, _WIDTH_FRAMES)
        deviation[rows] = _near_ends(positions, np.linalg.norm(apart, axis=-1))
    known = np.isfinite(deviation)
    for keypoint in np.flatnonzero(known.any(axis=0)).tolist():
        own = deviation[:, keypoint]
        usual = float(np.median(own[known[:, keypoint]]))
        sure = np.nan_to_num(noise[keypoint])
        least = max(_OUTLIER_NOISES * max(sure, usual), _OUTLIER_SIZE * size)
        far[:, keypoint] = known[:, keypoint] & (own > least)
    return far


def _near_ends(positions: Floats, deviation: Floats) -> Floats:
    """The smaller of the deviation and that from a line, where a median has one side only.

    Next to a gap the frames around a point are before it, or after it, and the median of a motion
    lags. There the point is compared with the line through the two points on that side, too.
    """
    known = np.asarray(np.isfinite(positions).all(axis=-1))
    half = _WIDTH_FRAMES // 2
    count = np.zeros((len(known) + 2 * half + 1, known.shape[1]))
    count[half + 1 : half + 1 + len(known)] = known
    total = count.cumsum(axis=0)
    total[half + 1 + len(known) :] = total[half + len(known)]
    n = len(known)
    before = total[half : half + n] - total[:n]
    after = total[2 * half + 1 : 2 * half + 1 + n] - total[half + 1 : half + 1 + n]
    line = np.full((2, *deviation.shape), np.inf)
    if n > 2:
        ahead = positions[:-2] - 2 * positions[1:-1] + positions[2:]
        length = np.linalg.norm(ahead, axis=-1) / np.sqrt(6)  # of its noise over one point's
        line[0, :-2] = np.where(np.isfinite(length), length, np.inf)
        line[1, 2:] = line[0, :-2]
    one_sided = np.abs(before - after) > 1
    nearer = np.minimum(deviation, np.where(after > before, line[0], line[1]))
    return np.where(one_sided & np.isfinite(deviation), nearer, deviation)


def steps(track: Track) -> Floats:
    """How far each point is from its place one frame earlier, float64 (n, K); NaN if unknown."""
    out = np.full(track.keypoints.shape[:2], np.nan)
    if len(out) > 1:
        length = np.linalg.norm(np.diff(track.keypoints, axis=0), axis=-1)
        next_frame = np.diff(track.frame) == track.step
        out[1:] = np.where(next_frame[:, None], length, np.nan)
    return out


def jumps(track: Track, size: float, apart_from: Bools) -> Bools:
    """Points that are suddenly elsewhere, and stay there, bool (n, K).

    The step is over half the body and over 3 times the steps before and after it.

    Parameters
    ----------
    apart_from : outliers, which come back and are no jumps.
    """
    step = steps(track)
    around = np.full_like(step, 0.0)
    clean = np.nan_to_num(step)
    around[1:] = clean[:-1]
    around[:-1] = np.maximum(around[:-1], clean[1:])
    found = np.nan_to_num(step) > np.maximum(_JUMP_SIZE * size, _JUMP_STEPS * around)
    found &= ~apart_from
    found[1:] &= ~apart_from[:-1]
    return np.asarray(found)


def repeated_frames(track: Track) -> NDArray[np.bool_]:
    """Frames whose keypoints are those of the frame before to the bit, bool (n,)."""
    there = present(track)
    same = np.zeros(len(there), bool)
    if len(there) > 1:
        equal = (steps(track)[1:] == 0) | (~there[1:] & ~there[:-1])
        same[1:] = equal.all(axis=1) & (there[1:].sum(axis=1) > 1)
    return same


def frozen(track: Track) -> Bools:
    """Points in the same place for 5 frames or more while most others move, bool (n, K)."""
    still = steps(track) == 0
    moving = np.nan_to_num(steps(track)) > 0
    others_move = moving.sum(axis=1) > still.sum(axis=1)
    still &= others_move[:, None]
    out = np.zeros_like(still)
    for keypoint in np.flatnonzero(still.any(axis=0)).tolist():
        edges = np.flatnonzero(np.diff(np.concatenate([[0], still[:, keypoint], [0]])))
        for start, stop in edges.reshape(-1, 2).tolist():
            if stop - start + 1 >= _FROZEN_FRAMES:
                out[start - 1 : stop, keypoint] = True
    return out


def doubled_individuals(tracks: tuple[Track, ...]) -> int:
    """Frames in which two tracks of a video have the same pose, within 5 % of the body."""
    doubled = 0
    for one, two in combinations(tracks, 2):
        if one.video != two.video:
            continue
        _, rows, others = np.intersect1d(one.frame, two.frame, return_indices=True)
        apart = np.linalg.norm(one.keypoints[rows] - two.keypoints[others], axis=-1)
        known = np.isfinite(apart)
        near = np.where(known, apart, 0.0).sum(axis=1)
        mean = near / np.maximum(known.sum(axis=1), 1)
        least = _SAME_INDIVIDUAL * body_size(one.keypoints)
        doubled += int(((known.sum(axis=1) > 1) & (mean < least)).sum())
    return doubled
