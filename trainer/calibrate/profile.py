"""A measured detector as experiment ``real`` draws it: time constants, bursts, sizes in bodies."""

import numpy as np
from numpy.typing import NDArray

from trainer.calibrate.pairs import Pairs
from trainer.noise.detector_profiles import DetectorProfile
from trainer.noise.residual_statistics import residual_statistics

Floats = NDArray[np.float64]

#: Videos with fewer frames say nothing of slow errors.
LEAST_FRAMES = 60
_SHORTEST_RUN = 8  # consecutive frames of one person
_LAGS = (1, 2, 3, 5, 8, 12, 20, 30)
_TAUS_FRAMES = (2.5, 12.0, 40.0)  # of the groups whose shares `DetectorProfile` has


def profile_of(pairs: Pairs) -> DetectorProfile | None:
    """The detector's profile, means over videos by their frames; None where all are too short."""
    found, weights = [], []
    for number in range(len(pairs.videos)):
        rows = _rows_of_runs(pairs, number)
        if len(rows) >= LEAST_FRAMES:
            found.append(_of_video(pairs, rows))
            weights.append(len(rows))
    if not found:
        return None
    means = dict(
        zip(
            found[0],
            np.average([list(f.values()) for f in found], axis=0, weights=weights),
            strict=True,
        )
    )
    correlations = np.array([means.pop(f"correlation_{lag}") for lag in _LAGS])
    return DetectorProfile(
        shares=shares_of(correlations), **{k: float(v) for k, v in means.items()}
    )


def shares_of(correlations: Floats) -> tuple[float, float, float, float]:
    """Shares of the variance that is white, and of short, middle and long time constants.

    Parameters
    ----------
    correlations : float64 (lags,), of errors over time, at `_LAGS`.
    """
    from scipy.optimize import nnls

    decay = np.exp(-np.array(_LAGS)[:, None] / np.array(_TAUS_FRAMES))
    coloured, _ = nnls(decay, correlations)
    coloured /= max(coloured.sum(), 1.0)
    white = max(1.0 - coloured.sum(), 0.0)
    return white, float(coloured[0]), float(coloured[1]), float(coloured[2])


def _rows_of_runs(pairs: Pairs, video: int) -> NDArray[np.int64]:
    """Rows of a video that are in runs long enough."""
    rows = np.flatnonzero(pairs.video == video)
    run = np.cumsum(~pairs.follows[rows])
    return rows[np.bincount(run)[run] >= _SHORTEST_RUN]


def _of_video(pairs: Pairs, rows: NDArray[np.int64]) -> dict[str, float]:
    """Measures of one video; runs are kept apart by frames without any point."""
    at = np.arange(len(rows)) + max(_LAGS) * np.cumsum(~pairs.follows[rows])
    detected, truth = np.full((2, at[-1] + 1, *pairs.truth.shape[1:]), np.nan)
    detected[at] = np.where(pairs.known[:, None], pairs.detected[rows], np.nan)
    truth[at] = pairs.truth[rows]
    centred = truth[at] - np.nanmean(truth[at], axis=1, keepdims=True)
    size = float(np.nanmedian(np.sqrt(np.nanmean((centred**2).sum(-1), axis=1))))
    measured = residual_statistics(detected, truth, size, _LAGS)
    there = np.isfinite(truth[..., 0]) & pairs.known
    missed = there & np.isnan(detected[..., 0])
    begun = missed & ~np.roll(missed, 1, axis=0)
    return {
        "offset": measured.offset,
        "sd": measured.sd,
        "outlier_rate": measured.outlier_rate,
        "outlier_size": measured.outlier_size,
        "burst_frames": max(measured.burst_frames, 1.0),
        "missing_rate": missed.sum() / max(there.sum(), 1),
        "missing_frames": missed.sum() / max(begun.sum(), 1) if missed.any() else 1.0,
        **{
            f"correlation_{lag}": value if np.isfinite(value) else 0.0
            for lag, value in zip(_LAGS, measured.correlation, strict=True)
        },
    }
