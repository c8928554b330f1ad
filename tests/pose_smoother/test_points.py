"""Known points and lengths, equal to NumPy's reductions bit for bit."""

import numpy as np
import pytest

from pose_smoother.points import known_points, lengths


@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_as_numpy_bit_for_bit(n_axes):
    values = np.random.default_rng(n_axes).normal(size=(50, 7, n_axes)) * 1e3
    values[::5, 3, -1] = np.nan
    values[1, 2, 0] = np.inf
    assert np.array_equal(known_points(values), np.isfinite(values).all(axis=-1))
    norm = np.linalg.norm(values, axis=-1)
    assert lengths(values).tobytes() == norm.tobytes()
