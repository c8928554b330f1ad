"""The fit of the measured noise, and the setting of the thesis that is nearest to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import ndtr
from scipy.stats import kstest, wasserstein_distance

from pose_smoother.poses.assumed import Caution
from trainer.calibrate.estimate import KeypointEstimate
from trainer.calibrate.pairs import Pairs
from trainer.experiments import EXPERIMENTS, FIXED_SIGMA_PX, RANDOM_SIGMA_PX
from trainer.noise.gaussian import SHIFT_PX_PER_K

Floats = NDArray[np.float64]

_MOST_QUANTILES = 20_000  # of pooled errors, for the search of k
_LEAST_K, _LARGEST_K = 0.01, 30.0
#: Frames by which a detector's output must seem late or early before a warning is given.
_LEAST_LAG_FRAMES = 0.5


@dataclass(frozen=True)
class Nearest:
    """The shifting-scalar and experiment whose noise is most like the detector's.

    Attributes
    ----------
    k : whose N(0, (3k)^2) has the least Kolmogorov-Smirnov distance from all errors together.
    distance : of that noise from the errors of each keypoint and axis, the mean; 0 ... 1.
    distance_of_fit : the same of the fitted noise.
    experiment : of the six, by k and by the widths of the blur where those were measured.
    """

    k: float
    distance: float
    distance_of_fit: float
    experiment: str


def error_cdf(errors_px: Floats, estimate: KeypointEstimate, axis: int) -> Floats:
    """The fitted share of errors at or below each of ``errors_px`` on one axis."""
    of = {name: interval.value for name, interval in estimate.measures.items()}
    letter = "xy"[axis]
    about = errors_px - of[f"bias_{letter}_px"]
    share = of["outliers"]
    ordinary = ndtr(about / of[f"spread_{letter}_px"])
    wide = ndtr(about / of[f"outlier_spread_{letter}_px"])
    return np.asarray((1.0 - share) * ordinary + share * wide)


def distances(estimate: KeypointEstimate) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance between errors and fit, on x and y.

    A distance and no test: frames are not independent, and with many of them any model is rejected.
    """
    x, y = (
        _distance(estimate.placed[:, axis], partial(error_cdf, estimate=estimate, axis=axis))
        for axis in (0, 1)
    )
    return x, y


def nearest(
    estimates: Mapping[str, KeypointEstimate], pairs: Pairs, widths_px: Floats | None
) -> Nearest:
    """The setting of the thesis that is nearest.

    Parameters
    ----------
    widths_px : measured widths of the detector's own heatmaps; None where there are none, and the
        experiment then has random widths.
    """
    errors = pairs.errors[np.isfinite(pairs.errors)]
    pooled = np.quantile(errors, np.linspace(0, 1, min(len(errors), _MOST_QUANTILES)))

    def distance(log_k: float, errors_px: Floats = pooled) -> float:
        sigma_px = SHIFT_PX_PER_K * np.exp(log_k)
        return _distance(errors_px, lambda e: ndtr(e / sigma_px))

    # The distance falls to one valley, but has corners: look everywhere, then between neighbours.
    grid = np.linspace(np.log(_LEAST_K), np.log(_LARGEST_K), 81)
    best = int(np.argmin([distance(log_k) for log_k in grid]))
    found = minimize_scalar(
        distance,
        bounds=(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]),
        method="bounded",
    )
    k = float(np.exp(found.x))
    scalar = min({e.k for e in EXPERIMENTS}, key=lambda one: abs(np.log(k / one)))
    fitted = [one for one in estimates.values() if one.is_fitted]
    of_k = [distance(found.x, one.errors[:, axis]) for one in fitted for axis in (0, 1)]
    of_fit = [distances(one) for one in fitted]
    return Nearest(
        k, float(np.mean(of_k)), float(np.mean(of_fit)), f"{scalar:g}.{_nearest_widths(widths_px)}"
    )


def _distance(errors_px: Floats, cdf: Callable[[Any], Any]) -> float:
    return float(kstest(errors_px, cdf, method="asymp").statistic)


def _nearest_widths(widths_px: Floats | None) -> int:
    """1 for the experiments' random widths, 2 for their fixed one: the less far to move."""
    if widths_px is None:
        return 1
    far = [wasserstein_distance(widths_px, of) for of in (RANDOM_SIGMA_PX, FIXED_SIGMA_PX)]
    return 1 + int(np.argmin(far))


def lag_frames(pairs: Pairs) -> float:
    """By how many frames the detections seem late, from errors against the truth's speed.

    A detection that is late by t is t times the speed behind; least squares over all keypoints
    and frames that have both neighbours.
    """
    speed, errors = pairs.speed, pairs.errors
    both = np.isfinite(speed) & np.isfinite(errors)
    below = np.square(speed[both]).sum()
    return float(-(errors[both] * speed[both]).sum() / below) if below > 0 else 0.0


def doubts(estimates: Mapping[str, KeypointEstimate], pairs: Pairs) -> Sequence[str]:
    """What to consider before training on this noise, a sentence each."""
    found: list[str] = []
    late = lag_frames(pairs)
    if abs(late) >= _LEAST_LAG_FRAMES:
        found.append(
            Caution(
                f"the detections seem {abs(late):.1f} frames {'late' if late > 0 else 'early'}: do "
                "both files number their frames alike?"
            )
        )
    fitted = [e for e in estimates.values() if e.is_fitted]
    swapped = [e.name for e in fitted if e.measures["swapped"].value > 0.5]
    if swapped:
        found.append(
            Caution(
                f"left and right are swapped in most frames ({', '.join(swapped)}): do "
                "both files mean the same side? --map FILE can exchange them"
            )
        )
    if fitted and not any(np.isfinite(e.measures["correlation"].value) for e in fitted):
        found.append(
            "too few frames follow each other to measure correlation over time: taken as 0"
        )
    weak = [f"{e.name} ({e.n})" for e in estimates.values() if not e.is_fitted]
    if weak:
        found.append(
            f"too few detections to measure: {', '.join(weak)}; these get what the others have in "
            "common"
        )
    return found
