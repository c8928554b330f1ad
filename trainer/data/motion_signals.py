"""Smooth signals over time that drive the joints of synthetic individuals.

Time is counted in samples of the pool; no signal has content faster than a period of about 30
samples, so clips may be read from the pool at up to several samples a frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

Floats = NDArray[np.float64]
SHORTEST_PERIOD = 32.0


def gait(rng: np.random.Generator, samples: int, joints: int) -> Floats:
    """Periodic movement of all joints at one pace, float64 (samples, joints), amplitude about 1.

    The phase runs unevenly, so that a swing may be fast and a stance slow; the pace wanders.
    """
    period = SHORTEST_PERIOD * np.exp(rng.uniform(0.3, 2.2))
    wander = 0.15 * smooth_noise(rng, samples, 1, 4 * period)[:, 0]
    phase = np.cumsum(2 * np.pi / period * (1.0 + wander))[:, None]
    side = rng.choice([0.0, np.pi], size=joints) + 0.4 * rng.normal(size=joints)
    skew = rng.uniform(-0.8, 0.8, size=joints)
    angle = phase + side
    angle = angle + skew * np.sin(angle + rng.uniform(0, 2 * np.pi, joints))
    second = 0.3 * rng.normal(size=joints)
    out = np.sin(angle) + second * np.sin(2 * angle + rng.uniform(0, 2 * np.pi, joints))
    bounce = rng.random(joints) < 0.15  # a foot that strikes the ground, a hand that claps
    out[:, bounce] = 2.0 * np.abs(np.sin(angle[:, bounce] / 2)) - 1.0
    return gaussian_filter1d(out, 2.5, axis=0, mode="nearest")


def reaches(rng: np.random.Generator, samples: int, joints: int) -> Floats:
    """Minimum-jerk movements between random postures with rests, float64 (samples, joints)."""
    out = np.empty((samples, joints))
    together = rng.random() < 0.5
    rest = float(np.exp(rng.uniform(np.log(10.0), np.log(400.0))))
    duration = SHORTEST_PERIOD * np.exp(rng.uniform(-0.2, 1.6))
    shared = _reach_times(rng, samples, rest, duration)
    for j in range(joints):
        times = shared if together else _reach_times(rng, samples, rest, duration)
        out[:, j] = _minimum_jerk(rng, samples, times)
    return out


def gestures(
    rng: np.random.Generator, samples: int, joints: int, movable: NDArray[np.intp]
) -> Floats:
    """Quick movements of single joints between long rests, float64 (samples, joints * 3).

    One to five of the `movable` joints move, the others are 0; half of the movements return to
    where they began. A hand that signs looks like this, and may not be counted as outliers.
    """
    out = np.zeros((samples, joints, 3))
    for j in rng.permutation(movable)[: int(rng.integers(1, 6))]:
        rest = float(np.exp(rng.uniform(np.log(10.0), np.log(300.0))))
        duration = SHORTEST_PERIOD * float(np.exp(rng.uniform(-0.9, 0.6)))
        times = _reach_times(rng, samples, rest, duration)
        if rng.random() < 0.5:
            times = [(t + i * length, length) for t, length in times for i in range(2)]
        for c in range(3):
            out[:, j, c] = _minimum_jerk(rng, samples, times, returns=len(times) % 2 == 0)
    return out.reshape(samples, joints * 3)


def _reach_times(
    rng: np.random.Generator, samples: int, rest: float, duration: float
) -> list[tuple[float, float]]:
    times, t = [], -float(rng.exponential(rest))
    while t < samples:
        length = duration * float(np.exp(0.4 * rng.normal()))
        times.append((t, length))
        t += length + float(rng.exponential(rest))
    return times


def _minimum_jerk(
    rng: np.random.Generator,
    samples: int,
    times: list[tuple[float, float]],
    returns: bool = False,
) -> Floats:
    out = np.zeros(samples)
    home = now = float(rng.normal())
    out += now
    for i, (start, length) in enumerate(times):
        goal = home if returns and i % 2 else float(rng.normal())
        first = max(int(np.floor(start)), 0)
        s = np.clip((np.arange(first, samples) - start) / length, 0.0, 1.0)
        out[first:] += (goal - now) * s**3 * (10.0 - 15.0 * s + 6.0 * s**2)
        now = goal
    return out


def smooth_noise(rng: np.random.Generator, samples: int, joints: int, width: float) -> Floats:
    """Gaussian-filtered white noise of unit variance, float64 (samples, joints)."""
    step = max(1, int(width / 8))
    sigma = width / step
    edge = int(4 * sigma) + 1
    coarse = rng.normal(size=(samples // step + 4 + 2 * edge, joints))
    coarse = gaussian_filter1d(coarse, sigma, axis=0)[edge:-edge]
    coarse *= np.sqrt(2.0 * np.sqrt(np.pi) * max(sigma, 0.3))
    if step == 1:
        return coarse[:samples]
    return read_at(coarse, (np.arange(samples) + 1.0) / step + 0.5)


def rough_movement(rng: np.random.Generator, samples: int, joints: int) -> Floats:
    """Movement whose power falls with the 4th or 6th power of the frequency, unit variance.

    Real movement is not as smooth as a minimum jerk: forces change at once, so its spectrum has a
    power law up to several Hz. Float64 (samples, joints).
    """
    slow = float(np.exp(rng.uniform(np.log(20.0), np.log(300.0))))
    fast = float(np.exp(rng.uniform(np.log(6.0), np.log(30.0))))
    out = rng.normal(size=(samples + 600, joints))
    for tau in (slow, fast, fast)[: int(rng.integers(2, 4))]:
        out = lfilter([1.0], [1.0, -np.exp(-1.0 / tau)], out, axis=0)
    out = gaussian_filter1d(out[600:], 2.5, axis=0, mode="nearest")
    return out / (out.std() + 1e-9)


def read_at(values: NDArray, position: Floats) -> Floats:
    """Cubic (Catmull-Rom) interpolation of `values` (N, ...) at fractional positions (M,)."""
    position = np.clip(position, 0, len(values) - 1)
    low = np.clip(position.astype(np.intp), 1, len(values) - 3)
    u = (position - low).reshape((-1,) + (1,) * (values.ndim - 1))
    a, b, c, d = values[low - 1], values[low], values[low + 1], values[low + 2]
    linear = 0.5 * (c - a)
    square = a - 2.5 * b + 2.0 * c - 0.5 * d
    cube = 0.5 * (d - a) + 1.5 * (b - c)
    return b + u * (linear + u * (square + u * cube))


def activity(rng: np.random.Generator, samples: int, joints: int) -> Floats:
    """How much each joint moves over time, 0 (still) to 1, float64 (samples, joints)."""
    width = SHORTEST_PERIOD * np.exp(rng.uniform(0.5, 2.5))
    bias = rng.normal(size=(1, joints)) + rng.normal()
    raw = 1.5 * smooth_noise(rng, samples, joints, width) + bias
    return 1.0 / (1.0 + np.exp(-3.0 * raw))
