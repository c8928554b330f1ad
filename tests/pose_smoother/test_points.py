"""Known points and lengths, equal to NumPy's reductions bit for bit."""

import numpy as np
import pytest

from pose_smoother.points import known_points, lengths, points_within


@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_as_numpy_bit_for_bit(n_axes):
    values = np.random.default_rng(n_axes).normal(size=(50, 7, n_axes)) * 1e3
    values[::5, 3, -1] = np.nan
    values[1, 2, 0] = np.inf
    assert np.array_equal(known_points(values), np.isfinite(values).all(axis=-1))
    norm = np.linalg.norm(values, axis=-1)
    assert lengths(values).tobytes() == norm.tobytes()


def test_a_point_is_within_where_every_axis_is() -> None:
    positions = np.array([[1.0, -2.0], [1.0, 3.0], [-3.0, 1.0], [np.nan, 0.0], [0.0, -np.inf]])
    assert points_within(positions, 2.0).tolist() == [True, False, False, False, False]
