"""Choosing a smoother's parameters, on validation windows only.

The rule is the one by which a model's epoch is chosen, the highest validation PCK@0.2 (DESIGN
section 8), so that no row is tuned for something else than its neighbours; PCK@0.1, then the pixel
error, break ties and replace it where no frame has a torso.
"""

import math
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters import Params, Smooth, fit_windows, table_filter, table_filters
from trainer.metrics.scorer import score
from trainer.metrics.scores import value

Windows = tuple[NDArray[np.float32], NDArray[np.float32]]


def tune(
    grid: Iterable[Params],
    make: Callable[..., Smooth],
    val: Windows,
    missing_torso: str = "skip",
) -> tuple[Smooth, Params]:
    """The smoother of the grid that does best on validation, and its parameters.

    Parameters
    ----------
    grid : the parameters to try; the first wins among equals.
    make : makes a smoother from them.
    val : (noisy, truth), float32 (N, T, K, 2) both, heatmap pixels, NaN where not annotated.
    missing_torso : how PCK treats frames without all four torso keypoints.
    """
    tried = list(grid)
    if len(tried) == 1:
        return make(**tried[0]), tried[0]
    best = max(tried, key=lambda params: _merit(make(**params), val, missing_torso))
    return make(**best), best


def fit_and_tune(
    train: Windows,
    val: Windows,
    names: Iterable[str] | None = None,
    missing_torso: str = "skip",
) -> dict[str, tuple[Smooth, Params]]:
    """Every smoother, fitted on training windows and tuned on validation windows.

    Parameters
    ----------
    train, val : (noisy, truth), float32 (N, T, K, 2) both, heatmap pixels, NaN where not annotated.
    names : which smoothers; all by default.
    missing_torso : as in ``tune``.

    Returns
    -------
    name -> (the smoother, its chosen parameters, for the results).

    Raises
    ------
    InvalidInputError : an unknown name.
    """
    chosen = {name: table_filter(name) for name in (table_filters() if names is None else names)}
    return {
        name: tune(one.GRID, fit_windows(one, *train), val, missing_torso)
        for name, one in chosen.items()
    }


def _merit(smooth: Smooth, val: Windows, missing_torso: str) -> tuple[float, ...]:
    """PCK@0.2, PCK@0.1, minus the pixel error: the larger the better."""
    noisy, truth = val
    scores = score(smooth(noisy), truth, np.zeros(len(truth), np.int64), 1, missing_torso)
    merits = (value(scores, "pck", 0.2), value(scores, "pck", 0.1), -value(scores, "error_px"))
    return tuple(-math.inf if math.isnan(merit) else merit for merit in merits)
