"""Quick movements come back, outliers and noise stay away."""

from __future__ import annotations

import numpy as np

from pose_smoother.pretrained.transitions import restore_transitions


def _still_with_noise() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(120, 3, 2))


def test_a_movement_that_was_lost_comes_back() -> None:
    filled = _still_with_noise()
    filled[60:, 1, 0] += 80.0
    smooth = np.zeros_like(filled)
    restored = restore_transitions(filled, smooth)
    np.testing.assert_allclose(restored[70:, 1, 0], 80.0, atol=5.0)


def test_a_short_burst_stays_away() -> None:
    filled = _still_with_noise()
    filled[60:63, 1, 0] += 80.0
    restored = restore_transitions(filled, np.zeros_like(filled))
    assert np.abs(restored[:, 1]).max() < 3.0


def test_noise_is_not_given_back() -> None:
    filled = _still_with_noise()
    restored = restore_transitions(filled, np.zeros_like(filled))
    assert np.abs(restored).mean() < 0.05 * np.abs(filled).mean()
