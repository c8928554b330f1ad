"""95 % intervals of calibrated numbers, by resampling videos.

Neighbouring frames are alike, so videos are drawn, not frames. Fitting a mixture again for every
resample would take hours. But a fit is a point that EM maps onto itself, t = M(t, data), so to
first order another data set moves it by (I - J)^-1 (M(t, resample) - M(t, data)), J being the
derivative of M: what gives EM its standard errors (Meng & Rubin 1991, "SEM"). M needs only sums
over frames, and a resample's sums are those of its videos. That the intervals hold what they should
is measured: ``benchmarks/results/calibrate.csv``.
"""

import numpy as np
from numpy.typing import NDArray

from trainer.calibrate.mixture import (
    FreeParameters,
    Params,
    Sums,
    Unit,
    believe,
    maximise,
    step,
    sums,
)
from trainer.metrics.bootstrap import Interval, percentile_interval

Floats = NDArray[np.float64]

LEVEL = 0.95
_NUDGE = 1e-4
_FARTHEST_LOG = 2.0  # a resample's width is clipped to e^2 of the fitted one


def resampled_params(
    unit: Unit, params: Params, free: FreeParameters, video: NDArray[np.int64], drawn: Floats
) -> Params:
    """The parameters of every resample.

    Parameters
    ----------
    params, free : from ``mixture.fit``.
    video : int64 (n,), ascending; the video of each frame.
    drawn : float64 (R, videos), how often each resample holds each video.

    Returns
    -------
    Params with a leading axis R.
    """
    starts = np.flatnonzero(np.diff(video, prepend=-1))
    by_video = sums(unit, believe(unit, params), starts)
    share = drawn[:, video[starts]]
    of_resample = Sums(
        np.tensordot(share, by_video.moments, axes=1), np.tensordot(share, by_video.swaps, axes=1)
    )
    of_data = Sums(by_video.moments.sum(axis=0), by_video.swaps.sum(axis=0))
    here = params.vector()
    base = maximise(of_data, params, free).vector()
    moved = maximise(of_resample, params, free).vector() - base
    slope = np.zeros((len(here), len(here)))
    for i in range(len(here)):
        nudged = here.copy()
        nudged[i] += _NUDGE
        slope[:, i] = (step(unit, Params.of_vector(nudged), free)[0].vector() - base) / _NUDGE
    change = np.linalg.lstsq(np.eye(len(here)) - slope, moved.T, rcond=None)[0].T
    n_linear = 2 * params.outliers.shape[-1]
    change[:, n_linear : 3 * n_linear] = change[:, n_linear : 3 * n_linear].clip(
        -_FARTHEST_LOG, _FARTHEST_LOG
    )
    return Params.of_vector(here + change)


def share_interval(above: Floats, below: Floats, drawn: Floats) -> Interval:
    """The interval of a ratio of sums; ``above`` and ``below`` are float64 (videos,)."""
    return interval_of(
        _ratio(above.sum(), below.sum()), _ratio(drawn @ above, drawn @ below), below
    )


def interval_of(value: Floats, samples: Floats, weight: Floats) -> Interval:
    """An estimate with the interval of its resamples; ``weight`` is how often each video counts."""
    n_groups = int((weight > 0).sum())
    return percentile_interval(float(value), np.asarray(samples), LEVEL, n_groups)


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)
