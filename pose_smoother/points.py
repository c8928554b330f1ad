"""Points of arrays (..., axes): which are known, how far they are apart.

As NumPy's reductions over the last axis, bit for bit, which are slow on an axis of two.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def known_points(positions: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Where a point has a finite number on every axis: ``np.isfinite(positions).all(axis=-1)``."""
    if positions.flags.c_contiguous:  # mostly all are known, which one pass shows
        with np.errstate(invalid="ignore", over="ignore"):
            if np.isfinite(positions.sum()):
                return np.ones(positions.shape[:-1], bool)
    found = np.isfinite(positions[..., 0])
    for axis in range(1, positions.shape[-1]):
        found &= np.isfinite(positions[..., axis])
    return np.asarray(found)


def points_within(positions: NDArray[np.floating], farthest: float) -> NDArray[np.bool_]:
    """Where no coordinate of a point is farther from zero than ``farthest``; false for NaN."""
    if positions.flags.c_contiguous and positions.size:  # mostly all are
        with np.errstate(invalid="ignore"):
            if -farthest <= positions.min() and positions.max() <= farthest:
                return np.ones(positions.shape[:-1], bool)
    found = np.abs(positions[..., 0]) <= farthest
    for axis in range(1, positions.shape[-1]):
        found &= np.abs(positions[..., axis]) <= farthest
    return np.asarray(found)


def lengths(differences: Floats) -> Floats:
    """The length of each vector: ``np.linalg.norm(differences, axis=-1)``."""
    squares = differences[..., 0] ** 2
    for axis in range(1, differences.shape[-1]):
        squares += differences[..., axis] ** 2
    return np.asarray(np.sqrt(squares))
