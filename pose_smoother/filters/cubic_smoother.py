"""Smoothing of whole series by one banded linear system: what ``kalman`` and ``gcv-spline`` share.

The state of each axis is (position, velocity); white noise of the acceleration changes it between
frames, and a known position is the state's plus white noise. With nothing known beforehand, the
positions of a Kalman filter with Rauch-Tung-Striebel smoothing are those of the cubic smoothing
spline (Wahba 1978): the solution of a linear system with a banded matrix, solved for all frames at
once. The one parameter is the ratio of the two variances, with the frame as the unit of time.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters.base import Floats, Run
from pose_smoother.filters.score_weights import weights

_LOG10_RANGE = (-6.0, 4.0)  # of the noise ratio
_FINEST_STEP = 0.15  # of the search for its logarithm, before a parabola
_LEAST_POINTS = 8  # known frames to choose a ratio from
_MOST_FRAMES = 2048  # of a track that the ratio is chosen from
_TYPICAL_RATIO = 0.1  # where too few frames are known to choose one


def smooth(run: Run, noise_ratio: float | NDArray[np.float64]) -> Floats:
    """The smoother's positions in every frame between the first and the last known one."""
    smoothed = run.positions.copy()
    present = run.present
    ratios = np.broadcast_to(np.asarray(noise_ratio, np.float64), present.shape[1])
    for keypoints, ratio, weight in _alike(present, ratios, weights(run)):
        at = np.flatnonzero(present[:, keypoints[0]])
        if len(at) < 3:  # a line passes through two
            continue
        frames = slice(int(at[0]), int(at[-1]) + 1)
        values = run.positions[frames, keypoints]
        near = None if weight is None else weight[frames]
        found = Solution(values.reshape(len(values), -1), ratio, near).positions
        smoothed[frames, keypoints] = found.reshape(values.shape)
    return smoothed


def _alike(
    present: NDArray[np.bool_], ratios: NDArray[np.float64], weight: Floats | None
) -> Iterable[tuple[NDArray[np.int64], float, Floats | None]]:
    """Keypoints with the same known frames, ratio and weights, which have the same matrix."""
    if weight is not None:
        return [
            (np.array([keypoint]), ratio, weight[:, keypoint])
            for keypoint, ratio in enumerate(ratios.tolist())
            if present[:, keypoint].any()
        ]
    keys: dict[tuple[bytes, float], list[int]] = {}
    for keypoint, ratio in enumerate(ratios.tolist()):
        keys.setdefault((np.packbits(present[:, keypoint]).tobytes(), ratio), []).append(keypoint)
    return [(np.array(members), ratio, None) for (_, ratio), members in keys.items()]


class Solution:
    """Smoothed positions of series with the same known frames, and what their likelihood needs.

    Parameters
    ----------
    values : float64 (T, S), NaN where missing.
    noise_ratio : the variance of the acceleration's noise over that of positions of weight 1.
    weights : float64 (T,), the precision of each frame's position; 1 if None.

    Attributes
    ----------
    positions : float64 (T, S).
    log_det : log determinant of the matrix.
    misfit : the sum of squares that the noise of the positions explains, over all S series.
    """

    def __init__(self, values: Floats, noise_ratio: float, weights: Floats | None = None) -> None:
        from scipy.linalg import cho_solve_banded

        known = np.isfinite(values[:, 0])
        counts = known.astype(np.float64) if weights is None else np.where(known, weights, 0.0)
        factor = (
            _cached_factor(np.packbits(known).tobytes(), len(known), noise_ratio)
            if weights is None and len(known) <= _MOST_FRAMES
            else _factor(counts, noise_ratio)
        )
        right = np.zeros((2 * len(values), values.shape[1]))
        measured = np.where(known[:, None], values, 0.0)
        right[::2] = measured * counts[:, None]
        solved = cho_solve_banded((factor, False), right, check_finite=False)
        self.positions: Floats = solved[::2]
        self.log_det = 2.0 * float(np.log(factor[-1]).sum())
        self.misfit = float((right[::2] * (measured - solved[::2])).sum())


def hat_matrix(known: NDArray[np.bool_], noise_ratio: float) -> Floats:
    """The matrix that smooths: smoothed known positions from known positions, (n_known, n_known).

    Parameters
    ----------
    known : bool (T,), at least three frames.
    """
    at = np.flatnonzero(known)
    units = np.full((len(known), len(at)), np.nan)
    units[at] = np.eye(len(at))
    return Solution(units[at[0] : at[-1] + 1], noise_ratio).positions[at - at[0]]


def log_det(values: Floats, noise_ratio: float) -> float:
    """``Solution.log_det`` alone."""
    known = np.isfinite(values[:, 0])
    return 2.0 * float(np.log(_factor(known, noise_ratio)[-1]).sum())


def _factor(known: NDArray[np.bool_] | Floats, noise_ratio: float) -> Floats:
    """Cholesky's factor of `precision`, upper bands (4, 2 T)."""
    from scipy.linalg import cholesky_banded

    factor: Floats = cholesky_banded(precision(known, noise_ratio), check_finite=False)
    return factor


@lru_cache(maxsize=64)
def _cached_factor(known: bytes, n_frames: int, noise_ratio: float) -> Floats:
    """The same of packed bits: keypoints that are seen in the same frames have the same matrix."""
    bits = np.unpackbits(np.frombuffer(known, np.uint8), count=n_frames)
    return _factor(bits.astype(bool), noise_ratio)


def precision(known: NDArray[np.bool_] | Floats, noise_ratio: float) -> Floats:
    """Posterior precision of (position, velocity, position, ...), upper bands (4, 2 T).

    In units of the precision of a position of weight 1; ``known`` may be the weights instead. Each
    pair of neighbouring frames adds the inverse of the covariance [[1/3, 1/2], [1/2, 1]] of what
    white acceleration adds to the state in a frame.
    """
    n_frames = len(known)
    strength = 1.0 / noise_ratio
    bands = np.zeros((4, 2 * n_frames))
    n_pairs = np.full(n_frames, 2.0)
    n_pairs[[0, -1]] = 1.0
    bands[3, ::2] = 12.0 * strength * n_pairs + known
    bands[3, 1::2] = 4.0 * strength * n_pairs
    bands[2, 1], bands[2, -1] = 6.0 * strength, -6.0 * strength
    bands[2, 2::2] = -6.0 * strength
    bands[1, 2::2] = -12.0 * strength
    bands[1, 3::2] = 2.0 * strength
    bands[0, 3::2] = 6.0 * strength
    return bands


def choose_ratios(
    runs: Sequence[Run], loss: Callable[[Sequence[Floats], float], float]
) -> NDArray[np.float64]:
    """The noise ratio of each keypoint of a track for which a loss is least, float64 (K,).

    Parameters
    ----------
    runs : of the track; only its first frames are read.
    loss : (float64 (T, axes) of each run, from its first to its last known frame, about their
        mean, NaN where missing; noise ratio) -> the loss.
    """
    taken: list[Floats] = []
    n_frames = 0
    for run in runs:
        taken.append(run.positions[: _MOST_FRAMES - n_frames])
        n_frames += len(taken[-1])
        if n_frames >= _MOST_FRAMES:
            break
    return np.array([_choose(_parts(taken, k), loss) for k in range(taken[0].shape[1])])


def _parts(taken: Sequence[Floats], keypoint: int) -> list[Floats]:
    """The stretches of a keypoint that say something of its noise: three known frames at least."""
    parts = []
    for values in taken:
        at = np.flatnonzero(np.isfinite(values[:, keypoint]).all(axis=1))
        if len(at) >= 3:
            part = values[at[0] : at[-1] + 1, keypoint]
            parts.append(part - np.nanmean(part, axis=0))
    return parts


def n_known(part: Floats) -> int:
    """The known frames of a part."""
    return int(np.isfinite(part[:, 0]).sum())


def _choose(parts: list[Floats], loss: Callable[[Sequence[Floats], float], float]) -> float:
    """Where the loss is least; a typical ratio where too little is known to choose."""
    moves = any(np.nanmax(np.abs(part)) > 0 for part in parts)
    if not moves or sum(map(n_known, parts)) < _LEAST_POINTS:
        return _TYPICAL_RATIO
    return best_ratio(lambda ratio: loss(parts, ratio))


def best_ratio(loss: Callable[[float], float]) -> float:
    """The noise ratio for which a loss of one minimum is least."""
    return float(10.0 ** _least(lambda x: loss(10.0**x), *_LOG10_RANGE))


def _least(loss: Callable[[float], float], low: float, high: float) -> float:
    """Where a function of one minimum is least: a grid, steps halved around its best, a parabola.

    All steps lie on one grid, so that keypoints with the same known frames ask for the same ratios
    (`_cached_factor`).
    """
    grid = np.linspace(low, high, 11)
    known = {x: loss(x) for x in grid.tolist()}
    step = float(grid[1] - grid[0])
    while step > _FINEST_STEP:
        best = min(known, key=known.__getitem__)
        step /= 2
        for x in (best - step, best + step):
            if low <= x <= high and x not in known:
                known[x] = loss(x)
    best = min(known, key=known.__getitem__)
    before, at, after = (known.get(x, np.nan) for x in (best - step, best, best + step))
    bend = before - 2 * at + after
    return best + step * float((before - after) / (2 * bend)) if bend > 0 else best
