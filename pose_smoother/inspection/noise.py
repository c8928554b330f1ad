"""The size of a body, and how noisy its keypoints are: from differences between frames."""

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.tracks import Floats, Track

#: Binomial coefficients of the fourth difference: smooth motion nearly vanishes in it.
_FOURTH = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
_SECOND = np.array([1.0, -2.0, 1.0])
_KEPT = 0.8
#: Mean of a Rayleigh variable of unit scale, of its smallest 80 %.
_TRIMMED_RAYLEIGH = 1.0034


def present(track: Track) -> NDArray[np.bool_]:
    """Bool (n, K): where a keypoint has a position."""
    return np.asarray(np.isfinite(track.keypoints).all(axis=-1))


def body_size(keypoints: Floats) -> float:
    """The root mean square distance of keypoints from their centre, the median over frames.

    Parameters
    ----------
    keypoints : float64 (n, K, axes), NaN where missing.

    Returns
    -------
    In the file's unit. Of a single keypoint, half the larger side of its path. NaN without any
    position; 0 where nothing extends.
    """
    known = np.asarray(np.isfinite(keypoints).all(axis=-1))
    count = known.sum(axis=1)
    if not known.any():
        return float("nan")
    if count.max() < 2:
        path = keypoints[known]
        return float((path.max(axis=0) - path.min(axis=0)).max() / 2)
    rows = count >= max(2, int(np.median(count[count > 0])))
    values = np.where(known[..., None], keypoints, 0.0)[rows]
    n = count[rows, None]
    centre = values.sum(axis=1) / n
    away = ((values - centre[:, None]) ** 2).sum(axis=-1) * known[rows]
    return float(np.median(np.sqrt(away.sum(axis=1) / n[:, 0])))


def difference_lengths(track: Track, weights: Floats) -> Floats:
    """Lengths of a weighted difference of neighbouring frames, at the frame in its middle.

    Parameters
    ----------
    weights : float64 (w,), w odd.

    Returns
    -------
    float64 (n, K), NaN where one of the w frames, or the keypoint in it, is missing.
    """
    n, half = len(track.frame), len(weights) // 2
    out = np.full(track.keypoints.shape[:2], np.nan)
    if n < len(weights):
        return out
    total = sum(w * track.keypoints[i : n - 2 * half + i] for i, w in enumerate(weights))
    unbroken = track.frame[2 * half :] - track.frame[: n - 2 * half] == 2 * half * track.step
    out[half : n - half] = np.where(unbroken[:, None], np.linalg.norm(total, axis=-1), np.nan)
    return out


def jitter_lengths(track: Track) -> Floats:
    """Lengths of the second differences, float64 (n, K): what ``smooth`` reports the mean of."""
    return difference_lengths(track, _SECOND)


def keypoint_noise(tracks: list[Track]) -> Floats:
    """The standard deviation of each keypoint's fast noise along one axis, (K,), file's unit.

    White noise of this deviation has the same fourth differences, except the largest fifth of
    them, where outliers are. Slow errors, which look like motion, are not in it. NaN where a
    keypoint is never seen in five frames in a row.
    """
    lengths = np.concatenate([difference_lengths(track, _FOURTH) for track in tracks])
    n_known = np.isfinite(lengths).sum(axis=0)
    ordered = np.sort(lengths, axis=0)  # NaN last
    kept = np.arange(len(ordered))[:, None] < np.ceil(_KEPT * n_known)
    total = np.where(kept, ordered, 0.0).sum(axis=0)
    scale = np.sqrt((_FOURTH**2).sum()) * _TRIMMED_RAYLEIGH
    with np.errstate(invalid="ignore"):
        return np.asarray(total / np.where(n_known, kept.sum(axis=0), np.nan) / scale)
