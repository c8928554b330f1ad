"""Classical smoothers: the rows that a trained model has to beat (DESIGN section 8).

A smoother maps noisy positions float32 (N, T, K, 2), heatmap pixels, NaN where not annotated, to
smoothed ones of the same shape, with NaN in exactly the same places.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import unknown_name
from pose_smoother.filters import lmmse, moving
from pose_smoother.filters.one_euro import one_euro

Smooth = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Params = Mapping[str, float]


@dataclass(frozen=True)
class FilterSpec:
    """A registered smoother.

    Attributes
    ----------
    fit : (noisy, truth) training windows, float32 (N, T, K, 2) both -> a function that makes the
        smoother from one point of the grid. Filters learn nothing and ignore the windows.
    grid : the parameters that tuning chooses from.
    """

    fit: Callable[[NDArray[np.float32], NDArray[np.float32]], Callable[..., Smooth]]
    grid: tuple[Params, ...] = ({},)


def _filter(smooth: Callable[..., NDArray[np.float32]], *grid: Params) -> FilterSpec:
    return FilterSpec(lambda noisy, truth: partial(partial, smooth), grid or ({},))


def _fit_lmmse(noisy: NDArray[np.float32], truth: NDArray[np.float32]) -> Callable[..., Smooth]:
    return lmmse.fit(noisy, truth).estimator


#: Smoothers by the name that stands in the column ``model``.
SMOOTHERS: dict[str, FilterSpec] = {
    "identity": _filter(moving.identity),
    "mean": _filter(moving.mean),
    "gaussian": _filter(
        moving.gaussian, *({"sigma_frames": s} for s in (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0))
    ),
    "median": _filter(moving.median, *({"width_frames": w} for w in (3, 5, 7, 9))),
    "savgol": _filter(
        moving.savgol,
        # Order 0 is a moving mean, and the mean has its own row.
        {"width_frames": 3, "polyorder": 1},
        *({"width_frames": 5, "polyorder": p} for p in (1, 2, 3)),
    ),
    "one-euro": _filter(
        one_euro,
        *(
            {
                "min_cutoff_per_frame": cutoff,
                "beta_per_px": beta,
                "speed_cutoff_per_frame": speed_cutoff,
            }
            for cutoff in (0.02, 0.05, 0.1, 0.2)
            for beta in (0.0, 0.01, 0.03, 0.1)
            for speed_cutoff in (0.04, 0.2)
        ),
    ),
    "lmmse": FilterSpec(
        _fit_lmmse, tuple({"ridge_windows": r} for r in (1.0, 10.0, 100.0, 1_000.0, 10_000.0))
    ),
}


def smoother(name: str) -> FilterSpec:
    """One smoother by name, or an error that lists the known ones."""
    try:
        return SMOOTHERS[name]
    except KeyError:
        raise unknown_name("smoother", name, list(SMOOTHERS)) from None
