"""95 % intervals by resampling whole videos, for single rows and for paired differences.

Neighbouring windows share frames and a video's windows share its person, so videos are drawn, not
windows: the ratio of sums over the drawn videos is the estimate of one resample (Davison & Hinkley
1997, section 3.8). ``scipy.stats.bootstrap`` gives the same interval for one ratio (a test shows
it), but draws again for every call; a report has thousands of cells, and their differences are only
paired when all of them see the same draws. So: one matrix of counts (resamples x videos), and each
cell is one product with it.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.seeds import BOOTSTRAP, rng
from trainer.metrics.scores import Ratio, Scores, keypoint_mask, ratio


@dataclass(frozen=True)
class Interval:
    """An estimate with its percentile interval; low and high are NaN with fewer than two videos.

    ``n_groups`` counts the videos that contribute: something of them was counted. Those that were
    drawn from can be more.
    """

    value: float
    low: float
    high: float
    n_groups: int


def interval(
    scores: Scores,
    groups: NDArray[Any],
    metric: str,
    alpha: float | None = None,
    *,
    keypoint: str = "all",
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """One metric with its interval.

    Parameters
    ----------
    scores : counted over C clip rows.
    groups : (C,) the video of each clip row (any sortable labels).
    metric, alpha, keypoint : which number, as in ``scores.value``.
    n_resamples, level, seed : resamples drawn, coverage, and the seed of the draws.
    """
    member, n_groups = _members(groups, scores)
    above, below = _by_group(ratio(scores, metric, alpha), keypoint, member, n_groups)
    drawn = resamples(n_groups, n_resamples, seed)
    estimates = _divide(drawn @ above, drawn @ below)
    contributing = int((below > 0).sum())
    total = float(_divide(above.sum(), below.sum()))
    return percentile_interval(total, estimates, level, contributing)


def paired_difference(
    first: Scores,
    second: Scores,
    groups: NDArray[Any],
    metric: str,
    alpha: float | None = None,
    *,
    keypoint: str = "all",
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """``first`` minus ``second`` with its interval, both on the same drawn videos.

    Parameters as in ``interval``.

    Raises
    ------
    ValueError : the two were counted over different clip tables.
    """
    if first.annotated.shape != second.annotated.shape:
        raise ValueError(
            f"expected scores of the same clips, got {len(first.annotated)} and "
            f"{len(second.annotated)} clip rows"
        )
    member, n_groups = _members(groups, first, second)
    drawn = resamples(n_groups, n_resamples, seed)
    totals, estimates, contributing = [], [], np.ones(n_groups, bool)
    for scores in (first, second):
        above, below = _by_group(ratio(scores, metric, alpha), keypoint, member, n_groups)
        totals.append(float(_divide(above.sum(), below.sum())))
        estimates.append(_divide(drawn @ above, drawn @ below))
        contributing &= below > 0
    return percentile_interval(
        totals[0] - totals[1], estimates[0] - estimates[1], level, int(contributing.sum())
    )


def _members(groups: NDArray[Any], *scores: Scores) -> tuple[NDArray[np.int64], int]:
    """Group number of each clip row, and how many; -1 for rows without a scored window.

    A clips table holds all splits: videos of the others must not dilute the draw.
    """
    groups = np.asarray(groups)
    if groups.shape != scores[0].annotated.shape[:1]:
        raise ValueError(
            f"expected one group label for each of {len(scores[0].annotated)} clip rows, got shape "
            f"{groups.shape}"
        )
    present = np.any([s.annotated.any(axis=1) for s in scores], axis=0)
    names, number = np.unique(groups[present], return_inverse=True)
    member = np.full(len(groups), -1, np.int64)
    member[present] = number
    return member, len(names)


def _by_group(
    parts: Ratio, keypoint: str, member: NDArray[np.int64], n_groups: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Numerator and denominator of each group, both float64 (groups,)."""
    chosen, present = keypoint_mask(keypoint), member >= 0
    sums = [part[present][:, chosen].sum(axis=1) for part in (parts.numerator, parts.denominator)]
    above, below = (
        np.bincount(member[present], part, n_groups).astype(np.float64) for part in sums
    )
    return above, below


@lru_cache(maxsize=8)
def resamples(n_groups: int, n_resamples: int, seed: int) -> NDArray[np.float64]:
    """Draws of each group: float64 (resamples, groups), read-only; each row sums to groups.

    Cached: the thousands of cells of a report need the same draws.
    """
    if n_groups == 0:
        return np.zeros((n_resamples, 0))
    shares = np.full(n_groups, 1.0 / n_groups)
    drawn = rng(seed, BOOTSTRAP).multinomial(n_groups, shares, n_resamples).astype(np.float64)
    drawn.setflags(write=False)
    return drawn


def _divide(above: Any, below: Any) -> Any:
    """A ratio that is NaN where nothing was counted."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)


def percentile_interval(
    total: float, estimates: NDArray[np.float64], level: float, n_groups: int
) -> Interval:
    """The interval that holds the middle share of estimates (R,), one for each resample."""
    counted = estimates[np.isfinite(estimates)]
    if n_groups < 2 or not counted.size:
        return Interval(total, float("nan"), float("nan"), n_groups)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(counted, [tail, 1.0 - tail])
    return Interval(total, float(low), float(high), n_groups)
