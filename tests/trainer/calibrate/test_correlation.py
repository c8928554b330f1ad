"""Correlation over frames: right beside outliers, over gaps, and for each lag."""

import numpy as np
import pytest

from trainer.calibrate.correlation import lagged
from trainer.calibrate.mixture import Unit, fit
from trainer.calibrate.pairs import Pairs
from trainer.metrics.bootstrap import resamples


def made(rho, outliers=0.0, n_runs=60, n_frames=200, seed=0):
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal((n_runs, n_frames, 2))
    for t in range(1, n_frames):
        normal[:, t] = rho * normal[:, t - 1] + np.sqrt(1 - rho**2) * normal[:, t]
    wide = rng.random((n_runs, n_frames, 1)) < outliers
    errors = (np.where(wide, 9.0, 2.0) * normal).reshape(-1, 2)
    follows = np.tile(np.arange(n_frames) > 0, n_runs)
    video = np.repeat(np.arange(n_runs), n_frames)
    nothing = np.zeros((0, 25, 2))
    videos = tuple(map(str, range(n_runs)))
    return errors, Pairs(nothing, nothing, nothing, video, videos, follows, np.ones(25, bool))


def measured(errors, pairs, lag=1):
    unit = Unit(errors[:, None], np.full((len(errors), 1, 2), np.nan))
    params, _ = fit(unit)
    drawn = resamples(len(pairs.videos), 500, 0)
    return lagged(errors, np.ones(len(errors)), params, 0, pairs, lag, drawn)


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9, -0.5])
@pytest.mark.parametrize("outliers", [0.0, 0.1])
def test_the_correlation_is_found_whatever_the_outliers(rho, outliers):
    found = measured(*made(rho, outliers))
    assert found.value == pytest.approx(rho, abs=0.02)
    assert found.low - 0.01 < rho < found.high + 0.01
    assert found.high - found.low < 0.06


def test_later_lags_are_powers():
    errors, pairs = made(0.8)
    for lag in (2, 4):
        assert measured(errors, pairs, lag).value == pytest.approx(0.8**lag, abs=0.03)


def test_pairs_across_a_gap_do_not_count():
    errors, pairs = made(0.9)
    pairs.follows[1::2] = False  # no two frames in a row are left
    pairs.follows[2::2] = False
    assert np.isnan(measured(errors, pairs).value)


def test_swapped_frames_do_not_count():
    errors, pairs = made(0.7)
    errors[::10] += 40.0
    certain = np.ones(len(errors))
    certain[::10] = 0.0
    unit = Unit(np.delete(errors, np.s_[::10], 0)[:, None], np.full((10_800, 1, 2), np.nan))
    drawn = resamples(len(pairs.videos), 100, 0)
    found = lagged(errors, certain, fit(unit)[0], 0, pairs, 1, drawn)
    assert found.value == pytest.approx(0.7, abs=0.02)
