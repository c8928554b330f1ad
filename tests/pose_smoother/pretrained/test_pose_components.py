"""Components of a pose: what keypoints do together stays, what one does alone is lowered."""

from __future__ import annotations

import numpy as np
import pytest

from pose_smoother.pretrained.pose_components import shrink_components

UNIT = np.full(8, 2.0)


def _motion() -> np.ndarray:
    """Eight keypoints that follow two common movements, far larger than the noise."""
    rng = np.random.default_rng(3)
    t = np.arange(300)[:, None, None]
    common = 60.0 * np.concatenate([np.sin(t / 11.0), np.cos(t / 29.0)], 2)
    return common @ rng.normal(size=(8, 2, 2)).transpose(1, 0, 2).reshape(2, 16)[None]


def _pose(flat: np.ndarray) -> np.ndarray:
    return flat.reshape(300, 8, 2) + 500.0


def _slow_noise(deviation: float) -> np.ndarray:
    noise = np.random.default_rng(4).normal(size=(300, 8, 2))
    for t in range(1, 300):
        noise[t] = 0.9 * noise[t - 1] + np.sqrt(1 - 0.81) * noise[t]
    return deviation * noise


def test_independent_slow_noise_falls_and_common_motion_stays() -> None:
    clean = _pose(_motion())
    noisy = clean + _slow_noise(1.0)
    found = shrink_components(noisy, UNIT)
    assert np.abs(found - clean).mean() < 0.8 * np.abs(noisy - clean).mean()
    kept = shrink_components(clean, UNIT)
    assert np.abs(kept - clean).mean() < 0.2 * np.abs(noisy - clean).mean()


def test_a_body_that_stands_still_stays() -> None:
    still = np.zeros((300, 8, 2))
    np.testing.assert_array_equal(shrink_components(still, 0.0 * UNIT), still)


def test_noise_of_no_size_changes_nothing() -> None:
    noisy = _pose(_motion()) + _slow_noise(1.0)
    np.testing.assert_allclose(shrink_components(noisy, 1e-6 * UNIT), noisy, atol=1e-6)


def test_place_scale_and_order_of_keypoints_do_not_matter() -> None:
    noisy, order = _pose(_motion()) + _slow_noise(1.0), np.array([3, 1, 0, 7, 5, 2, 6, 4])
    unit = UNIT * np.linspace(0.5, 1.5, 8)
    found = shrink_components(noisy, unit)
    again = shrink_components(0.1 * noisy[:, order] - 20.0, 0.1 * unit[order])
    np.testing.assert_allclose(again, 0.1 * found[:, order] - 20.0, atol=1e-9)


@pytest.mark.parametrize("n_keypoints", [1, 2])
def test_few_keypoints_stay(n_keypoints: int) -> None:
    noisy = (_pose(_motion()) + _slow_noise(1.0))[:, :n_keypoints]
    np.testing.assert_array_equal(shrink_components(noisy, UNIT[:n_keypoints]), noisy)
