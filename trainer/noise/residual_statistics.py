"""The statistics by which simulated detections are compared with recorded ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ResidualStatistics:
    """Statistics of the residual after each keypoint's median offset; sizes in body sizes.

    Attributes
    ----------
    offset : float
        Mean length of a keypoint's median residual.
    sd : float
        Robust standard deviation (1.4826 times the median absolute deviation) a coordinate.
    correlation : tuple of float
        Autocorrelation at each lag (1, 2, 5 and 10 frames if not given), of residuals clipped at
        5 sd.
    outlier_rate, outlier_size, burst_frames : float
        Share of points beyond 5 sd, their mean length, mean length of a run of them in frames.
    missing_rate : float
        Share of points without a detection.
    """

    offset: float
    sd: float
    correlation: tuple[float, ...]
    outlier_rate: float
    outlier_size: float
    burst_frames: float
    missing_rate: float


def residual_statistics(
    noisy: NDArray, reference: NDArray, size: float, lags: tuple[int, ...] = (1, 2, 5, 10)
) -> ResidualStatistics:
    """Statistics of detections against a reference.

    Parameters
    ----------
    noisy, reference : float array, shape (T, K, 2), same unit
        NaN where a point is missing.
    size : float
        Body size in that unit.
    lags : tuple of int
        Frames, of the autocorrelation.

    Returns
    -------
    ResidualStatistics
    """
    both = np.isfinite(noisy).all(-1) & np.isfinite(reference).all(-1)
    used = both.sum(0) > 10
    residual = np.where(both[..., None], (noisy - reference) / size, np.nan)[:, used]
    offset = np.nanmedian(residual, axis=0)
    residual = residual - offset
    seen = np.isfinite(residual[..., 0])
    own = np.maximum(1.4826 * np.nanmedian(np.abs(residual), axis=(0, 2)), 1e-9)
    length = np.linalg.norm(residual, axis=-1)
    far = np.where(seen, length > 5.0 * own, False)
    clipped = np.clip(residual / own[:, None], -5.0, 5.0)
    variance = np.nanmean(clipped**2)
    correlation = tuple(
        float(np.nanmean(clipped[lag:] * clipped[:-lag]) / variance) for lag in lags
    )
    runs = sum(int((np.diff(np.concatenate([[0], f.astype(int)])) == 1).sum()) for f in far.T)
    return ResidualStatistics(
        offset=float(np.linalg.norm(offset, axis=-1).mean()),
        sd=float(np.median(own)),
        correlation=correlation,
        outlier_rate=float(far.sum() / max(seen.sum(), 1)),
        outlier_size=float(length[far].mean()) if far.any() else 0.0,
        burst_frames=float(far.sum() / runs) if runs else 0.0,
        missing_rate=float(1.0 - np.isfinite(noisy).all(-1).mean()),
    )
