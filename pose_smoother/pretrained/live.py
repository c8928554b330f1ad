"""Smooth frame by frame, with a causal network: the same work for every frame, any delay."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.pretrained.live_features import (
    CANDIDATES,
    DELAYS,
    DILATIONS,
    LiveFeatures,
)
from pose_smoother.pretrained.network import read_weights, softmax
from pose_smoother.pretrained.smooth import share_of_noise

Floats = NDArray[np.float64]

WEIGHTS = Path(__file__).with_name("live_weights.npz")
WEIGHTS_SHA256 = "b33f6aaff43dd372ee00b842dc788bf7471ee71d0ef6333536c31058b9be68c2"
OUTPUTS = 2 * CANDIDATES + 3
#: How much of the network's answer is taken at each delay. With little future the network trusts
#: its simulated detectors too much; chosen on half of the recordings (docs/experiments.md).
TAKEN = dict(zip(DELAYS, (0.5, 0.7, 0.9, 1.0, 1.0), strict=True))


@dataclass(frozen=True)
class LiveWeights:
    """The live network's arrays, as `LiveStream` multiplies them."""

    by_name: dict[str, NDArray[np.float32]]

    @property
    def width(self) -> int:
        """Channels inside the network."""
        return len(self.by_name["first.bias"])


@lru_cache(maxsize=1)
def load_live_weights() -> LiveWeights:
    """The weights that ship; the file's SHA-256 is checked."""
    return LiveWeights(read_weights(WEIGHTS, WEIGHTS_SHA256))


class LiveStream:
    """One individual: frames in, estimates out.

    Parameters
    ----------
    n_keypoints : int
    delay : int
        Frames after each that its estimate may use. The network was trained for 0, 1, 2, 4 and 8;
        between them the next smaller one is used, so beyond 8 nothing is gained.
    weights : LiveWeights, optional
        Other weights than those that ship.
    """

    def __init__(self, n_keypoints: int, delay: int, weights: LiveWeights | None = None) -> None:
        self.weights = load_live_weights() if weights is None else weights
        self.delay = delay
        self.features = LiveFeatures((n_keypoints,))
        width = self.weights.width
        self._rings = [np.zeros((2 * d + 1, n_keypoints, width), np.float32) for d in DILATIONS]
        self._now = 0
        self._pending: deque[tuple[int, Floats]] = deque()  # frames that wait for later ones
        self._steps: dict[int, _Step] = {}

    def update(self, xy: NDArray[Any], scores: NDArray[Any] | None = None) -> Floats | None:
        """Take a frame; give the estimate of the frame `delay` updates before, None at first.

        Parameters
        ----------
        xy : float array, shape (K, 2)
            NaN where the detector gave nothing.
        scores : float array, shape (K,), optional

        Returns
        -------
        float64 array, shape (K, 2), or None
            NaN where that frame has no detection.
        """
        self._pending.append((self._now, np.asarray(xy, np.float64)))
        self._step(xy, scores)
        return self._next() if len(self._pending) > self.delay else None

    def skip(self, frames: int) -> None:
        """Let time pass without a detection: frames that the camera or the detector lost."""
        nothing = np.full((*self.features.ever.shape, 2), np.nan)
        for _ in range(frames):
            self._step(nothing, None)

    def restart(self) -> None:
        """Forget the past, except frames whose estimate has not been given yet."""
        self.features = LiveFeatures(self.features.ever.shape)
        for ring in self._rings:
            ring[:] = 0.0
        self._now += max(DELAYS) + 1

    def finish(self) -> list[Floats]:
        """Estimates of the last frames, for which no later ones come; the stream goes on."""
        return [self._next() for _ in range(len(self._pending))]

    def _step(self, xy: NDArray[Any], scores: NDArray[Any] | None) -> None:
        inputs, near = self.features.update(xy, scores)
        strength = share_of_noise(self.features.rough_noise())
        hidden = self._hidden(inputs)
        step = _Step(hidden, near, self.features.base, self.features.unit, strength)
        self._steps[self._now] = step
        self._now += 1

    def _next(self) -> Floats:
        """The estimate of the oldest frame that waits, by the longest delay that is there."""
        index, xy = self._pending.popleft()
        known = [d for d in DELAYS if d <= self.delay and index + d in self._steps]
        step = self._steps[index + known[-1]]
        found = step.base + self._outputs(step, DELAYS.index(known[-1]))
        first = self._pending[0][0] if self._pending else self._now
        self._steps = {now: kept for now, kept in self._steps.items() if now >= first}
        return xy + TAKEN[known[-1]] * step.strength * (found - xy)

    def _hidden(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network up to its last layer, (K, width)."""
        w = self.weights.by_name
        ever = self.features.ever
        share = ever.astype(np.float32) / np.float32(max(int(ever.sum()), 1))
        h = inputs @ w["first.weight"]
        h += w["first.bias"]
        for i, (ring, dilation) in enumerate(zip(self._rings, DILATIONS, strict=True)):
            at = self._now % len(ring)
            np.maximum(h, 0, out=ring[at])
            taps = [ring[(self._now - back) % len(ring)] for back in (2 * dilation, dilation, 0)]
            inner = np.concatenate(taps, -1) @ w[f"blocks.{i}.wide.linear.weight"]
            inner += w[f"blocks.{i}.wide.linear.bias"]
            np.maximum(inner, 0, out=inner)
            h += inner @ w[f"blocks.{i}.point.weight"]
            h += w[f"blocks.{i}.point.bias"]
            mean = (share @ h) @ w[f"blocks.{i}.mix.weight"]
            mean += w[f"blocks.{i}.mix.bias"]
            h += mean
        return np.maximum(h, 0, out=h)

    def _outputs(self, step: _Step, head: int) -> Floats:
        """Positions about the base by the output of one delay, (K, 2)."""
        part = slice(head * OUTPUTS, (head + 1) * OUTPUTS)
        raw = step.hidden @ self.weights.by_name["last.weight"][:, part]
        raw += self.weights.by_name["last.bias"][part]
        a = softmax(raw[:, :CANDIDATES], -1)
        b = softmax(raw[:, CANDIDATES : 2 * CANDIDATES], -1)
        gain = np.logaddexp(np.float32(0), raw[:, -3:-2] - np.float32(1))
        moved = ((a + gain * (a - b))[:, None] @ step.near)[:, 0]
        correction: Floats = step.unit[:, None] * np.clip(raw[:, -2:], -8.0, 8.0)
        return correction + moved


@dataclass(frozen=True)
class _Step:
    """What one frame left behind for the outputs of several delays."""

    hidden: NDArray[np.float32]
    near: NDArray[np.float32]
    base: Floats
    unit: Floats
    strength: float


def smooth_live(
    xy: NDArray[Any],
    scores: NDArray[Any] | None,
    delay: int,
    weights: LiveWeights | None = None,
) -> Floats:
    """A file as a stream would have been smoothed, frame by frame.

    Parameters
    ----------
    xy : float array, shape (T, K, 2)
        NaN where the detector gave nothing.
    scores : float array, shape (T, K), optional
    delay : int
        Frames after each that its estimate may use.

    Returns
    -------
    float64 array, shape (T, K, 2)
        NaN where the input is.
    """
    stream = LiveStream(xy.shape[1], delay, weights)
    out = []
    for t, frame in enumerate(xy):
        found = stream.update(frame, None if scores is None else scores[t])
        if found is not None:
            out.append(found)
    return np.array([*out, *stream.finish()]).reshape(xy.shape)
