"""Smooth motion: key poses reached at moderate or high speed, with rests, and small wandering."""

import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.body import JOINTS

_SIDES = ("left", "right")
#: How much later than the trunk a joint moves, in seconds: distal limbs are flung after the others.
_LAG_S = {"elbow": 0.05, "knee": 0.03, "shoulder": 0.02, "neck": 0.03}
LAG_S = np.array([_LAG_S.get(joint.split("_")[-1], 0.0) for joint in JOINTS])

Pair = float | tuple[float, float]


def pose(
    tip: float = 0,
    turn: float = 0,
    lean: float = 0,
    twist: float = 0,
    nod: float = 0,
    arms: Pair = 0,
    arms_out: Pair = 8,
    elbows: Pair = 10,
    thighs: Pair = 0,
    thighs_out: Pair = 4,
    knees: Pair = 3,
) -> NDArray[np.float64]:
    """A body pose from anatomical angles in degrees; pairs are (left, right).

    ``tip`` and ``turn`` rotate the whole person (-90 tips it onto its back), ``lean`` and ``twist``
    the trunk, ``nod`` the head; ``arms`` and ``thighs`` are raised to the front and, by their
    ``_out``, to the side; ``elbows`` and ``knees`` bend.

    Returns
    -------
    float64 (11 joints, 3), radians.
    """
    degrees = {"root": (tip, turn, 0.0), "spine": (lean, twist, 0.0), "neck": (nod, 0.0, 0.0)}
    for limb, up, out, bend, joint, direction in (
        ("shoulder", arms, arms_out, elbows, "elbow", -1),
        ("hip", thighs, thighs_out, knees, "knee", 1),
    ):
        for i, (side, outward) in enumerate(zip(_SIDES, (1, -1), strict=True)):
            degrees[f"{side}_{limb}"] = (-_side(up, i), 0.0, outward * _side(out, i))
            degrees[f"{side}_{joint}"] = (direction * _side(bend, i), 0.0, 0.0)
    return np.deg2rad([degrees[joint] for joint in JOINTS])


def _side(value: Pair, i: int) -> float:
    return value[i] if isinstance(value, tuple) else value


def between_key_poses(
    times_s: NDArray[np.float64],
    key_times_s: NDArray[np.float64],
    key_poses: NDArray[np.float64],
    moving: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Minimum-jerk moves from key pose to key pose; limbs follow the trunk with their lags.

    Parameters
    ----------
    times_s : float64 (n,), when the frames are taken.
    key_times_s : float64 (m,), increasing: when each move away from a key pose begins.
    key_poses : float64 (m, 11, 3), radians.
    moving : float64 (m - 1,) in (0, 1], share of the interval spent moving; the rest is a pause.

    Returns
    -------
    float64 (n, 11, 3), radians.

    Source: Flash and Hogan, "The coordination of arm movements", 1985 (minimum jerk).
    """
    at = times_s[:, None] - LAG_S
    i = np.clip(np.searchsorted(key_times_s, at, side="right") - 1, 0, len(moving) - 1)
    duration = np.diff(key_times_s) * moving
    s = np.clip((at - key_times_s[i]) / duration[i], 0, 1)
    s = s**3 * (10 + s * (6 * s - 15))
    joint = np.arange(len(JOINTS))
    start, end = key_poses[i, joint], key_poses[i + 1, joint]
    return start + s[..., None] * (end - start)


def wander(
    generator: np.random.Generator,
    times_s: NDArray[np.float64],
    shape: tuple[int, ...],
    low_hz: float,
    high_hz: float,
    n_waves: int = 3,
) -> NDArray[np.float64]:
    """Band-limited noise of unit variance: a few sines of random frequency and phase.

    Returns
    -------
    float64 (n, *shape); every element of ``shape`` is an independent signal.
    """
    n_signals = int(np.prod(shape))
    rate_hz = np.exp(generator.uniform(np.log(low_hz), np.log(high_hz), (n_waves, n_signals)))
    phase = generator.uniform(0, 2 * np.pi, (n_waves, n_signals))
    waves = np.sin(2 * np.pi * times_s[:, None, None] * rate_hz + phase).sum(axis=1)
    return (waves * np.sqrt(2 / n_waves)).reshape(len(times_s), *shape)
