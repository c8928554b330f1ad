"""A Kalman filter of constant velocity with Rauch-Tung-Striebel smoothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters import cubic_smoother
from pose_smoother.filters.base import Floats, Params, Run, Windows
from pose_smoother.filters.parameters import Parameter
from pose_smoother.filters.window_runs import smooth_as_runs

NAME = "kalman"
LABEL = "Kalman, RTS"
PARAMETERS = {
    "noise_ratio": Parameter(
        None,
        "variance of the acceleration's noise (a frame) over that of positions; by maximum "
        "likelihood for each keypoint if not given",
    ),
}
TABLE_ROW = 8
GRID: tuple[Params, ...] = tuple(
    {"noise_ratio": ratio} for ratio in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
)


def fit_track(runs: Sequence[Run], params: Params) -> dict[str, Any]:
    """The parameters with each keypoint's likeliest noise ratio, float64 (K,), if none is given."""
    if params["noise_ratio"] is not None:
        return dict(params)
    return {**params, "noise_ratio": cubic_smoother.choose_ratios(runs, minus_log_likelihood)}


def smooth_run(run: Run, *, noise_ratio: float | NDArray[np.float64]) -> Floats:
    """The smoother's positions in every frame between the first and the last known one."""
    return cubic_smoother.smooth(run, noise_ratio)


def smooth_windows(noisy: Windows, *, noise_ratio: float) -> Windows:
    """The smoother's positions of windows; NaN stays NaN."""
    return smooth_as_runs(noisy, smooth_run, noise_ratio=noise_ratio)


def minus_log_likelihood(parts: Sequence[Floats], noise_ratio: float) -> float:
    """Minus twice the log-likelihood, less a constant, at the likeliest variance of positions.

    The first position and velocity are diffuse (Harvey 1989, section 3.4).
    """
    found = [cubic_smoother.Solution(part, noise_ratio) for part in parts]
    n_axes = parts[0].shape[1]
    n_points = sum(cubic_smoother.n_known(part) - 2 for part in parts) * n_axes
    power = sum(float(np.nansum(part**2)) for part in parts)
    least = np.finfo(np.float64).tiny  # of positions that are 0, or whose squares are
    misfit = max(sum(one.misfit for one in found), 1e-12 * power, least)
    log_det = sum(
        one.log_det + 2 * (len(part) - 1) * np.log(noise_ratio)
        for one, part in zip(found, parts, strict=True)
    )
    return n_points * float(np.log(misfit)) + n_axes * float(log_det)
