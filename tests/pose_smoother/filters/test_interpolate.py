"""Holes of a detector's output, filled for smoothers."""

import numpy as np

from pose_smoother.filters.interpolate import filled


def windows(share_missing, n_frames=5, seed=0):
    rng = np.random.default_rng(seed)
    noisy = rng.uniform(0, 55, (200, n_frames, 6, 2)).astype(np.float32)
    wanted = rng.random((200, n_frames, 6)) < 0.8
    noisy[~wanted | (rng.random(wanted.shape) < share_missing)] = np.nan
    return noisy, wanted


def test_holes_are_on_the_line_between_their_neighbours():
    noisy, wanted = windows(0.5)
    found = filled(noisy, wanted)
    assert (np.isfinite(found).all(axis=-1) == wanted).all()
    time = np.arange(5)
    for n, k, axis in np.ndindex(200, 6, 2):
        series, asked = noisy[n, :, k, axis], wanted[n, :, k]
        there = np.isfinite(series)
        line = np.interp(time, time[there], series[there]) if there.any() else np.full(5, 27.5)
        np.testing.assert_allclose(found[n, asked, k, axis], line[asked], rtol=1e-6)


def test_what_is_there_stays_bit_for_bit():
    noisy, wanted = windows(0.0)
    np.testing.assert_array_equal(filled(noisy, wanted), noisy)
