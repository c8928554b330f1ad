"""Everything that is measured of a detector's noise, keypoint by keypoint."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.skeleton import KEYPOINTS, MIRROR, N_KEYPOINTS
from trainer.calibrate.correlation import lagged
from trainer.calibrate.intervals import (
    interval_of,
    resampled_params,
    share_interval,
)
from trainer.calibrate.mixture import (
    Params,
    Responsibilities,
    Unit,
    believe,
    fit,
    robust_spread,
)
from trainer.calibrate.pairs import Pairs
from trainer.metrics.bootstrap import Interval, resamples

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
        Shares that the data don't support are 0 with an interval of NaN.
    plain_spread_px, robust_spread_px : (x, y) of all errors, outliers and swaps among them.
    errors : float64 (n, 2), all of them.
    placed : float64 (n, 2), errors about the position that the keypoint was at: its own, or that of
        its mirror image where it was swapped.
    autocorrelation : float64 (lags,), of ordinary errors at 1, 2 ... frames; NaN without pairs.
    """

    name: str
    n: int
    n_annotated: int
    measures: dict[str, Interval]
    plain_spread_px: tuple[float, float]
    robust_spread_px: tuple[float, float]
    errors: Floats
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
    on_keypoint : called with the number of keypoints that were finished since the last call.
    """
    drawn = resamples(len(pairs.videos), N_RESAMPLES, seed)
    n_detections = np.isfinite(pairs.errors[..., 0]).sum(axis=0)
    found: dict[str, KeypointEstimate] = {}
    for first in range(N_KEYPOINTS):
        pair = sorted({first, MIRROR[first]})
        known = [k for k in pair if pairs.known[k]]
        if first != pair[0] or not known:
            continue
        strong = [k for k in known if n_detections[k] >= LEAST_DETECTIONS]
        if strong:
            found |= _fitted(pairs, strong, drawn)
        for k in known:
            if k not in strong:
                found[KEYPOINTS[k]] = _described(pairs, k, {"missing": _missing(pairs, k, drawn)})
        on_keypoint(len(known))
    return {name: found[name] for name in KEYPOINTS if name in found}


def _fitted(pairs: Pairs, members: list[int], drawn: Floats) -> dict[str, KeypointEstimate]:
    """A keypoint alone, or a pair together."""
    unit, video = _unit(pairs, members), pairs.video
    params, free = fit(unit)
    samples = resampled_params(unit, params, free, video, drawn)
    beliefs = believe(unit, params)
    found = {}
    for j, k in enumerate(members):
        there = np.isfinite(unit.direct[:, j, 0]).astype(np.float64)
        by_video = _by_video(pairs, there)
        certain = 1.0 - beliefs.swapped
        lags = [
            lagged(unit.direct[:, j], certain, params, j, pairs, lag, drawn)
            for lag in range(1, N_LAGS + 1)
        ]
        measures = {
            "missing": _missing(pairs, k, drawn),
            **_of_params(params, samples, j, by_video),
            "correlation": lags[0],
        }
        found[KEYPOINTS[k]] = _described(
            pairs, k, measures, _placed(unit, beliefs, j), np.array([lag.value for lag in lags])
        )
    return found


def _described(
    pairs: Pairs,
    keypoint: int,
    measures: dict[str, Interval],
    placed: Floats | None = None,
    autocorrelation: Floats | None = None,
) -> KeypointEstimate:
    """A keypoint's measures with its counts and plain statistics."""
    errors = pairs.errors[np.isfinite(pairs.errors[:, keypoint, 0]), keypoint]
    plain, robust = (
        (errors.std(axis=0), robust_spread(errors)) if len(errors) else np.full((2, 2), np.nan)
    )
    return KeypointEstimate(
        KEYPOINTS[keypoint],
        len(errors),
        int(pairs.annotated[:, keypoint].sum()),
        measures,
        (float(plain[0]), float(plain[1])),
        (float(robust[0]), float(robust[1])),
        errors,
        errors if placed is None else placed,
        np.full(N_LAGS, np.nan) if autocorrelation is None else autocorrelation,
    )


def _unit(pairs: Pairs, members: list[int]) -> Unit:
    """Errors of one or two keypoints."""
    direct = pairs.errors[:, members]
    others = members[::-1]
    crossed = pairs.detected[:, members] - pairs.truth[:, others]
    could = np.asarray(np.isfinite(pairs.truth[:, members, 0]).all(axis=1) & (len(members) == 2))
    crossed = np.where(could[:, None, None], crossed, np.nan)
    return Unit(direct, crossed)


def _missing(pairs: Pairs, keypoint: int, drawn: Floats) -> Interval:
    annotated = pairs.annotated[:, keypoint]
    absent = annotated & np.isnan(pairs.detected[:, keypoint, 0])
    return share_interval(_by_video(pairs, absent), _by_video(pairs, annotated), drawn)


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


def _placed(unit: Unit, beliefs: Responsibilities, j: int) -> Floats:
    swapped = beliefs.swapped > 0.5
    errors = np.where(swapped[:, None], unit.crossed[:, j], unit.direct[:, j])
    return errors[np.isfinite(errors[:, 0])]


def _by_video(pairs: Pairs, values: NDArray[Any]) -> Floats:
    """Sums by video, float64 (videos,)."""
    return np.bincount(pairs.video, values, len(pairs.videos)).astype(np.float64)
