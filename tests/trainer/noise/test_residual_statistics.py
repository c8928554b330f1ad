"""The statistics of residuals, on residuals that are made up by hand."""

import numpy as np
import pytest

from trainer.noise.residual_statistics import residual_statistics


def made(n_frames=40, seed=0):
    """(noisy, reference), (T, 3, 2): keypoint 0 has bursts, keypoint 1 gaps, keypoint 2 neither."""
    rng = np.random.default_rng(seed)
    reference = rng.uniform(0, 100, (n_frames, 3, 2))
    noisy = reference + rng.uniform(-1, 1, reference.shape) + [3.0, 4.0]
    noisy[5:8, 0] += (60.0, 80.0)
    noisy[20, 0] += (60.0, 80.0)
    noisy[:4, 1] = np.nan
    return noisy, reference


def test_sizes_rates_and_bursts_are_what_was_put_in():
    noisy, reference = made()
    found = residual_statistics(noisy, reference, size=10.0)
    medians = [
        np.median((noisy - reference)[np.isfinite(noisy[:, k, 0]), k], axis=0) for k in range(3)
    ]
    offset = np.linalg.norm(medians, axis=1).mean() / 10
    assert found.offset == pytest.approx(offset)
    assert found.outlier_rate == pytest.approx(4 / 116)
    assert found.outlier_size == pytest.approx(10, abs=0.4)
    assert found.burst_frames == pytest.approx(2.0)
    assert found.missing_rate == pytest.approx(4 / 120)
    spread = [np.nanmedian(np.abs(noisy[:, k] - reference[:, k] - medians[k])) for k in range(3)]
    assert found.sd == pytest.approx(1.4826 * np.median(spread) / 10)


def test_the_correlation_is_of_clipped_residuals_at_four_lags():
    rng = np.random.default_rng(1)
    error = np.cumsum(rng.normal(0, 1, (60, 2, 2)), axis=0)
    error[30] += 1000.0  # counts as five standard deviations
    error -= np.median(error, axis=0)
    sd = 1.4826 * np.median(np.abs(error), axis=(0, 2))
    clipped = np.clip(error / sd[:, None], -5, 5)
    wanted = [
        (clipped[lag:] * clipped[:-lag]).mean() / (clipped**2).mean() for lag in (1, 2, 5, 10)
    ]
    found = residual_statistics(error, np.zeros_like(error), size=1.0)
    assert found.correlation == pytest.approx(tuple(wanted))


def test_keypoints_with_ten_points_or_fewer_are_left_out():
    noisy, reference = made()
    noisy[10:, 2] = np.nan
    only = residual_statistics(noisy[:, :2], reference[:, :2], 10.0)
    assert residual_statistics(noisy, reference, 10.0).offset == only.offset
    noisy[10, 2] = reference[10, 2]
    assert residual_statistics(noisy, reference, 10.0).offset != only.offset


def test_without_an_outlier_sizes_are_zero():
    rng = np.random.default_rng(2)
    noisy = rng.uniform(-1, 1, (30, 2, 2))
    found = residual_statistics(noisy, np.zeros_like(noisy), 1.0)
    assert (found.outlier_rate, found.outlier_size, found.burst_frames) == (0.0, 0.0, 0.0)
