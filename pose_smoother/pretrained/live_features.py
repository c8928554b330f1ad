"""What the live network sees of one frame: the present and the past, in units of their noise.

Everything is updated in constant time and memory. The leading axes are free: one individual has
arrays (K, 2), a batch of clips in training (B, K, 2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.tracks import FARTHEST

FIRST_LAGS = (1, 2, 4, 8, 16)
SECOND_LAGS = (1, 2, 4, 8)
NEAR = 21  # latest frames that the output weighs, next to two medians
MEDIANS = (5, 15)
CANDIDATES = NEAR + len(MEDIANS)
STATISTICS = len(FIRST_LAGS) + len(SECOND_LAGS)
CHANNELS = 2 * 6 + 5 + 2 * STATISTICS + 2
DELAYS = (0, 1, 2, 4, 8)  # frames, for which the network has an output each
DILATIONS = (1, 2, 4, 8, 16)
MEMORY_FRAMES = 90  # over which noise is measured
FLOOR = 2e-4  # of the body: no unit is smaller, so that rounding is not taken for noise
_RAYLEIGH = np.sqrt(6.0) * np.sqrt(np.pi / 2.0)  # mean second difference of unit white noise
_DEPTH = 1 + max(max(FIRST_LAGS), 2 * max(SECOND_LAGS), NEAR - 1)


class LiveFeatures:
    """The past of the keypoints of one individual (or of a batch), frame by frame.

    Parameters
    ----------
    shape : tuple of int
        Leading axes and the number of keypoints, such as (17,).

    Attributes
    ----------
    unit : float64 array, shape (..., K), unit of the input
        Fast noise of each keypoint.
    size : float64 array, shape (..., 1), unit of the input
        Body size.
    base : float64 array, shape (..., K, 2)
        Median of the last five frames.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.past = np.zeros((_DEPTH, *shape, 2))
        self.seen = np.zeros((_DEPTH, *shape), bool)
        self.ever = np.zeros(shape, bool)
        self.means = np.zeros((STATISTICS, *shape))
        self.counts = np.zeros((STATISTICS, *shape))
        self.frames = 0
        self.gap = np.zeros(shape)
        self.score_mean = np.zeros(shape)
        self.score_spread = np.full(shape, 0.02)
        self.n_scores = np.zeros(shape)
        self.size = np.zeros((*shape[:-1], 1))
        self._n_sizes = np.zeros((*shape[:-1], 1))
        self.unit = np.ones(shape)
        self.common = np.ones((*shape[:-1], 1))
        self._rough = np.zeros(shape)
        self._n_rough = np.zeros(shape)
        self.base = np.zeros((*shape, 2))
        self._first = np.array(FIRST_LAGS)
        self._second = np.array(SECOND_LAGS)

    def update(
        self, xy: NDArray[Any], scores: NDArray[Any] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Take one frame.

        Parameters
        ----------
        xy : float array, shape (..., K, 2)
            NaN where the detector gave nothing.
        scores : float array, shape (..., K), optional
            Confidences; NaN where unknown.

        Returns
        -------
        float32 array, shape (..., K, CHANNELS)
            Inputs of the network.
        float32 array, shape (..., K, CANDIDATES, 2), unit of the input
            Positions that its output weighs, about `base`.
        """
        xy = np.asarray(xy, np.float64)
        seen = np.isfinite(xy).all(-1)
        first = seen & ~self.ever
        x = np.where(seen[..., None], xy, self.past[0])
        if first.any():
            self.past[:, first] = x[first]
            self.ever = self.ever | seen
        self.past[1:] = self.past[:-1]
        self.past[0] = x
        self.seen[1:] = self.seen[:-1]
        self.seen[0] = seen
        self.gap = np.where(seen, 0.0, self.gap + 1.0)
        self.frames += 1
        self._measure(x, seen)
        self._measure_rough()
        ordered = [np.sort(self.past[:width], axis=0)[width // 2] for width in MEDIANS]
        self.base = ordered[0]
        candidates = np.empty((*xy.shape[:-1], CANDIDATES, 2), np.float32)
        for at, medians in enumerate(ordered, NEAR):
            candidates[..., at, :] = medians - self.base
        axes = (*range(1, xy.ndim), 0, xy.ndim)
        candidates[..., :NEAR, :] = (self.past[:NEAR] - self.base).transpose(axes)
        return self._inputs(x, seen, ordered, scores), candidates

    def _measure(self, x: NDArray[np.float64], seen: NDArray[np.bool_]) -> None:
        """Update the noise and the body size."""
        past, ok = self.past, self.seen
        one, two = self._first, self._second
        steps = np.concatenate([past[0] - past[one], past[0] - 2 * past[two] + past[2 * two]])
        lengths = np.hypot(steps[..., 0], steps[..., 1])
        use = seen & np.concatenate([ok[one], ok[two] & ok[2 * two]])
        counts = np.minimum(self.counts + use, MEMORY_FRAMES)
        most = np.where(counts > 8, 5.0 * self.means, np.inf)
        share = use / np.maximum(counts, 1.0)
        self.means = self.means + share * (np.minimum(lengths, most) - self.means)
        self.counts = counts
        self._measure_size(x, seen)
        at = len(FIRST_LAGS)  # the second difference over neighbouring frames
        own = np.maximum(self.means[at] / _RAYLEIGH, FLOOR * self.size)
        known = self.counts[at] > 0
        n_known = known.sum(-1, keepdims=True)
        total = np.where(known, np.log(np.maximum(own, 1e-300)), 0.0).sum(-1, keepdims=True)
        unknown = np.where(self.size > 0, 2.0 * self.size, 1.0)  # about 1 in training
        common = np.where(n_known > 0, np.exp(total / np.maximum(n_known, 1)), unknown)
        unit = np.where(known, np.sqrt(own * np.sqrt(own * common)), common)
        self.unit = np.clip(unit, 0.1 * common, 10.0 * common)
        self.common = common

    def rough_noise(self) -> float:
        """Noise that smooth motion cannot imitate, as a fraction of the body (of one individual).

        The mean length of fourth differences, in which slow motion hardly appears.
        """
        known = self._n_rough > 0
        if not known.any() or not self.size[..., 0] > 0:
            return 0.0  # four frames do not separate noise from motion
        lengths = float(self._rough[known].mean())
        return lengths / (np.sqrt(70.0) * np.sqrt(np.pi / 2.0)) / float(self.size[..., 0])

    def _measure_rough(self) -> None:
        p, ok = self.past, self.seen[:5].all(0)
        fourth = p[0] - 4 * p[1] + 6 * p[2] - 4 * p[3] + p[4]
        self._n_rough = np.minimum(self._n_rough + ok, MEMORY_FRAMES)
        share = ok / np.maximum(self._n_rough, 1.0)
        self._rough = self._rough + share * (np.hypot(fourth[..., 0], fourth[..., 1]) - self._rough)

    def _measure_size(self, x: NDArray[np.float64], seen: NDArray[np.bool_]) -> None:
        """Mean over time of the root mean square distance from the centre of what is seen."""
        weight = seen[..., None].astype(np.float64)
        count = np.maximum(weight.sum(-2, keepdims=True), 1.0)
        centred = (x - (weight * x).sum(-2, keepdims=True) / count) * weight
        now = np.sqrt((centred**2).sum((-1, -2)) / count[..., 0, 0])[..., None]
        now = np.where(now > 0, now, 10.0 * self.means[0].mean(-1, keepdims=True))
        self._n_sizes = np.minimum(self._n_sizes + (now > 0), MEMORY_FRAMES)
        share = (now > 0) / np.maximum(self._n_sizes, 1.0)
        self.size = self.size + share * (now - self.size)

    def _inputs(
        self,
        x: NDArray[np.float64],
        seen: NDArray[np.bool_],
        medians: list[NDArray[np.float64]],
        scores: NDArray[Any] | None,
    ) -> NDArray[np.float32]:
        past, scale = self.past, self.unit[..., None]
        moving = [x - medians[0], x - medians[1], x - past[1], past[1] - past[2]]
        moving += [(x - past[4]) / 4.0, (x - past[8]) / 8.0]
        out = np.empty((*x.shape[:-1], CHANNELS), np.float32)
        out[..., :12] = np.arcsinh(np.concatenate(moving, -1) / scale)
        out[..., 12] = seen
        out[..., 13:15] = self._score(scores, seen)
        out[..., 15] = np.log1p(self.gap)
        out[..., 16] = np.log1p(min(self.frames, MEMORY_FRAMES)) / 4.0
        ratio = np.log1p(self.means / self.unit)
        out[..., 17 : 17 + STATISTICS] = np.moveaxis(ratio, 0, -1)
        ever = self.ever / np.maximum(self.ever.sum(-1, keepdims=True), 1)
        pooled = (ratio * ever).sum(-1)
        out[..., 17 + STATISTICS : -2] = np.moveaxis(pooled, 0, -1)[..., None, :]
        out[..., -2] = np.log(self.unit / self.common)
        out[..., -1] = np.log(self.unit / np.where(self.size > 0, self.size, self.unit))
        return out

    def _score(self, scores: NDArray[Any] | None, seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(score against its mean so far, whether it is known), (..., K, 2)."""
        out = np.zeros((*seen.shape, 2))
        if scores is None:
            return out
        score = np.asarray(scores, np.float64)
        known = (np.abs(score) <= FARTHEST) & seen
        score = np.where(known, score, self.score_mean)
        self.n_scores = np.minimum(self.n_scores + known, MEMORY_FRAMES)
        share = known / np.maximum(self.n_scores, 1.0)
        apart = score - self.score_mean
        self.score_mean = self.score_mean + share * apart
        self.score_spread = self.score_spread + share * (np.abs(apart) - self.score_spread)
        width = 3.0 * np.maximum(self.score_spread, 0.007)
        out[..., 0] = np.clip((score - self.score_mean) / width, -3.0, 3.0)
        out[..., 1] = known
        return out
