"""Filters of windows against scipy or numpy, and their definitions where frames are missing."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.signal import savgol_filter

from pose_smoother.filters.gaussian import smooth_windows as gaussian
from pose_smoother.filters.identity import smooth_windows as identity
from pose_smoother.filters.mean import smooth_windows as mean
from pose_smoother.filters.median import smooth_windows as median
from pose_smoother.filters.one_euro import smooth_windows as one_euro
from pose_smoother.filters.savgol import smooth_windows as savgol


def positions(n_frames=5, share_missing=0.0, seed=0):
    """Noisy windows float32 (30, T, 4, 2); a share of the keypoints is NaN."""
    rng = np.random.default_rng(seed)
    noisy = rng.uniform(0, 55, (30, n_frames, 4, 2)).astype(np.float32)
    noisy[rng.random(noisy.shape[:3]) < share_missing] = np.nan
    return noisy


def by_series(noisy, smooth):
    """Apply ``smooth`` (times, values) -> values to the annotated frames of every series."""
    out = np.full(noisy.shape, np.nan)
    for n, k, axis in np.ndindex(noisy.shape[0], *noisy.shape[2:]):
        there = np.flatnonzero(np.isfinite(noisy[n, :, k, axis]))
        out[n, there, k, axis] = smooth(there, noisy[n, there, k, axis].astype(float))
    return out


def test_identity_is_a_copy():
    noisy = positions(share_missing=0.3)
    out = identity(noisy)
    np.testing.assert_array_equal(out, noisy)
    assert not np.shares_memory(out, noisy)


def test_mean_is_the_windows_mean_in_every_frame():
    noisy = positions(share_missing=0.3)
    expected = by_series(noisy, lambda t, x: np.full(len(x), x.mean() if len(x) else 0.0))
    np.testing.assert_allclose(mean(noisy), expected, rtol=1e-6)


@pytest.mark.parametrize("sigma_frames", [0.5, 1.5, 5.0])
def test_gaussian(sigma_frames):
    noisy = positions(share_missing=0.3)

    def smooth(t, x):
        weights = np.exp(-((t[:, None] - t) ** 2) / (2 * sigma_frames**2))
        return weights @ x / weights.sum(axis=1)

    np.testing.assert_allclose(
        gaussian(noisy, sigma_frames=sigma_frames), by_series(noisy, smooth), rtol=1e-5
    )
    whole = positions()
    options = {"sigma": sigma_frames, "axis": 1, "mode": "constant", "radius": 4}
    above = gaussian_filter1d(whole.astype(float), **options)
    below = gaussian_filter1d(np.ones(whole.shape), **options)
    np.testing.assert_allclose(gaussian(whole, sigma_frames=sigma_frames), above / below, rtol=1e-5)


@pytest.mark.parametrize("width_frames", [3, 5, 9])
def test_median(width_frames):
    noisy = positions(share_missing=0.3)
    half = width_frames // 2
    expected = by_series(
        noisy, lambda t, x: np.array([np.median(x[abs(t - at) <= half]) for at in t])
    )
    np.testing.assert_allclose(median(noisy, width_frames=width_frames), expected, rtol=1e-6)


@pytest.mark.parametrize("n_frames", [5, 9])
@pytest.mark.parametrize(("width_frames", "polyorder"), [(3, 1), (5, 1), (5, 2), (5, 3)])
def test_savgol_equals_scipy_when_nothing_is_missing(n_frames, width_frames, polyorder):
    noisy = positions(n_frames)
    expected = savgol_filter(noisy.astype(float), width_frames, polyorder, axis=1, mode="interp")
    found = savgol(noisy, width_frames=width_frames, polyorder=polyorder)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(("n_frames", "width_frames", "polyorder"), [(5, 5, 2), (9, 5, 1)])
def test_savgol_fits_the_frames_that_are_there(n_frames, width_frames, polyorder):
    noisy = positions(n_frames, share_missing=0.4)

    def smooth(t, x):
        out = []
        for at in t:
            start = np.clip(at - width_frames // 2, 0, n_frames - width_frames)
            near = (t >= start) & (t < start + width_frames)
            order = min(polyorder, near.sum() - 1)
            # A domain is given: NumPy 1.26 divides by zero where a single frame spans none.
            fit = np.polynomial.Polynomial.fit(t[near] - at, x[near], order, [-n_frames, n_frames])
            out.append(fit(0.0))
        return np.array(out)

    found = savgol(noisy, width_frames=width_frames, polyorder=polyorder)
    np.testing.assert_allclose(found, by_series(noisy, smooth), atol=1e-3)


def test_savgol_refuses_a_window_that_is_too_short():
    with pytest.raises(ValueError, match="can't fit 7 frames of a window of 5"):
        savgol(positions(), width_frames=7, polyorder=2)


@pytest.mark.parametrize("beta", [0.0, 0.05])
def test_one_euro_follows_the_papers_algorithm(beta):
    min_cutoff, speed_cutoff = 0.1, 0.04

    def share(cutoff, elapsed):
        return 1 / (1 + 1 / (2 * math.pi * cutoff) / elapsed)

    def smooth(times, values):
        out = []
        for i, (t, x) in enumerate(zip(times, values, strict=True)):
            if i == 0:
                estimate, speed = x, 0.0
            else:
                elapsed = t - times[i - 1]
                a = share(speed_cutoff, elapsed)
                speed = a * (x - estimate) / elapsed + (1 - a) * speed
                a = share(min_cutoff + beta * abs(speed), elapsed)
                estimate = a * x + (1 - a) * estimate
            out.append(estimate)
        return out

    noisy = positions(9, share_missing=0.4)
    found = one_euro(
        noisy,
        min_cutoff_per_frame=min_cutoff,
        beta_per_px=beta,
        speed_cutoff_per_frame=speed_cutoff,
    )
    np.testing.assert_allclose(found, by_series(noisy, smooth), rtol=1e-4)
