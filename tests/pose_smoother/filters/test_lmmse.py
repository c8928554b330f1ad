"""The linear estimator against the optimum where that is known in closed form."""

import numpy as np

from pose_smoother.filters.lmmse import fit
from pose_smoother.filters.mean import smooth_windows as mean

N_FRAMES, N_KEYPOINTS, NOISE_PX = 3, 2, 3.0
SIZE = N_FRAMES * N_KEYPOINTS * 2


def world(n, seed, share_missing=0.0):
    """Gaussian (noisy, truth, prior mean, prior covariance) of known law."""
    law = np.random.default_rng(7)
    mix = law.normal(0, 4, (SIZE, 5))
    prior_mean, prior = law.uniform(20, 35, SIZE), mix @ mix.T + 0.5 * np.eye(SIZE)
    rng = np.random.default_rng(seed)
    truth = rng.multivariate_normal(prior_mean, prior, n, method="cholesky")
    truth = truth.reshape(n, N_FRAMES, N_KEYPOINTS, 2).astype(np.float32)
    noisy = (truth + rng.normal(0, NOISE_PX, truth.shape)).astype(np.float32)
    missing = rng.random(truth.shape[:3]) < share_missing
    truth[missing] = noisy[missing] = np.nan
    return noisy, truth, prior_mean, prior


def squared_error(a, b):
    return float(np.nanmean((a - b) ** 2))


def test_it_is_the_linear_optimum_when_nothing_is_missing():
    noisy, truth, prior_mean, prior = world(20_000, seed=0)
    estimator = fit(noisy, truth).estimator(ridge_windows=1.0)
    test, clean, *_ = world(500, seed=1)
    gain = prior @ np.linalg.inv(prior + NOISE_PX**2 * np.eye(SIZE))
    best = prior_mean + (test.reshape(500, SIZE) - prior_mean) @ gain.T
    np.testing.assert_allclose(estimator(test).reshape(500, SIZE), best, atol=0.35)
    attainable = np.trace(prior - gain @ prior) / SIZE
    assert squared_error(estimator(test), clean) < 1.1 * attainable
    assert squared_error(test, clean) > 2 * attainable


def test_missing_entries_stay_missing_and_the_rest_is_still_smoothed():
    noisy, truth, *_ = world(20_000, seed=2, share_missing=0.2)
    estimator = fit(noisy, truth).estimator(ridge_windows=1.0)
    test, clean, *_ = world(1_000, seed=3, share_missing=0.2)
    found = estimator(test)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(test))
    assert squared_error(found, clean) < 0.2 * squared_error(mean(test), clean)
    assert squared_error(found, clean) < 0.7 * squared_error(test, clean)


def test_whole_windows_are_counted_once_like_the_others():
    """Windows with nothing missing take a shortcut in ``fit``; the sums must not tell."""
    noisy, truth, *_ = world(60, seed=4, share_missing=0.03)
    moments = fit(noisy, truth)
    present = np.isfinite(noisy[..., 0]).reshape(60, -1)
    assert 0 < present.all(axis=1).sum() < 60
    # The constant feature's square counts the windows in which each entry is annotated.
    np.testing.assert_allclose(moments.gram[:, -1, -1], present.sum(axis=0))


def test_pieces_do_not_matter(monkeypatch):
    noisy, truth, *_ = world(100, seed=5, share_missing=0.2)
    whole = fit(noisy, truth).estimator(ridge_windows=10.0)(noisy)
    monkeypatch.setattr("pose_smoother.filters.lmmse._CHUNK", 7)
    pieces = fit(noisy, truth).estimator(ridge_windows=10.0)(noisy)
    np.testing.assert_allclose(pieces, whole, atol=1e-4)


def test_a_keypoint_never_seen_falls_back_to_its_mean():
    noisy, truth, *_ = world(200, seed=6)
    partly, partly_true = noisy.copy(), truth.copy()
    partly[:, :, 1] = partly_true[:, :, 1] = np.nan
    estimator = fit(partly, partly_true).estimator(ridge_windows=10.0)
    found = estimator(noisy)
    np.testing.assert_array_equal(found[:, :, 1], mean(noisy)[:, :, 1])
    assert squared_error(found[:, :, 0], mean(noisy)[:, :, 0]) > 0.1


def test_a_large_ridge_or_no_training_windows_gives_the_mean():
    noisy, truth, *_ = world(50, seed=8, share_missing=0.1)
    shrunk = fit(noisy, truth).estimator(ridge_windows=1e12)(noisy)
    np.testing.assert_allclose(shrunk, mean(noisy), atol=1e-3)
    untrained = fit(noisy[:0], truth[:0]).estimator(ridge_windows=1.0)(noisy)
    np.testing.assert_array_equal(untrained, mean(noisy))


def test_what_is_annotated_gives_positions():
    """The box is cut around the annotated keypoints: without one, all others lie elsewhere."""
    rng = np.random.default_rng(10)
    without = rng.random(5_000) < 0.5
    truth = np.full((5_000, N_FRAMES, N_KEYPOINTS, 2), 20.0, np.float32)
    truth[without] = 30.0
    truth[without, :, 1] = np.nan
    noisy = (truth + rng.normal(0, NOISE_PX, truth.shape)).astype(np.float32)
    found = fit(noisy, truth).estimator(ridge_windows=1.0)(noisy)
    assert squared_error(found, truth) < 0.1


def test_memory_layout_does_not_matter():
    noisy, truth, *_ = world(50, seed=9)
    estimator = fit(noisy, truth).estimator(ridge_windows=1.0)
    turned = np.ascontiguousarray(noisy.transpose(2, 1, 0, 3)).transpose(2, 1, 0, 3)
    np.testing.assert_array_equal(estimator(turned), estimator(noisy))
