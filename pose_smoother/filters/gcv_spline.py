"""The cubic smoothing spline, as strong as generalised cross-validation says (Woltring 1986)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters import cubic_smoother
from pose_smoother.filters.base import Floats, Params, Run, Smooth, Windows
from pose_smoother.filters.missing import present_frames
from pose_smoother.filters.parameters import Parameter
from pose_smoother.filters.window_runs import smooth_as_runs

NAME = "gcv-spline"
LABEL = "GCV spline"
PARAMETERS = {
    "penalty": Parameter(
        None,
        "of the squared second derivative, time in frames; by generalised cross-validation for "
        "each keypoint if not given",
    ),
}
TABLE_ROW = 7
# The strength is the data's own choice, so nothing is tuned.
GRID: tuple[Params, ...] = ({},)

_LOG_STEP = 1e-3  # of the derivative by the strength


def fit_track(runs: Sequence[Run], params: Params) -> dict[str, Any]:
    """The parameters with each keypoint's penalty, float64 (K,), if none is given."""
    if params["penalty"] is not None:
        return dict(params)
    return {**params, "penalty": 1.0 / cubic_smoother.choose_ratios(runs, cross_validation)}


def smooth_run(run: Run, *, penalty: float | NDArray[np.float64]) -> Floats:
    """The spline in every frame between the first and the last known one.

    Source
    ------
    ``scipy.interpolate.make_smoothing_spline(t, positions, lam=penalty)``.
    """
    return cubic_smoother.smooth(run, 1.0 / np.asarray(penalty))


def fit_windows(noisy: Windows, truth: Windows) -> Callable[..., Smooth]:
    """The spline with one penalty for all windows, by cross-validation over the noisy ones.

    A window is too short to choose a penalty by itself, so all training windows choose one. The
    ground truth is not read.

    Parameters
    ----------
    noisy, truth : float32 (N, T, K, 2), NaN where not annotated.
    """
    del truth
    penalty = 1.0 / cubic_smoother.best_ratio(partial(_window_criterion, _second_moments(noisy)))
    return lambda: partial(smooth_windows, penalty=penalty)


def smooth_windows(noisy: Windows, *, penalty: float) -> Windows:
    """The spline of windows; NaN stays NaN."""
    return smooth_as_runs(noisy, smooth_run, penalty=penalty)


def _second_moments(noisy: Windows) -> list[tuple[NDArray[np.bool_], Floats, int]]:
    """For each pattern of known frames, bool (T,): the sum of y y^T over its series, their number.

    Series with fewer than three known frames pass through the spline and say nothing.
    """
    n_frames = noisy.shape[1]
    present = np.moveaxis(present_frames(noisy)[..., 0], 1, 2).reshape(-1, n_frames)
    series = np.moveaxis(noisy, 1, 2).reshape(-1, n_frames, noisy.shape[3]).astype(np.float64)
    patterns, pattern = np.unique(present, axis=0, return_inverse=True)
    found = []
    for index, known in enumerate(patterns):
        values = series[pattern.reshape(-1) == index][:, known]  # (n, known, axes)
        if known.sum() >= 3:
            values = np.moveaxis(values, 2, 1).reshape(-1, int(known.sum()))
            values = values - values.mean(axis=1, keepdims=True)  # lines pass through unchanged
            found.append((known, values.T @ values, len(values)))
    return found


def _window_criterion(
    moments: Sequence[tuple[NDArray[np.bool_], Floats, int]], noise_ratio: float
) -> float:
    """``cross_validation`` of all series: log of what is left over the free numbers squared."""
    left, free = 0.0, 0.0
    for known, moment, n_series in moments:
        residual = np.eye(len(moment)) - cubic_smoother.hat_matrix(known, noise_ratio)
        left += float(np.trace(residual @ moment @ residual.T))
        free += n_series * float(np.trace(residual))
    return float(np.log(max(left, 1e-12)) - 2 * np.log(max(free, 1e-9)))


def cross_validation(parts: Sequence[Floats], noise_ratio: float) -> float:
    """Log of the mean square of what is left, over the square of the share of free numbers.

    The trace of the matrix that smooths is what the log determinant changes by with the noise
    ratio: d log det(P / ratio + M) / d log(1 / ratio) = 2 T - trace.
    """
    left, trace = 0.0, 0.0
    for part in parts:
        solution = cubic_smoother.Solution(part, noise_ratio)
        left += float(np.nansum((part - solution.positions) ** 2))
        weaker, stronger = (
            cubic_smoother.log_det(part, noise_ratio * np.exp(step))
            for step in (_LOG_STEP, -_LOG_STEP)
        )
        trace += 2 * len(part) - (stronger - weaker) / (2 * _LOG_STEP)
    n_points = sum(map(cubic_smoother.n_known, parts))
    power = sum(float(np.nansum(part**2)) for part in parts)
    least = np.finfo(np.float64).tiny  # of positions that are 0, or whose squares are
    return float(np.log(max(left, 1e-12 * power, least)) - 2 * np.log(max(n_points - trace, 1e-9)))
