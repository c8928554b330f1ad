"""What the pretrained smoother's network sees: differences in units of the file's own noise.

`prepare(xy, scores)` fills gaps for the network's eyes only, measures the noise of every keypoint
from the file itself, and returns inputs that do not change when the file is moved or scaled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

Floats = NDArray[np.float32]

TAPS = (*range(-12, 13), -32, -24, -20, -16, -14, 14, 16, 20, 24, 32)
MEDIANS = (5, 15, 31)
CANDIDATES = len(TAPS) + len(MEDIANS)
LAGS = (1, 2, 4, 8, 16, 32)
SECOND_LAGS = (2, 4, 8)
STATISTICS = 2 * (len(LAGS) + len(SECOND_LAGS) + 1) + 3
CHANNELS = 2 * len(MEDIANS) + 2 + 2 + 2 + 2 + 4 + STATISTICS
FLOOR = 2e-4  # of the body: no unit is smaller, so that rounding is not taken for noise


@dataclass(frozen=True)
class Prepared:
    """What was measured in one file or clip, and the network's inputs made from it.

    Attributes
    ----------
    filled : float32 array, shape (T, K, 2), unit of the file
        Positions about their own centre, gaps interpolated.
    medians : float32 array, shape (M, T, K, 2), unit of the file
        Running medians of `filled` over `MEDIANS` frames.
    observed : bool array, shape (T, K)
        Whether the detector gave the point.
    scores : float32 array, shape (2, T, K)
        Score against the keypoint's median, and whether it is known.
    statistics : float32 array, shape (K, STATISTICS), no unit
    neighbours : float32 array, shape (K, K)
        Weights of the other keypoints that move like a keypoint; rows sum to 1 or 0.
    valid : bool array, shape (K,)
        Keypoints with at least one detection.
    unit : float32 array, shape (K,), unit of the file
        Robust noise of a keypoint from its second differences.
    size : float
        Body size, unit of the file.
    centre : float64 array, shape (K, 2)
        What was taken from the positions.
    """

    filled: Floats
    medians: Floats
    observed: NDArray[np.bool_]
    scores: Floats
    statistics: Floats
    neighbours: Floats
    valid: NDArray[np.bool_]
    unit: Floats
    size: float
    centre: NDArray[np.float64]

    def turned(self) -> Prepared:
        """The same file with both axes mirrored and time reversed."""
        return replace(
            self,
            filled=-self.filled[::-1],
            medians=-self.medians[:, ::-1],
            observed=self.observed[::-1],
            scores=self.scores[:, ::-1],
            centre=-self.centre,
        )

    def inputs(self, start: int = 0, stop: int | None = None) -> Floats:
        """The network's inputs for frames `start` to `stop`, float32 (K, frames, CHANNELS)."""
        last = len(self.filled) - 1
        at = np.arange(start, last + 1 if stop is None else stop)
        x = self.filled[at].transpose(1, 0, 2)  # (K, frames, 2)
        base, *wider = (m[at].transpose(1, 0, 2) for m in self.medians)
        around = [self.medians[0][np.clip(at + d, 0, last)] for d in (1, 8, -8)]
        following, far, near = (m.transpose(1, 0, 2) for m in around)
        out = np.empty((*x.shape[:2], CHANNELS), np.float32)
        scale = self.unit[:, None, None]
        residual = (x - base) / scale
        step = following - base
        moving = [residual, *((x - m) / scale for m in wider), step / scale]
        moving += [(far - near) / (8.0 * scale), self._like(residual), self._like(step) / scale]
        np.arcsinh(np.concatenate(moving, -1), out=out[..., : 2 * len(moving)])
        flags = out[..., 2 * len(moving) : -STATISTICS]
        flags[..., 0] = self.observed[at].T
        flags[..., 1] = 1.0
        flags[..., 2:] = self.scores[:, at].transpose(2, 1, 0)
        out[..., -STATISTICS:] = self.statistics[:, None]
        return out

    def _like(self, values: Floats) -> Floats:
        """Mean over the keypoints that move like each, (K, frames, 2)."""
        mean: Floats = self.neighbours @ values.reshape(len(values), -1)
        return mean.reshape(values.shape)


def interpolate_gaps(xy: NDArray, observed: NDArray[np.bool_]) -> NDArray:
    """Linear interpolation over time, held at both ends, 0 where a keypoint was never seen."""
    out = np.where(observed[..., None], xy, 0.0)
    frames = np.arange(len(xy))
    for k in np.flatnonzero(~observed.all(0)):
        seen = observed[:, k]
        if not seen.any():
            continue
        for c in range(2):
            out[:, k, c] = np.interp(frames, frames[seen], xy[seen, k, c])
    return out


def running_median(x: NDArray, width: int) -> NDArray:
    """Median over `width` frames around each, ends repeated; (T, K, C) to the same.

    Column by column, because scipy's filter of one axis is ten times as fast as that of three. It
    is wrong before scipy 1.17 where the width exceeds the track, which is therefore padded.
    """
    if len(x) < width:
        half = width // 2
        padded = np.pad(x, ((half, half), *[(0, 0)] * (x.ndim - 1)), mode="edge")
        return running_median(padded, width)[half:-half]
    columns = np.ascontiguousarray(x.reshape(len(x), -1).T)
    out = np.empty_like(columns)
    for column, median in zip(columns, out, strict=True):
        median_filter(column, width, mode="nearest", output=median)
    return out.T.reshape(x.shape)


def _trimmed(values: NDArray, usable: NDArray[np.bool_], fallback: float) -> NDArray:
    """Mean over time below the 80 % quantile, by keypoint; (T, K), (T, K) to (K,).

    A median would be 0 where a detector snaps to a grid.
    """
    if len(values) == 0:
        return np.full(values.shape[1], fallback)
    ordered = np.sort(np.where(usable, values, np.inf), axis=0)
    count = usable.sum(0)
    keep = np.ceil(0.8 * count).astype(int)
    total = np.cumsum(np.where(np.isfinite(ordered), ordered, 0.0), axis=0)
    last = np.take_along_axis(total, np.maximum(keep - 1, 0)[None], axis=0)[0]
    return np.where(keep > 0, last / np.maximum(keep, 1), fallback)


def _shifted(x: NDArray, observed: NDArray, lag: int, second: bool) -> tuple[NDArray, NDArray]:
    """Length of first or second differences at a lag, (T - lag or 2 lag, K), and their use."""
    if second:
        d = x[2 * lag :] - 2 * x[lag:-lag] + x[: -2 * lag]
        ok = observed[2 * lag :] & observed[lag:-lag] & observed[: -2 * lag]
    else:
        d = x[lag:] - x[:-lag]
        ok = observed[lag:] & observed[:-lag]
    return np.sqrt((d * d).sum(-1)), ok


def _pooled(by_keypoint: NDArray, valid: NDArray[np.bool_]) -> float:
    """Geometric mean over the keypoints that were seen."""
    return float(np.exp(np.log(by_keypoint[valid] + 1e-12).mean())) if valid.any() else 1.0


def body_size(filled: NDArray, valid: NDArray[np.bool_] | None = None) -> float:
    """Median root mean square distance of the keypoints from their centre, unit of the file.

    One keypoint has no extent; then the range of its motion is taken.

    Parameters
    ----------
    filled : (T, K, C), without NaN in the keypoints that count.
    valid : (K,), those that count; None counts all.
    """
    points = filled if valid is None else filled[:, valid]
    size = 0.0
    if points.shape[1] >= 2:
        centred = points - points.mean(1, keepdims=True)
        size = float(np.median(np.sqrt((centred**2).sum(-1).mean(-1))))
    if size <= 0 and points.size:
        size = float(np.sqrt(((points - points.mean(0)) ** 2).sum(-1)).max())
    return size if size > 0 else 1.0


# Mean length of the second difference of two-dimensional white noise of unit variance below its
# 80 % quantile: sqrt(6) times that of a Rayleigh variable.
_TRIMMED_RAYLEIGH = 1.0036 * np.sqrt(6.0)


def _statistics(
    x: NDArray, observed: NDArray, valid: NDArray, size: float
) -> tuple[NDArray, NDArray]:
    """(unit (K,), statistics (K, STATISTICS)) of a file; see `Prepared`."""
    long = len(x)
    lengths, ok = _shifted(x, observed, 1, second=True)
    own = np.maximum(_trimmed(lengths, ok, 0.0) / _TRIMMED_RAYLEIGH, FLOOR * size)
    common = _pooled(own, valid)
    unit = np.where(ok.any(0), np.sqrt(own * np.sqrt(own * common)), common)
    unit = np.clip(unit, 0.1 * common, 10.0 * common)
    columns: list[NDArray] = []
    pooled: list[float] = []
    for lags, second in ((LAGS, False), (SECOND_LAGS, True)):
        for lag in lags:
            if long > (2 * lag if second else lag) + 4:
                ratio = _trimmed(*_shifted(x, observed, lag, second), fallback=0.0) / unit
            elif columns:
                ratio = np.expm1(columns[-1])
            else:
                ratio = np.ones(len(unit))
            columns.append(np.log1p(ratio))
            pooled.append(np.log1p(_pooled(np.maximum(ratio, 1e-6), valid)))
    spread = np.where(ok.any(0), _upper(lengths, ok) / (unit * np.sqrt(6.0)), 1.0)
    columns.append(np.log1p(spread))
    pooled.append(np.log1p(_pooled(np.maximum(spread, 1e-6), valid)))
    same, ok1 = _shifted(x, observed, 1, second=False)
    still = ((same <= 1e-6 * size) & ok1).sum(0) / np.maximum(ok1.sum(0), 1)
    columns += [np.log(unit / common), np.log(unit / size), still]
    wide = np.broadcast_to(np.asarray(pooled), (len(unit), len(pooled)))
    return unit, np.concatenate([np.stack(columns, 1), wide], 1)


def _upper(lengths: NDArray, usable: NDArray) -> NDArray:
    """The 97 % quantile by keypoint: how heavy the tails are."""
    ordered = np.sort(np.where(usable, lengths, -1.0), axis=0)
    rank = len(lengths) - 1 - (0.03 * usable.sum(0)).astype(int)
    return np.maximum(np.take_along_axis(ordered, rank[None], axis=0)[0], 0.0)


def neighbour_weights(x: NDArray, valid: NDArray[np.bool_], size: float) -> Floats:
    """Weights of the keypoints whose distance from a keypoint changes least, (K, K)."""
    step = max(1, len(x) // 64)
    part = x[::step]
    apart = part[:, :, None] - part[:, None]
    vary = np.sqrt(((apart - np.median(apart, 0)) ** 2).sum(-1))
    vary = np.median(vary, 0) + 0.15 * np.linalg.norm(np.median(apart, 0), axis=-1)
    usable = valid[:, None] & valid[None] & ~np.eye(len(valid), dtype=bool)
    nearest = np.where(usable, vary, np.inf)
    width = np.where(usable.any(1), nearest.min(1, initial=np.inf), 1.0) + 0.01 * size
    weight = np.where(usable, np.exp(1.0 - np.where(usable, vary, 0.0) / width[:, None]), 0.0)
    total = weight.sum(1, keepdims=True)
    return (weight / np.where(total > 0, total, 1.0)).astype(np.float32)


def prepare(xy: NDArray, scores: NDArray | None = None) -> Prepared:
    """Measure the noise of a file and build the network's inputs.

    Parameters
    ----------
    xy : float array, shape (T, K, 2), any unit
        Detections; NaN where the detector gave nothing.
    scores : float array, shape (T, K), optional
        Confidences; NaN where unknown.

    Returns
    -------
    Prepared
    """
    xy = np.asarray(xy, np.float64)
    observed = np.isfinite(xy).all(-1)
    valid = observed.any(0)
    count = np.maximum(observed.sum(0), 1)[:, None]
    centre = np.where(observed[..., None], xy, 0.0).sum(0) / count
    x = interpolate_gaps(xy - centre, observed)
    size = body_size(x + centre, valid)
    unit, statistics = _statistics(x, observed, valid, size)
    neighbours = neighbour_weights(x + centre, valid, size)
    x = x.astype(np.float32)
    unit = unit.astype(np.float32)
    medians = np.stack([running_median(x, w) for w in MEDIANS])
    known = np.stack(_score_channels(scores, observed)).astype(np.float32)
    statistics = statistics.astype(np.float32)
    return Prepared(x, medians, observed, known, statistics, neighbours, valid, unit, size, centre)


def _score_channels(scores: NDArray | None, observed: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
    """(score against the keypoint's median, whether scores are known), (T, K) each."""
    known = np.zeros(observed.shape, np.float32)
    if scores is None:
        return known, known
    scores = np.asarray(scores, np.float64)
    usable = np.isfinite(scores) & observed
    if not usable.any():
        return known, known
    low, high = np.percentile(scores[usable], [5, 95])
    middle = np.median(scores[usable])
    width = max(high - low, 0.02)
    relative = np.clip((scores - middle) / width, -3.0, 3.0)
    return np.where(usable, relative, 0.0), usable.astype(np.float32)
