"""Windows through filters of tracks, and the penalty that all windows choose together."""

from functools import partial

import numpy as np
import pytest

from pose_smoother.filters import filter_module, window_runs
from pose_smoother.filters.base import Run
from pose_smoother.filters.cubic_smoother import Solution, hat_matrix
from pose_smoother.filters.gcv_spline import cross_validation, fit_windows
from pose_smoother.filters.window_runs import smooth_as_runs

POINTS = {
    "butterworth": {"cutoff_per_frame": 0.15, "order": 2},
    "kalman": {"noise_ratio": 0.1},
    "hampel": {"width_frames": 5, "n_sigmas": 2.0},
    "gcv-spline": {"penalty": 4.0},
}


def noisy_windows(n=6, n_frames=9, missing=0.2, sigma_px=3.0, seed=0):
    """(noisy, truth), float32 (n, T, 4, 2): lines with noise, some missing."""
    rng = np.random.default_rng(seed)
    start, speed = rng.uniform(10, 40, (2, n, 1, 4, 2))
    truth = start + 0.02 * speed * np.arange(n_frames)[:, None, None]
    noisy = truth + rng.normal(0, sigma_px, truth.shape)
    noisy[rng.random(truth.shape[:3]) < missing] = np.nan
    return noisy.astype(np.float32), truth.astype(np.float32)


@pytest.mark.parametrize("name", POINTS)
def test_windows_are_smoothed_as_tracks_of_their_own(name):
    noisy, _ = noisy_windows()
    module, params = filter_module(name), POINTS[name]
    found = module.smooth_windows(noisy, **params)
    of_run = {key.replace("cutoff_per_frame", "cutoff_hz"): v for key, v in params.items()}
    for window, smoothed in zip(noisy, found, strict=True):
        run = Run(window.astype(np.float64), size=1.0, fps=1.0)
        expected = np.where(run.present[..., None], module.smooth_run(run, **of_run), np.nan)
        np.testing.assert_allclose(smoothed, expected, atol=1e-4)
    assert (found != noisy).any()


def test_a_position_that_a_filter_does_not_find_stays():
    noisy, _ = noisy_windows()
    found = smooth_as_runs(noisy, lambda run: np.full_like(run.positions, np.nan))
    np.testing.assert_array_equal(found, noisy)


def test_many_windows_are_smoothed_in_chunks_of_unit_size_and_rate(monkeypatch):
    monkeypatch.setattr(window_runs, "_CHUNK_WINDOWS", 2)
    noisy, _ = noisy_windows(n=5, missing=0.0)
    seen = []

    def shifted(run):
        seen.append((run.size, run.fps, run.positions.shape))
        return run.positions + 1

    np.testing.assert_allclose(smooth_as_runs(noisy, shifted), noisy + 1)
    assert seen == [(1.0, 1.0, (9, 8, 2))] * 2 + [(1.0, 1.0, (9, 4, 2))]


@pytest.mark.parametrize("known", ["11111", "10111", "11011", "01110"])
def test_the_hat_matrix_gives_the_solutions_positions(known):
    at = np.array([c == "1" for c in known])
    values = np.full((5, 2), np.nan)
    values[at] = np.random.default_rng(3).normal(0, 1, (at.sum(), 2))
    inside = values[np.flatnonzero(at)[0] : np.flatnonzero(at)[-1] + 1]
    expected = Solution(inside, 0.3).positions[np.isfinite(inside[:, 0])]
    np.testing.assert_allclose(hat_matrix(at, 0.3) @ values[at], expected, atol=1e-10)


def waves(sigma_px, n=60, seed=5):
    """(noisy, truth), float32 (n, 9, 1, 2): one wave a window."""
    rng = np.random.default_rng(seed)
    truth = 8 * np.sin(np.arange(9) + rng.uniform(0, 6, (n, 1)))[..., None, None]
    truth = np.broadcast_to(truth, (n, 9, 1, 2))
    return (truth + rng.normal(0, sigma_px, truth.shape)).astype(np.float32), truth


def test_all_windows_choose_the_penalty_that_cross_validation_by_series_does():
    noisy, truth = waves(2.0, n=30)
    noisy[np.random.default_rng(6).random(noisy.shape[:3]) < 0.2] = np.nan
    penalty = fit_windows(noisy, truth)().keywords["penalty"]
    parts = [
        series[known[0] : known[-1] + 1]
        for series in noisy[:, :, 0].astype(np.float64)
        if len(known := np.flatnonzero(np.isfinite(series[:, 0]))) >= 3
    ]
    loss = partial(cross_validation, parts)
    assert loss(1 / penalty) <= min(loss(1 / (penalty * factor)) for factor in (0.8, 1.25))
    assert fit_windows(noisy, truth + 5)().keywords["penalty"] == penalty  # truth is not read


def test_more_noise_chooses_a_stronger_penalty():
    weak, strong = (fit_windows(*waves(s))().keywords["penalty"] for s in (0.3, 8.0))
    assert weak < strong
