"""Smooth keypoints with the weights that ship: any skeleton, any frame rate, nothing to tune."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pose_smoother.pretrained.excursions import excursions
from pose_smoother.pretrained.features import Prepared, prepare
from pose_smoother.pretrained.network import Network, load_network, one_blas_thread, run
from pose_smoother.pretrained.pose_components import shrink_components
from pose_smoother.pretrained.transitions import restore_transitions

SHORTEST = 8
# Of the body. Noise is the smaller of two measures, of which quick motion misleads only the first:
# fourth differences, and the mean of what the network took away.
CLEAN = 5e-4  # below this noise a file is left alone
NOISY = 1.2e-3  # from this noise on the network's answer is taken whole
OUTLIER_UNITS = 6.0
_MEDIAN_RAYLEIGH = 1.1774  # median length of two-dimensional white noise of unit variance
# Intervals, calibrated on half of the recordings (docs/experiments.md): the network's scale times
# SPREAD, a slow error of SLOW body sizes, and TAIL degrees of freedom.
SPREAD, SLOW, TAIL = 1.65, 6e-3, 2.0


@dataclass(frozen=True)
class PretrainedInfo:
    """What `smooth_pretrained` found and did.

    Attributes
    ----------
    noise : float64 array, shape (K,), unit of the file
        Fast noise of each keypoint, measured in the file; NaN where a keypoint was never seen.
    size : float
        Body size, unit of the file.
    moved : float
        Median distance that a point was moved, unit of the file.
    strength : float
        0 where the file was left alone, because it has no noise, to 1.
    outliers : bool array, shape (T, K)
        Points that were moved by more than six times the noise of their keypoint.
    error_scale : float32 array, shape (T, K), unit of the file
        Scale of the error of a point, as the network expects it of simulated detectors; `radius`
        is calibrated on recordings. NaN at missing points.
    """

    noise: NDArray[np.float64]
    size: float
    moved: float
    strength: float
    outliers: NDArray[np.bool_]
    error_scale: NDArray[np.float32]

    def radius(self, probability: float) -> NDArray[np.float64]:
        """Radius of the circle around a smoothed point that holds the keypoint.

        Calibrated on half of the recordings, each keypoint's constant offset left out: no
        smoother can see it. The tail is that of Student's t in two dimensions.

        Parameters
        ----------
        probability : float
            Above 0 and below 1.

        Returns
        -------
        float64 array, shape (T, K), unit of the file
            NaN at missing points.
        """
        if not 0.0 < probability < 1.0:
            raise ValueError(f"expected a probability between 0 and 1, found {probability}")
        scale = np.hypot(self.error_scale.astype(np.float64), SLOW * self.size)
        tail = (1.0 - probability) ** (-2.0 / TAIL) - 1.0
        radius: NDArray[np.float64] = SPREAD * np.sqrt(TAIL * tail) * scale
        return radius


@one_blas_thread()
def smooth_pretrained(
    xy: NDArray,
    scores: NDArray | None = None,
    network: Network | None = None,
    doubtful: NDArray[np.bool_] | None = None,
    fps: float | None = None,
) -> tuple[NDArray, PretrainedInfo]:
    """Smooth the keypoints of one individual.

    Parameters
    ----------
    xy : float array, shape (T, K, 2), any unit
        Detections; NaN where the detector gave nothing.
    scores : float array, shape (T, K), optional
        Confidences; NaN where unknown.
    network : Network, optional
        Other weights than those that ship.
    doubtful : bool array, shape (T, K), optional
        Points of a low score that are not read, unless their keypoint has excursions of a high
        score: then the scores are wrong.
    fps : float, optional
        Frames a second, for `excursions`.

    Returns
    -------
    float array, shape (T, K, 2)
        Smoothed detections in the dtype of `xy` (float64 where that is not a float). NaN stays
        NaN; nothing is filled.
    PretrainedInfo

    Raises
    ------
    ValueError
        For another shape, for fewer than 8 frames, of which no noise can be measured, or for
        `fps` that is not positive.
    """
    xy = np.asarray(xy)
    if xy.ndim != 3 or xy.shape[-1] != 2 or xy.shape[1] == 0:
        raise ValueError(f"expected keypoints of shape (T, K, 2), found {xy.shape}")
    if scores is not None and np.shape(scores) != xy.shape[:2]:
        raise ValueError(f"expected scores of shape {xy.shape[:2]}, found {np.shape(scores)}")
    if len(xy) < SHORTEST:
        raise ValueError(
            f"expected at least {SHORTEST} frames to measure noise in, found {len(xy)}; "
            "use a filter for shorter clips"
        )
    if fps is not None and not 0 < fps < np.inf:
        raise ValueError(f"expected a positive number of frames a second, found {fps}")
    kind = xy.dtype if np.issubdtype(xy.dtype, np.floating) else np.dtype(np.float64)
    network = load_network() if network is None else network
    ready = prepare(xy, scores)
    missing = ~ready.observed
    unread = excursions(ready, fps)
    if doubtful is not None:
        unread |= doubtful & ~(unread & ~doubtful).any(axis=0)
    if unread.any():
        ready = prepare(np.where(unread[..., None], np.nan, xy), scores)
    answer, scale = run(network, ready)
    taken = np.linalg.norm(ready.filled - answer, axis=-1)
    taken[~ready.observed] = np.nan
    mean_taken = float(np.nanmean(taken)) if ready.observed.any() else 0.0
    strength = share_of_noise(min(noise_level(ready), mean_taken / ready.size))
    restored = restore_transitions(ready.filled, answer)
    seen = ready.valid
    noise_left = np.minimum(
        np.nanmedian(taken[:, seen], axis=0) / _MEDIAN_RAYLEIGH, ready.unit[seen]
    )
    restored[:, seen] = shrink_components(restored[:, seen], noise_left)
    raw = xy.astype(np.float64)
    smooth = raw + strength * (restored + ready.centre - raw)
    smooth[missing] = np.nan
    scale[missing] = np.nan
    moved = np.linalg.norm(smooth - xy, axis=-1)
    noise = np.where(ready.valid, ready.unit.astype(np.float64), np.nan)
    with np.errstate(invalid="ignore"):
        outliers = moved > OUTLIER_UNITS * ready.unit
    info = PretrainedInfo(
        noise=noise,
        size=ready.size,
        moved=float(np.median(moved[~missing])) if (~missing).any() else 0.0,
        strength=strength,
        outliers=outliers,
        error_scale=scale,
    )
    return smooth.astype(kind), info


def noise_level(ready: Prepared) -> float:
    """Noise that smooth motion cannot imitate, as a fraction of the body.

    From fourth differences of all keypoints: motion with a period of 30 frames and an amplitude of
    a third of the body appears as 0.00007, white noise as its standard deviation.
    """
    x, ok = ready.filled.astype(np.float64), ready.observed
    if len(x) < 5:
        return 0.0
    d = x[4:] - 4 * x[3:-1] + 6 * x[2:-2] - 4 * x[1:-3] + x[:-4]
    use = ok[4:] & ok[3:-1] & ok[2:-2] & ok[1:-3] & ok[:-4]
    if not use.any():
        return float(np.median(ready.unit)) / ready.size
    return float(np.linalg.norm(d, axis=-1)[use].mean() / np.sqrt(70.0) / 1.2533) / ready.size


def share_of_noise(noise: float) -> float:
    """How much of the network's answer is taken: 0 for a clean input, 1 for a noisy one.

    Parameters
    ----------
    noise : float
        Fast noise as a fraction of the body.
    """
    s = min(max((noise - CLEAN) / (NOISY - CLEAN), 0.0), 1.0)
    return s * s * (3.0 - 2.0 * s)
