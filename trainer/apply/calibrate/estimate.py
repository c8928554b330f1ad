"""Everything that is measured of a detector's noise, keypoint by keypoint."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contract.skeleton import KEYPOINTS, MIRROR, N_KEYPOINTS
from trainer.apply.calibrate.intervals import (
    correlation_interval,
    interval_of,
    resampled_params,
    share_interval,
)
from trainer.apply.calibrate.mixture import (
    Beliefs,
    Params,
    Unit,
    believe,
    fit,
    robust_spread,
)
from trainer.apply.calibrate.pairs import Pairs
from trainer.results.bootstrap import Interval, resamples

Floats = NDArray[np.float64]

#: With fewer detections a keypoint is not fitted: it gets what the others have in common.
LEAST_DETECTIONS = 50
N_LAGS = 8
N_RESAMPLES = 1000

#: What is measured of a keypoint, each with its interval; (x, y) are two.
MEASURES = (
    "bias_x_px",
    "bias_y_px",
    "spread_x_px",
    "spread_y_px",
    "outliers",
    "outlier_spread_x_px",
    "outlier_spread_y_px",
    "swapped",
    "missing",
    "correlation",
)


@dataclass(frozen=True)
class KeypointEstimate:
    """One keypoint.

    Attributes
    ----------
    n : detections; n_annotated : frames in which it might have been detected.
    measures : by the names of ``MEASURES``; only ``missing`` where there are too few detections.
        Shares that the data don't ask for are 0 with an interval of NaN.
    plain_spread_px, robust_spread_px : (x, y) of all errors, outliers and swaps among them.
    placed : float64 (m, 2), errors about the place that the keypoint was at: its own, or where it
        was swapped its mirror image's.
    autocorrelation : float64 (lags,), of ordinary errors at 1, 2 ... frames; NaN without pairs.
    """

    name: str
    n: int
    n_annotated: int
    measures: dict[str, Interval]
    plain_spread_px: tuple[float, float]
    robust_spread_px: tuple[float, float]
    placed: Floats
    autocorrelation: Floats

    @property
    def is_fitted(self) -> bool:
        """Whether there were enough detections."""
        return "bias_x_px" in self.measures


def estimate(
    pairs: Pairs, seed: int = 0, on_keypoint: Callable[[int], object] = lambda n: None
) -> dict[str, KeypointEstimate]:
    """Measure every keypoint that both files have, in skeleton order.

    Parameters
    ----------
    seed : of the resampling.
    on_keypoint : told how many keypoints were done more.
    """
    drawn = resamples(len(pairs.videos), N_RESAMPLES, seed)
    found: dict[str, KeypointEstimate] = {}
    for first in range(N_KEYPOINTS):
        both = sorted({first, MIRROR[first]})
        members = [k for k in both if pairs.known[k]]
        if first == both[0] and members:
            found |= _measure(pairs, members, drawn)
            on_keypoint(len(members))
    return {name: found[name] for name in KEYPOINTS if name in found}


def _measure(pairs: Pairs, members: list[int], drawn: Floats) -> dict[str, KeypointEstimate]:
    """A keypoint alone, or a pair together."""
    unit, video, follows = _unit(pairs, members)
    n_detections = np.isfinite(unit.direct[..., 0]).sum(axis=0)
    if n_detections.min() >= LEAST_DETECTIONS:
        params, free = fit(unit)
        samples = resampled_params(unit, params, free, video, drawn)
        beliefs = believe(unit, params)
    found = {}
    for j, k in enumerate(members):
        measures = {"missing": _missing(pairs, k, drawn)}
        autocorrelation = np.full(N_LAGS, np.nan)
        direct = unit.direct[np.isfinite(unit.direct[:, j, 0]), j]
        placed = direct
        if n_detections.min() >= LEAST_DETECTIONS:
            weight = np.isfinite(unit.direct[:, j, 0]).astype(np.float64)
            measures |= _of_params(params, samples, j, weight)
            placed = _placed(unit, beliefs, j)
            about = (unit.direct[:, j] - params.bias[j]) / params.spread[j]
            ordinary = beliefs.ordinary[:, j]
            lags = [
                _lagged(about, ordinary, follows, video, lag, drawn)
                for lag in range(1, N_LAGS + 1)
            ]
            measures["correlation"] = lags[0]
            autocorrelation = np.array([lag.value for lag in lags])
        plain = direct.std(axis=0) if len(direct) else np.full(2, np.nan)
        robust = robust_spread(direct) if len(direct) else np.full(2, np.nan)
        found[KEYPOINTS[k]] = KeypointEstimate(
            KEYPOINTS[k],
            len(direct),
            int(pairs.annotated[:, k].sum()),
            measures,
            (float(plain[0]), float(plain[1])),
            (float(robust[0]), float(robust[1])),
            placed,
            autocorrelation,
        )
    return found


def _unit(
    pairs: Pairs, members: list[int]
) -> tuple[Unit, NDArray[np.int64], NDArray[np.bool_]]:
    """Errors of one or two keypoints, the video of each frame, and whether it follows."""
    direct = pairs.errors[:, members]
    others = members[::-1]
    crossed = pairs.detected[:, members] - pairs.truth[:, others]
    could = np.isfinite(pairs.truth[:, members, 0]).all(axis=1) & (len(members) == 2)
    crossed = np.where(could[:, None, None], crossed, np.nan)
    return Unit(direct, crossed), pairs.video, pairs.follows


def _missing(pairs: Pairs, keypoint: int, drawn: Floats) -> Interval:
    annotated = pairs.annotated[:, keypoint]
    absent = annotated & np.isnan(pairs.detected[:, keypoint, 0])
    n_videos = len(pairs.videos)
    above, below = (
        np.bincount(pairs.video, part, n_videos).astype(np.float64) for part in (absent, annotated)
    )
    return share_interval(above, below, drawn)


def _of_params(params: Params, samples: Params, j: int, weight: Floats) -> dict[str, Interval]:
    """The fitted parameters of one keypoint of a unit, with their intervals."""
    pairs = {
        "bias_x_px": (params.bias[j, 0], samples.bias[:, j, 0]),
        "bias_y_px": (params.bias[j, 1], samples.bias[:, j, 1]),
        "spread_x_px": (params.spread[j, 0], samples.spread[:, j, 0]),
        "spread_y_px": (params.spread[j, 1], samples.spread[:, j, 1]),
        "outliers": (params.outliers[j], samples.outliers[:, j]),
        "outlier_spread_x_px": (params.wide[j, 0], samples.wide[:, j, 0]),
        "outlier_spread_y_px": (params.wide[j, 1], samples.wide[:, j, 1]),
        "swapped": (params.swapped, samples.swapped),
    }
    found = {name: interval_of(*pair, weight) for name, pair in pairs.items()}
    for share, of_it in (
        ("outliers", ("outliers", "outlier_spread_x_px", "outlier_spread_y_px")),
        ("swapped", ("swapped",)),
    ):
        if found[share].value == 0.0:
            for name in of_it:
                nan = float("nan")
                found[name] = Interval(found[name].value, nan, nan, found[name].n_groups)
    return found


def _placed(unit: Unit, beliefs: Beliefs, j: int) -> Floats:
    swapped = beliefs.swapped > 0.5
    errors = np.where(swapped[:, None], unit.crossed[:, j], unit.direct[:, j])
    return errors[np.isfinite(errors[:, 0])]


def _lagged(
    about: Floats,
    weight: Floats,
    follows: NDArray[np.bool_],
    video: NDArray[np.int64],
    lag: int,
    drawn: Floats,
) -> Interval:
    """The correlation of ordinary errors that are ``lag`` frames apart, both axes together."""
    if len(about) <= lag:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    n_before = np.concatenate([[0], np.cumsum(follows)])
    unbroken = n_before[1 + lag :] - n_before[1:-lag] == lag
    both = np.where(unbroken, weight[lag:] * weight[:-lag], 0.0)
    values = np.where(weight[:, None] > 0, about, 0.0)
    later, earlier = values[lag:], values[:-lag]
    sums = [
        np.bincount(video[lag:], both * part.sum(axis=1), drawn.shape[1])
        for part in (later * earlier, earlier**2, later**2)
    ]
    return correlation_interval(sums[0], sums[1], sums[2], drawn)
