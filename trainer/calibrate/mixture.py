"""A detector's errors as a mixture, fitted by expectation and maximisation (EM).

A keypoint errs by N(b, s^2) on each axis, or with a small probability by N(b, t^2), t >= 2 s: an
outlier, on both axes at once. And with a small probability a left and a right keypoint are at
each other's position, about which they have their usual errors. The three are distinguished by
likelihood alone: how far apart left and right are, in each frame, is part of it. Expectation
conditional maximisation (Meng & Rubin 1993): the bias is updated at the widths before.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: An outlier is at least this many times as wide as an ordinary error; else it is none.
LEAST_RATIO = 2.0
#: A component must hold this many detections.
LEAST_MEMBERS = 5.0
_LEAST_SPREAD_PX = 0.01
_MAX_STEPS = 400
_LEAST_GAIN = 1e-3  # in log-likelihood a round; half a unit is one standard error
_N_STATS = 5  # count, sums of x, y, x^2, y^2


@dataclass(frozen=True)
class Unit:
    """A keypoint, or a pair of left and right, in n frames; J is 1 or 2.

    Attributes
    ----------
    direct : float64 (n, J, 2), errors in px; NaN where there is none.
    crossed : float64 (n, J, 2), errors about the other one's position; NaN where that is missing.
    """

    direct: Floats
    crossed: Floats

    @cached_property
    def powers(self) -> tuple[Floats, Floats]:
        """1, x, y, x^2, y^2 of both errors, float64 (n, J, 5) each; 0 where there is none."""
        return _powers(self.direct), _powers(self.crossed)


@dataclass(frozen=True)
class Params:
    """Parameters; all may have leading axes, one set for each of many samples.

    Attributes
    ----------
    bias, spread, wide : float64 (..., J, 2) px; standard deviations of ordinary errors, outliers.
    outliers : float64 (..., J), share.
    swapped : float64 (...), share of frames that could.
    """

    bias: Floats
    spread: Floats
    wide: Floats
    outliers: Floats
    swapped: Floats

    def vector(self) -> Floats:
        """All as float64 (..., 7 J + 1): widths as logarithms, in which they are symmetric."""
        lead = self.outliers.shape[:-1]
        parts = [self.bias, np.log(self.spread), np.log(self.wide), self.outliers]
        flat = [part.reshape(*lead, -1) for part in parts]
        return np.concatenate([*flat, self.swapped[..., None]], axis=-1)

    @staticmethod
    def of_vector(vector: Floats) -> "Params":
        """The inverse of ``vector``; shares are clipped to 0 ... 1."""
        n = (vector.shape[-1] - 1) // 7
        lead = vector.shape[:-1]
        bias, spread, wide = (
            vector[..., i * 2 * n : (i + 1) * 2 * n].reshape(*lead, n, 2) for i in range(3)
        )
        shares = np.clip(vector[..., 6 * n :], 0.0, 1.0)
        return Params(bias, np.exp(spread), np.exp(wide), shares[..., :n], shares[..., n])


@dataclass(frozen=True)
class FreeParameters:
    """The parts that are fitted: outliers by keypoint, bool (J,), and swaps."""

    outliers: NDArray[np.bool_]
    swapped: bool


@dataclass(frozen=True)
class Responsibilities:
    """The probabilities of each frame under the parameters.

    Attributes
    ----------
    ordinary, wide : float64 (n, J), probability of being each and not swapped.
    crossed_ordinary, crossed_wide : the same, and swapped.
    swapped : float64 (n,).
    can_swap : bool (n,).
    log_likelihood : of all frames.
    """

    ordinary: Floats
    wide: Floats
    crossed_ordinary: Floats
    crossed_wide: Floats
    swapped: Floats
    can_swap: NDArray[np.bool_]
    log_likelihood: float


@dataclass(frozen=True)
class Sums:
    """The sums that the next parameters follow from; may have leading axes.

    Attributes
    ----------
    moments : float64 (..., J, 2 components, 5): weight, and weighted sums of x, y, x^2, y^2.
    swaps : float64 (..., 2): frames believed swapped, and frames that could be.
    """

    moments: Floats
    swaps: Floats


def fit(unit: Unit) -> tuple[Params, FreeParameters]:
    """The likeliest parameters; outliers and swaps only where the data support them.

    A component stays if it raises the log-likelihood by more than its number of parameters times
    log(n): twice the Bayesian information criterion's price, for frames are not independent.
    """
    n_keypoints = unit.direct.shape[1]
    can_swap = bool(np.isfinite(unit.crossed).any())
    free = FreeParameters(np.ones(n_keypoints, bool), can_swap)
    params, best = _climb(unit, _start(unit), free)
    price = np.log(max(len(unit.direct), 2))
    for j in range(n_keypoints):
        fewer = FreeParameters(free.outliers & (np.arange(n_keypoints) != j), free.swapped)
        params, best, free = _cheaper(unit, (params, best, free), fewer, 3 * price, j)
    if free.swapped:
        fewer = FreeParameters(free.outliers, False)
        params, best, free = _cheaper(unit, (params, best, free), fewer, price, None)
    return params, free


def _cheaper(
    unit: Unit,
    now: tuple[Params, float, FreeParameters],
    fewer: FreeParameters,
    price: float,
    keypoint: int | None,
) -> tuple[Params, float, FreeParameters]:
    """The simpler model, if the other one does not raise the likelihood enough."""
    params, best, _ = now
    n = len(unit.direct)
    if keypoint is None:
        members = float(params.swapped) * n
    else:
        members = float(params.outliers[keypoint] * np.isfinite(unit.direct[:, keypoint, 0]).sum())
    simpler, without = _climb(unit, params, fewer)
    return (simpler, without, fewer) if best - without < price or members < LEAST_MEMBERS else now


def step(unit: Unit, params: Params, free: FreeParameters) -> tuple[Params, float]:
    """One round of EM: better parameters, and the log-likelihood of those given."""
    beliefs = believe(unit, params)
    return maximise(sums(unit, beliefs), params, free), beliefs.log_likelihood


def believe(unit: Unit, params: Params) -> Responsibilities:
    """The probability of each component in each frame."""
    direct, crossed = (_log_components(e, params) for e in (unit.direct, unit.crossed))
    of_direct, of_crossed = (np.logaddexp(c[..., 0], c[..., 1]) for c in (direct, crossed))
    can_swap = np.asarray(np.isfinite(unit.crossed[..., 0]).any(axis=1))
    with np.errstate(divide="ignore"):
        stay, swap = np.log1p(-params.swapped), np.log(params.swapped)
    log_stay = of_direct.sum(axis=1) + np.where(can_swap, stay, 0.0)
    log_swap = np.where(can_swap, of_crossed.sum(axis=1) + swap, -np.inf)
    total = np.logaddexp(log_stay, log_swap)
    swapped = np.exp(log_swap - total)
    parts = []
    for errors, parted, of_both, share in (
        (unit.direct, direct, of_direct, 1.0 - swapped),
        (unit.crossed, crossed, of_crossed, swapped),
    ):
        there = np.isfinite(errors[..., 0])
        weight = np.where(there, share[:, None], 0.0)
        parts += [weight * np.exp(parted[..., c] - of_both) for c in (0, 1)]
    return Responsibilities(
        parts[0], parts[1], parts[2], parts[3], swapped, can_swap, float(total.sum())
    )


def sums(unit: Unit, beliefs: Responsibilities, starts: NDArray[np.int64] | None = None) -> Sums:
    """Sums over all frames, or over each stretch of frames that begins at ``starts``."""
    groups = np.zeros(1, np.int64) if starts is None else starts
    direct, crossed = unit.powers
    both = []
    for plain, other in (
        (beliefs.ordinary, beliefs.crossed_ordinary),
        (beliefs.wide, beliefs.crossed_wide),
    ):
        weighted = plain[..., None] * direct + other[..., None] * crossed
        both.append(np.add.reduceat(weighted, groups, axis=0))
    swaps = np.stack([beliefs.swapped, beliefs.can_swap.astype(np.float64)], axis=-1)
    moments, by_swap = np.stack(both, axis=2), np.add.reduceat(swaps, groups, axis=0)
    return Sums(moments, by_swap) if starts is not None else Sums(moments[0], by_swap[0])


def maximise(of: Sums, before: Params, free: FreeParameters) -> Params:
    """The parameters that follow from sums; ``before`` gives the widths that weigh the bias."""
    count, first, second = of.moments[..., 0], of.moments[..., 1:3], of.moments[..., 3:5]
    widths = np.stack([before.spread, before.wide], axis=-2)  # (..., J, component, axis)
    precision = 1.0 / widths**2
    bias = (precision * first).sum(axis=-2) / _at_least((precision * count[..., None]).sum(axis=-2))
    b = bias[..., None, :]
    squared = np.maximum(second - 2.0 * b * first + b**2 * count[..., None], 0.0)
    ordinary, wide = (np.sqrt(squared[..., c, :] / _at_least(count[..., c, None])) for c in (0, 1))
    # Where the outliers are too narrow, the widths that are likeliest at the least ratio.
    total = _at_least(count.sum(axis=-1)[..., None])
    tied = np.sqrt((squared[..., 0, :] + squared[..., 1, :] / LEAST_RATIO**2) / total)
    narrow = wide < LEAST_RATIO * ordinary
    ordinary = np.maximum(np.where(narrow, tied, ordinary), _LEAST_SPREAD_PX)
    wide = np.where(narrow, LEAST_RATIO * ordinary, wide)
    wide = np.maximum(wide, LEAST_RATIO * ordinary)
    outliers = count[..., 1] / _at_least(count.sum(axis=-1))
    swapped = of.swaps[..., 0] / _at_least(of.swaps[..., 1])
    return Params(
        bias,
        ordinary,
        wide,
        np.where(free.outliers, outliers, 0.0),
        swapped if free.swapped else np.zeros_like(swapped),
    )


def _climb(unit: Unit, params: Params, free: FreeParameters) -> tuple[Params, float]:
    params = Params(
        params.bias,
        params.spread,
        params.wide,
        np.where(free.outliers, params.outliers, 0.0),
        params.swapped if free.swapped else np.zeros_like(params.swapped),
    )
    best = -np.inf
    for _ in range(_MAX_STEPS):
        after, log_likelihood = step(unit, params, free)
        if log_likelihood - best < _LEAST_GAIN:
            break
        params, best = after, log_likelihood
    return params, log_likelihood


def _start(unit: Unit) -> Params:
    """Medians and median absolute deviations, which few outliers and swaps don't move.

    Where errors about the other one's position are the smaller ones, most frames are swapped.
    """
    n_keypoints = unit.direct.shape[1]
    bias, spread = np.zeros((n_keypoints, 2)), np.ones((n_keypoints, 2))
    both = np.isfinite(unit.direct) & np.isfinite(unit.crossed)
    sizes = [np.median(np.abs(e[both])) if both.any() else 0.0 for e in (unit.direct, unit.crossed)]
    is_swapped = sizes[1] < sizes[0]
    errors = unit.crossed if is_swapped else unit.direct
    for j in range(n_keypoints):
        there = errors[np.isfinite(errors[:, j, 0]), j]
        if len(there):
            bias[j], spread[j] = np.median(there, axis=0), robust_spread(there)
    spread = np.maximum(spread, _LEAST_SPREAD_PX)
    swapped = np.array(0.99 if is_swapped else 0.01)
    return Params(bias, spread, 4.0 * spread, np.full(n_keypoints, 0.05), swapped)


def robust_spread(errors: Floats) -> Floats:
    """Standard deviation (2,) of the Gaussian with the median absolute deviation of (n, 2)."""
    return 1.4826 * np.asarray(np.median(np.abs(errors - np.median(errors, axis=0)), axis=0))


def _log_components(errors: Floats, params: Params) -> Floats:
    """Log of share times density, float64 (n, J, 2 components); absent keypoints are sure: 0."""
    there = np.isfinite(errors[..., 0])
    about = np.where(there[..., None], errors - params.bias, 0.0)
    with np.errstate(divide="ignore"):
        shares = np.log(1.0 - params.outliers), np.log(params.outliers)
    parts = []
    for share, width in zip(shares, (params.spread, params.wide), strict=True):
        density = -0.5 * np.square(about / width).sum(axis=-1) - np.log(width).sum(axis=-1)
        parts.append(np.where(there, share + density - np.log(2.0 * np.pi), 0.0))
    return np.stack(parts, axis=-1) - np.where(there, 0.0, np.log(2.0))[..., None]


def _powers(errors: Floats) -> Floats:
    there = np.isfinite(errors[..., :1])
    values = np.where(there, errors, 0.0)
    return np.concatenate([there.astype(np.float64), values, np.square(values)], axis=-1)


def _at_least(weight: Floats) -> Floats:
    """A divisor that is not zero."""
    return np.maximum(weight, 1e-300)
