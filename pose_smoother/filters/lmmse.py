"""The linear minimum-mean-square-error estimator over (time x keypoint x axis), fitted on windows.

Each position is estimated from all positions of its window, linearly, with the weights of least
squared error on the noisy training windows in which it is annotated. Where a keypoint is missing
from a frame, its mean over the window's other frames is used; where it is missing from the whole
window, its training mean. Flags of what is annotated are features too: the box is cut around the
annotated keypoints, so positions depend on which those are. (They are not missing at random, that
is: on Penn Action a conditional Gaussian from pairwise covariances reaches a lower PCK than the
mean over time, and without the stand-in of the window's other frames two points are lost.)

What is fitted is the correction to the keypoint's window mean, with a ridge: with few windows, or
for a keypoint that training never saw, the estimate falls back to that mean.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters.base import Params, Smooth
from pose_smoother.filters.mean import smooth_windows as mean
from pose_smoother.filters.missing import present_frames
from pose_smoother.filters.parameters import Parameter

NAME = "lmmse"
LABEL = "Linear MMSE"
PARAMETERS = {"ridge_windows": Parameter(100.0, "weight of no correction, in windows")}
TABLE_ROW = 11
GRID: tuple[Params, ...] = tuple(
    {"ridge_windows": r} for r in (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
)

_CHUNK = 4096  # windows; bounds memory
_LEAST_POWER = 1e-3  # keeps the ridge positive where a feature is always 0


@dataclass(frozen=True)
class LinearEstimator:
    """Fitted weights; call it with noisy windows.

    Attributes
    ----------
    seen : bool (T K,), keypoint and frame was annotated in training.
    typical_px : float64 (S, 2), mean position of each of the S seen entries.
    weights : float64 (F, S, 2), correction in px of each entry by feature.
    """

    seen: NDArray[np.bool_]
    typical_px: NDArray[np.float64]
    weights: NDArray[np.float64]

    def __call__(self, noisy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Estimates for noisy positions float32 (N, T, K, 2); NaN in the same places."""
        smoothed = np.ascontiguousarray(mean(noisy))
        by_entry = _by_entry(smoothed)  # a view
        for rows in _chunks(len(noisy)):
            features = _features(noisy[rows], self.seen, self.typical_px)
            correction = np.tensordot(features, self.weights, axes=1)
            by_entry[rows, self.seen] += correction.astype(np.float32)  # NaN stays NaN
        return smoothed


@dataclass(frozen=True)
class SufficientStatistics:
    """Sums over training windows from which the weights follow for any ridge.

    Attributes
    ----------
    seen, typical_px : as in ``LinearEstimator``.
    gram : float64 (S, F, F), products of features, over the windows that annotate each entry.
    cross : float64 (S, F, 2), products of features and the sought correction.
    power : float64 (F,), mean square of each feature.
    """

    seen: NDArray[np.bool_]
    typical_px: NDArray[np.float64]
    gram: NDArray[np.float64]
    cross: NDArray[np.float64]
    power: NDArray[np.float64]

    def estimator(self, *, ridge_windows: float) -> LinearEstimator:
        """The estimator whose ridge weighs as much as this many windows without a correction."""
        from scipy.linalg import solve

        penalty = ridge_windows * np.maximum(self.power, _LEAST_POWER)
        weights = [
            solve(gram + np.diag(penalty), cross, assume_a="pos")
            for gram, cross in zip(self.gram, self.cross, strict=True)
        ]
        stacked = np.stack(weights, axis=1) if weights else np.zeros((1, 0, 2))
        return LinearEstimator(self.seen, self.typical_px, stacked)


def fit_windows(noisy: NDArray[np.float32], truth: NDArray[np.float32]) -> Callable[..., Smooth]:
    """What makes an estimator of training windows from its ridge."""
    return fit(noisy, truth).estimator


def fit(noisy: NDArray[np.float32], truth: NDArray[np.float32]) -> SufficientStatistics:
    """Collect the moments of training windows.

    Parameters
    ----------
    noisy, truth : float32 (N, T, K, 2), heatmap pixels; both NaN where not annotated.

    Notes
    -----
    Costs N (T K)^3 operations and (T K)^3 numbers: meant for short windows.
    """
    present = _by_entry(present_frames(noisy))[..., 0]
    seen = np.asarray(present.any(axis=0))
    values = _by_entry(noisy)[:, seen]
    n_seen = np.maximum(present[:, seen].sum(axis=0), 1)[:, None]
    typical = np.nansum(values, axis=0, dtype=np.float64) / n_seen
    n_entries, n_features = int(seen.sum()), 3 * int(seen.sum()) + 1
    gram = np.zeros((n_entries, n_features, n_features))
    cross = np.zeros((n_entries, n_features, 2))
    power = np.zeros(n_features)
    for rows in _chunks(len(noisy)):
        features = _features(noisy[rows], seen, typical)
        sought = _by_entry(truth[rows] - mean(noisy[rows]))[:, seen]
        whole = present[rows][:, seen].all(axis=1)  # these windows count for every entry alike
        shared = features[whole].T @ features[whole]
        power += np.square(features).sum(axis=0) / len(noisy)
        for entry, annotated in enumerate(present[rows][:, seen].T):
            part = features[annotated & ~whole]
            gram[entry] += shared + part.T @ part
            cross[entry] += features[annotated].T @ sought[annotated, entry].astype(np.float64)
    return SufficientStatistics(seen, typical, gram, cross, power)


def _features(
    noisy: NDArray[np.float32], seen: NDArray[np.bool_], typical_px: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Float64 (N, 3 S + 1): filled positions about their typical place, flags, and a constant 1."""
    present = present_frames(noisy)
    n_frames = np.maximum(present.sum(axis=1, keepdims=True), 1)
    window_mean = np.where(present, noisy, 0).sum(axis=1, keepdims=True) / n_frames
    absent = ~present.any(axis=1, keepdims=True)
    filled = np.where(present, noisy, np.where(absent, np.nan, window_mean))
    about = np.nan_to_num(_by_entry(filled)[:, seen] - typical_px)
    flags = _by_entry(present)[:, seen, 0].astype(np.float64)
    ones = np.ones((len(noisy), 1))
    return np.concatenate([about[..., 0], about[..., 1], flags, ones], axis=1)


def _by_entry(windows: NDArray[Any]) -> NDArray[Any]:
    """(N, T, K, axes) as (N, T K, axes)."""
    n_windows, n_frames, n_keypoints, n_axes = windows.shape
    return windows.reshape(n_windows, n_frames * n_keypoints, n_axes)


def _chunks(n_windows: int) -> Iterator[slice]:
    return (slice(at, at + _CHUNK) for at in range(0, n_windows, _CHUNK))
