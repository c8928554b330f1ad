"""Intervals: a resample's parameters are what fitting it again would give."""

import numpy as np
import pytest

from tests.trainer.calibrate.test_mixture import made
from trainer.calibrate.intervals import resampled_params, share_interval
from trainer.calibrate.mixture import Unit, fit
from trainer.metrics.bootstrap import resamples


def test_one_step_is_near_a_new_fit():
    n_videos, n_frames = 30, 200
    unit, _ = made(n_videos * n_frames, outliers=0.08, swapped=0.05)
    video = np.repeat(np.arange(n_videos), n_frames)
    params, free = fit(unit)
    drawn = resamples(n_videos, 400, 0)
    samples = resampled_params(unit, params, free, video, drawn).vector()
    spread = samples.std(axis=0)
    for row in (0, 1):
        chosen = np.repeat(np.arange(n_videos), drawn[row].astype(int))
        rows = (chosen[:, None] * n_frames + np.arange(n_frames)).ravel()
        again, _ = fit(Unit(unit.direct[rows], unit.crossed[rows]))
        moved = np.abs(again.vector() - params.vector())
        assert (moved > 0.3 * spread).sum() > 5  # there is something to get right
        assert (np.abs(again.vector() - samples[row]) < 0.35 * spread).all()


def test_the_spread_of_resamples_is_the_standard_error():
    """Independent frames: the mean's standard error is known."""
    unit, _ = made(6000)
    params, free = fit(unit)
    drawn = resamples(60, 2000, 0)
    samples = resampled_params(unit, params, free, np.repeat(np.arange(60), 100), drawn)
    expected = params.spread / np.sqrt(6000)
    np.testing.assert_allclose(samples.bias.std(axis=0), expected, rtol=0.25)
    expected = params.spread / np.sqrt(2 * 6000)
    np.testing.assert_allclose(samples.spread.std(axis=0), expected, rtol=0.3)


def test_shares_count_videos_with_something_to_count():
    above, below = np.array([1.0, 2.0, 0.0]), np.array([10.0, 10.0, 0.0])
    found = share_interval(above, below, resamples(3, 500, 0))
    assert found.value == pytest.approx(0.15)
    assert found.n_groups == 2
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.2)
