"""Simulate the keypoints that a detector would give for clean motion.

`simulate(clean, rng, parameters)` is a pure function. It adds, in this order: a constant offset a
keypoint, noise of four time constants that grows with speed and is shared along limbs, bursts of
outliers (a fifth of them on the mirrored keypoint), the detector's own smoothing, snapping to a
grid, runs of missing points, and scores that know only part of the error. The numbers come from
`trainer.noise.detector_profiles`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pose_smoother.pretrained.features import body_size
from trainer.noise.detector_profiles import DetectorParameters

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SimulatedDetections:
    """Output of `simulate`.

    Attributes
    ----------
    noisy : float32 array, shape (T, K, 2), unit of the input
        Detections, NaN where the detector gave nothing.
    scores : float32 array, shape (T, K), 0 to 1
        Confidence, NaN everywhere where the detector gives none and at missing points.
    target : float32 array, shape (T, K, 2), unit of the input
        What a smoother can be asked for: the clean motion with constant offset and slow drift.
    """

    noisy: Floats
    scores: Floats
    target: Floats


def simulate(
    clean: Floats,
    rng: np.random.Generator,
    parameters: DetectorParameters,
    mirror: NDArray[np.intp] | None = None,
) -> SimulatedDetections:
    """Simulate a detector on clean motion.

    Parameters
    ----------
    clean : float32 array, shape (T, K, 2), any unit, no missing value
        Motion without jitter.
    rng : numpy.random.Generator
        The only source of randomness.
    parameters : DetectorParameters
        The detector; sizes are fractions of the body size of `clean`.
    mirror : int array, shape (K,), optional
        Index of each keypoint's partner on the other side; by default the next keypoint.

    Returns
    -------
    SimulatedDetections
    """
    if clean.ndim != 3 or clean.shape[-1] != 2:
        raise ValueError(f"expected clean motion of shape (T, K, 2), found {clean.shape}")
    keypoints = clean.shape[1]
    size = body_size(clean)
    if mirror is None:
        mirror = (np.arange(keypoints) + 1) % keypoints
    level = parameters.sd * size * np.exp(parameters.keypoint_spread * rng.normal(size=keypoints))
    fast, drift = _coloured_noise(clean, size, level, rng, parameters)
    slow = gaussian_filter1d(drift, 6.0, axis=0, mode="nearest")
    offset = parameters.offset * size * rng.normal(size=(1, keypoints, 2)) * 0.8
    target = clean + offset + slow
    noisy = clean + offset + drift + fast
    _add_bursts(noisy, mirror, size, rng, parameters)
    if parameters.lag_frames > 0:
        keep = parameters.lag_frames / (1.0 + parameters.lag_frames)
        start = keep * noisy[:1]
        from scipy.signal import lfilter  # slow to import, for what few start

        noisy = lfilter([1.0 - keep], [1.0, -keep], noisy, axis=0, zi=start)[0]
    if parameters.grid_step > 0:
        step = parameters.grid_step * size
        shift = rng.uniform(0, step, size=2)
        noisy = np.round((noisy + shift) / step) * step - shift
    error = np.linalg.norm(noisy - target, axis=-1) / np.maximum(level, 1e-6 * size)
    scores = _scores(error, rng, parameters)
    missing = _missing(error, rng, parameters)
    noisy[missing] = np.nan
    scores[missing] = np.nan
    return SimulatedDetections(
        noisy.astype(np.float32), scores.astype(np.float32), target.astype(np.float32)
    )


def autoregressive(rng: np.random.Generator, shape: tuple[int, ...], tau: float) -> NDArray:
    """Stationary AR(1) noise over the first axis, unit variance, time constant `tau` frames."""
    a = float(np.exp(-1.0 / tau))
    drive = rng.standard_normal(shape, dtype=np.float32)
    first = drive[:1].copy()
    drive *= np.sqrt(1.0 - a * a)
    drive[:1] = first
    from scipy.signal import lfilter

    return lfilter([1.0], [1.0, -a], drive, axis=0)


def _coloured_noise(
    clean: Floats,
    size: float,
    level: NDArray,
    rng: np.random.Generator,
    parameters: DetectorParameters,
) -> tuple[NDArray, NDArray]:
    """(fast, drift) noise, (T, K, 2) each: what a smoother may remove, and the long component."""
    frames, keypoints, _ = clean.shape
    shape = (frames, keypoints, 2)
    speed = np.linalg.norm(np.gradient(clean, axis=0), axis=-1, keepdims=True)
    relative_speed = np.clip(speed / (np.quantile(speed, 0.9) + 1e-9), 0.0, 1.5)
    white = rng.standard_normal(shape)
    if parameters.tail_dof > 0:
        dof = parameters.tail_dof
        chi = rng.chisquare(dof, size=(frames, keypoints, 1)) / dof
        white *= np.sqrt(max(dof - 2.0, 0.5) / dof / chi)
    parts = [white, *(autoregressive(rng, shape, tau) for tau in parameters.tau_frames)]
    if parameters.pose_locked:
        parts[1:3] = [_run_with_motion(part, relative_speed[..., 0]) for part in parts[1:3]]
    if parameters.limb_correlation > 0 and keypoints > 1:
        mixing = _limb_mixing(clean, size)
        c = parameters.limb_correlation
        for i in range(4):
            shared = np.einsum("kj,tjc->tkc", mixing, parts[i][:, rng.permutation(keypoints)])
            parts[i] = np.sqrt(1.0 - c) * parts[i] + np.sqrt(c) * shared
    growth = 1.0 + parameters.speed_growth * relative_speed
    growth = growth / np.median(growth)
    if parameters.volatility > 0:
        wander = autoregressive(rng, (frames, keypoints, 1), 15.0)
        growth = growth * np.exp(parameters.volatility * wander)
    share = np.sqrt(np.asarray(parameters.shares))
    scale = level[None, :, None]
    fast = scale * growth * (share[0] * parts[0] + share[1] * parts[1] + share[2] * parts[2])
    return fast, scale * share[3] * parts[3]


def _run_with_motion(noise: NDArray, relative_speed: NDArray) -> NDArray:
    """Noise (T, K, 2) read at a time that runs slowly where the keypoint rests.

    The error of a heatmap network is a function of the picture, so it rests with the pose.
    """
    frames = np.arange(len(noise), dtype=float)
    clock = np.cumsum(0.1 + 0.9 * np.minimum(relative_speed, 1.0), axis=0)
    clock = np.minimum(clock - clock[:1], frames[-1])
    low = np.minimum(clock.astype(np.intp), len(noise) - 2)
    part = (clock - low)[..., None]
    before = np.take_along_axis(noise, low[..., None], axis=0)
    after = np.take_along_axis(noise, low[..., None] + 1, axis=0)
    return before + part * (after - before)


def _limb_mixing(clean: Floats, size: float) -> NDArray:
    """Square root of a correlation that falls with the mean distance of two keypoints, (K, K)."""
    middle = np.median(clean, axis=0) / size
    distance = np.linalg.norm(middle[:, None] - middle[None], axis=-1)
    correlation = np.exp(-distance) + 1e-4 * np.eye(len(middle))
    root = np.linalg.cholesky(correlation)
    return root / np.linalg.norm(root, axis=1, keepdims=True)


def _add_bursts(
    noisy: NDArray,
    mirror: NDArray[np.intp],
    size: float,
    rng: np.random.Generator,
    parameters: DetectorParameters,
) -> None:
    """Move runs of frames of single keypoints away, in place.

    Lengths are lognormal with the measured quantiles (50/75/90/99 %: 2/4/11/33 frames at a mean of
    about 4). A fifth of the bursts are on the mirrored keypoint, a tenth take a neighbour along.
    """
    frames, keypoints, _ = noisy.shape
    hard = [(int(rng.integers(keypoints)), int(rng.integers(frames))) for _ in range(3)]
    hard = hard[: int(rng.integers(0, 4))]
    mean = max(parameters.burst_frames, 1.0)
    count = rng.poisson(parameters.outlier_rate * frames * keypoints / mean)
    sigma = 1.15
    for _ in range(count):
        k = int(rng.integers(keypoints))
        length = round(mean * np.exp(sigma * rng.normal() - 0.5 * sigma**2))
        length = int(np.clip(length, 1, 60))
        start = int(rng.integers(-length + 1, frames))
        # A keypoint that is hidden for a while fails again and again.
        if hard and rng.random() < 0.6:
            k, when = hard[rng.integers(len(hard))]
            start = when + int(rng.integers(-30, 30))
            if start >= frames or start + length <= 0:
                continue
        part = slice(max(start, 0), min(start + length, frames))
        run = part.stop - part.start
        if rng.random() < parameters.mirror_share and mirror[k] != k:
            noisy[part, k] = noisy[part, mirror[k]]
            continue
        distance = parameters.outlier_size * size * np.exp(0.6 * rng.normal())
        angle = rng.uniform(0, 2 * np.pi)
        jump = distance * np.array([np.cos(angle), np.sin(angle)])
        shake = distance * rng.uniform(0.0, 0.3) * rng.normal(size=(run, 2))
        hit = [k, int(rng.integers(keypoints))] if rng.random() < 0.1 else [k]
        for j in set(hit):
            noisy[part, j] = noisy[part, j] + jump + shake


def _scores(error: NDArray, rng: np.random.Generator, parameters: DetectorParameters) -> NDArray:
    """Scores that fall with the error, (T, K); the rank correlation is -0.1 to -0.45."""
    if parameters.score_knowledge < 0:
        return np.full(error.shape, np.nan)
    level = rng.normal(size=(1, error.shape[1])) * 0.6
    wander = autoregressive(rng, error.shape, 8.0) * 0.8
    logit = 1.8 + level + wander - 0.5 * parameters.score_knowledge * np.log1p(error)
    if rng.random() < 0.25:  # a detector whose scores are near 1 on outliers, too
        logit = logit + 3.0
    return 1.0 / (1.0 + np.exp(-logit))


def _missing(error: NDArray, rng: np.random.Generator, parameters: DetectorParameters) -> NDArray:
    """Runs of frames without a detection, (T, K) bool; three in ten start at a large error."""
    frames, keypoints = error.shape
    missing = np.zeros((frames, keypoints), bool)
    mean = max(parameters.missing_frames, 1.0)
    count = rng.poisson(min(parameters.missing_rate, 0.4) * frames * keypoints / mean)
    large = np.argwhere(error > np.quantile(error, 0.95))
    for _ in range(count):
        if len(large) and rng.random() < 0.3:
            t, k = (int(i) for i in large[rng.integers(len(large))])
        else:
            t, k = int(rng.integers(frames)), int(rng.integers(keypoints))
        length = max(1, round(mean * np.exp(0.9 * rng.normal() - 0.4)))
        missing[t : t + length, k] = True
    return missing
