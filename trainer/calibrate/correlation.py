"""The correlation of ordinary errors over time.

Weighing pairs of frames by the probability that each error is ordinary would not do: large errors
are believed to be outliers, and what is left of the ordinary ones correlates too little (0.56 for a
true 0.6 with 5 % outliers). So the probability that both are ordinary is taken jointly, at the
correlation sought, and that is found by EM again.
"""

import numpy as np
from numpy.typing import NDArray

from trainer.calibrate.intervals import interval_of
from trainer.calibrate.mixture import Params
from trainer.calibrate.pairs import Pairs
from trainer.metrics.bootstrap import Interval

Floats = NDArray[np.float64]

#: With fewer pairs of frames nothing is estimated.
LEAST_PAIRS = 50
_LARGEST = 0.999
_MAX_STEPS = 60
_TOLERANCE = 1e-4
_NUDGE = 1e-3


def lagged(
    errors: Floats,
    certain: Floats,
    params: Params,
    keypoint: int,
    pairs: Pairs,
    lag: int,
    drawn: Floats,
) -> Interval:
    """The correlation of ordinary errors ``lag`` frames apart, both axes together.

    Parameters
    ----------
    errors : float64 (n, 2), px; NaN where there is none.
    certain : float64 (n,), probability that the keypoint is not swapped.
    params, keypoint : the fitted mixture, and which keypoint of it.
    pairs : for which frames follow each other, and their videos.
    drawn : float64 (R, videos), resamples.
    """
    rows = _unbroken(pairs.follows, lag)
    rows = rows[np.isfinite(errors[rows, 0]) & np.isfinite(errors[rows - lag, 0])]
    weight = certain[rows] * certain[rows - lag]
    if weight.sum() < LEAST_PAIRS:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    about = errors - params.bias[keypoint]
    mixed = _Mixed(about[rows], about[rows - lag], params, keypoint)

    def improved(rho: float) -> tuple[Floats, Floats]:
        """Sums by video whose ratio is the next correlation."""
        both = weight * mixed.both_ordinary(rho)
        return tuple(  # type: ignore[return-value]
            np.bincount(pairs.video[rows], both * part, drawn.shape[1]).astype(np.float64)
            for part in (mixed.products, mixed.squares)
        )

    rho = 0.0
    for _ in range(_MAX_STEPS):
        above, below = improved(rho)
        before, rho = rho, _bounded(above.sum() / max(below.sum(), 1e-300))
        if abs(rho - before) < _TOLERANCE:
            break
    above, below = improved(rho)
    base = above.sum() / below.sum()
    nudged, under = improved(rho - np.copysign(_NUDGE, rho))
    slope = (base - nudged.sum() / under.sum()) / np.copysign(_NUDGE, rho)
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = (drawn @ above) / (drawn @ below) - base
    samples = np.clip(rho + moved / max(1.0 - slope, 0.05), -1.0, 1.0)
    return interval_of(np.asarray(rho), samples, below)


class _Mixed:
    """Standardised errors of two frames under each of four pairs of components."""

    def __init__(self, later: Floats, earlier: Floats, params: Params, keypoint: int) -> None:
        widths = (params.spread[keypoint], params.wide[keypoint])
        share = float(params.outliers[keypoint])
        self._parts = [
            (np.log(first * second / (a * b).prod()), later / a, earlier / b)
            for a, first in zip(widths, (1.0 - share, share), strict=True)
            for b, second in zip(widths, (1.0 - share, share), strict=True)
            if first * second > 0
        ]
        _, x, y = self._parts[0]  # both ordinary
        self.products = (x * y).sum(axis=1)
        self.squares = 0.5 * (x**2 + y**2).sum(axis=1)

    def both_ordinary(self, rho: float) -> Floats:
        """The probability that both errors are ordinary, float64 (m,)."""
        left = 1.0 - rho**2
        logs = [
            log - (0.5 * (x**2 + y**2) - rho * x * y).sum(axis=1) / left
            for log, x, y in self._parts
        ]
        return np.asarray(np.exp(logs[0] - np.logaddexp.reduce(logs, axis=0)))


def _unbroken(follows: NDArray[np.bool_], lag: int) -> NDArray[np.int64]:
    """Rows whose ``lag`` rows before are the frames before them."""
    if len(follows) <= lag:
        return np.empty(0, np.int64)
    n_before = np.concatenate([[0], np.cumsum(follows)])
    return np.flatnonzero(n_before[1 + lag :] - n_before[1:-lag] == lag) + lag


def _bounded(rho: float) -> float:
    return float(np.clip(rho, -_LARGEST, _LARGEST))
