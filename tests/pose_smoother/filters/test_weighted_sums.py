"""Weighted sums of the frames around each frame, against their definition as a loop."""

import numpy as np
import pytest

from pose_smoother.filters.weighted_sums import weighted_sums


def by_loop(values, weights):
    out, r = np.zeros_like(values), len(weights) // 2
    for t in range(len(values)):
        for lag in range(-r, r + 1):
            if 0 <= t + lag < len(values):
                out[t] += weights[lag + r] * values[t + lag]
    return out


@pytest.mark.parametrize("n_frames", [0, 1, 7, 31, 32, 33, 150, 400])
@pytest.mark.parametrize("reach", [0, 1, 6, 20, 70])
@pytest.mark.parametrize("shape", [(), (3, 1), (4, 2)])
def test_sums_are_those_of_a_loop(n_frames, reach, shape):
    rng = np.random.default_rng(n_frames + reach)
    values, weights = rng.normal(size=(n_frames, *shape)), rng.normal(size=2 * reach + 1)
    found = weighted_sums(values, weights)
    np.testing.assert_allclose(found, by_loop(values, weights), atol=1e-12)


def test_keypoints_that_are_not_next_to_each_other_in_memory():
    values = np.random.default_rng(0).normal(size=(200, 9, 2))[:, 2:7]
    weights = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(weighted_sums(values, weights), by_loop(values, weights), atol=1e-12)
