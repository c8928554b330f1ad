"""The cubic smoothing spline, as strong as generalised cross-validation says (Woltring 1986)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters import cubic_smoother
from pose_smoother.filters.base import Floats, Params, Run
from pose_smoother.filters.parameters import Parameter

NAME = "gcv-spline"
LABEL = "GCV spline"
PARAMETERS = {
    "penalty": Parameter(
        None,
        "of the squared second derivative, time in frames; by generalised cross-validation for "
        "each keypoint if not given",
    ),
}

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
    return float(np.log(max(left, 1e-12 * power)) - 2 * np.log(max(n_points - trace, 1e-9)))
