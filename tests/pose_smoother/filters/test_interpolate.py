"""Missing positions on the line between their neighbours."""

import numpy as np

from pose_smoother.filters.interpolate import interpolate_missing


def windows(share_missing, n_frames=5, seed=0):
    rng = np.random.default_rng(seed)
    noisy = rng.uniform(0, 55, (200, n_frames, 6, 2)).astype(np.float32)
    wanted = rng.random((200, n_frames, 6)) < 0.8
    noisy[~wanted | (rng.random(wanted.shape) < share_missing)] = np.nan
    return noisy, wanted


def test_where_wanted_a_missing_position_is_on_the_line_or_in_the_middle():
    noisy, wanted = windows(0.5)
    found = interpolate_missing(noisy, wanted=wanted, unseen="middle")
    assert (np.isfinite(found).all(axis=-1) == wanted).all()
    time = np.arange(5)
    for n, k, axis in np.ndindex(200, 6, 2):
        series, asked = noisy[n, :, k, axis], wanted[n, :, k]
        there = np.isfinite(series)
        line = np.interp(time, time[there], series[there]) if there.any() else np.full(5, 27.5)
        np.testing.assert_allclose(found[n, asked, k, axis], line[asked], rtol=1e-6)


def test_a_keypoint_that_is_nowhere_in_its_window_stays_missing_if_so_asked():
    noisy, _ = windows(0.6)
    found = interpolate_missing(noisy)
    time = np.arange(5)
    for n, k, axis in np.ndindex(200, 6, 2):
        series = noisy[n, :, k, axis]
        there = np.isfinite(series)
        line = np.interp(time, time[there], series[there]) if there.any() else np.full(5, np.nan)
        np.testing.assert_allclose(found[n, :, k, axis], line, rtol=1e-5, atol=1e-6)


def test_what_is_there_stays_bit_for_bit():
    noisy, wanted = windows(0.0)
    found = interpolate_missing(noisy, wanted=wanted, unseen="middle")
    np.testing.assert_array_equal(found, noisy)
    everywhere = np.nan_to_num(noisy)
    np.testing.assert_array_equal(interpolate_missing(everywhere), everywhere)
