"""The theoretical score of the identity function, a check of noise and scoring (DESIGN section 8).

A shift of N(0, sigma^2) per axis stays within r with probability 1 - exp(-r^2 / 2 sigma^2). Three
things move the measured number: r differs from frame to frame, shifts are rounded to whole pixels,
and shifted positions are clipped to the heatmap. The first two can be computed from a run's scores.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.scorer import identity_pck
from trainer.metrics.scores import Scores, ratio, value

SIGMA_PX_PER_K = 3.0


@dataclass(frozen=True)
class IdentityTheory:
    """Measured and expected PCK of untouched positions, in percent, at one alpha.

    Attributes
    ----------
    measured : counted.
    at_mean : 1 - exp(-r^2 / 2 sigma^2) at the mean threshold.
    over_clips : its mean over the scored keypoints, each clip at its own mean threshold.
    rounded : the same, with shifts rounded to whole pixels.
    mean_threshold_px : r.
    n : keypoints scored.
    """

    measured: float
    at_mean: float
    over_clips: float
    rounded: float
    mean_threshold_px: float
    n: int


def identity_theory(identity: Scores, alpha: float, k: float) -> IdentityTheory:
    """Hold the identity function's scores against theory.

    Parameters
    ----------
    identity : scores of untouched noisy positions, drawn with mean 0.
    alpha : share of the torso.
    k : shifting-scalar; sigma is 3k pixels.
    """
    sigma_px = SIGMA_PX_PER_K * k
    thresholds = ratio(identity, "mean_threshold_px", alpha)
    n = thresholds.n.sum(axis=1)
    clip_px = thresholds.numerator.sum(axis=1)[n > 0] / n[n > 0]
    weight = n[n > 0] / n.sum()
    mean_px = value(identity, "mean_threshold_px", alpha)
    return IdentityTheory(
        measured=value(identity, "pck", alpha),
        at_mean=identity_pck(mean_px, sigma_px),
        over_clips=float(weight @ [identity_pck(r, sigma_px) for r in clip_px]),
        rounded=float(weight @ rounded_identity_pck(clip_px, sigma_px)),
        mean_threshold_px=mean_px,
        n=int(n.sum()),
    )


def rounded_identity_pck(threshold_px: NDArray[np.float64], sigma_px: float) -> NDArray[np.float64]:
    """PCK in percent of untouched positions under N(0, sigma^2) rounded to whole pixels.

    Parameters
    ----------
    threshold_px : float64 (N,).
    """
    reach = int(np.ceil(threshold_px.max())) if threshold_px.size else 0
    shift = np.arange(-reach, reach + 1)
    edges = np.append(shift - 0.5, reach + 0.5) / (sigma_px * math.sqrt(2.0))
    share = np.diff([0.5 * (1.0 + math.erf(edge)) for edge in edges])
    length = np.hypot(shift[:, None], shift[None, :]).ravel()
    order = np.argsort(length, kind="stable")
    within = np.cumsum(np.outer(share, share).ravel()[order])
    found = np.searchsorted(length[order], threshold_px, side="right") - 1
    return 100.0 * within[np.maximum(found, 0)] * (found >= 0)
