"""Tuning picks by validation PCK alone; the registry knows its names."""

from functools import partial

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.filters import table_filter, table_filters
from pose_smoother.filters.gaussian import smooth_windows as gaussian
from pose_smoother.filters.lmmse import fit
from trainer.evaluation.tune_filters import fit_and_tune, tune
from trainer.metrics.scorer import pck, score
from trainer.metrics.scores import value


def moving(n, seed, noise_px=3.0, speed_px=1.0):
    """(noisy, truth) of a body of 25 keypoints in steady motion, a tenth of them missing."""
    rng = np.random.default_rng(seed)
    body = np.random.default_rng(0).uniform(10, 45, (25, 2))
    speed = rng.normal(0, speed_px, (n, 1, 25, 2))
    truth = (body + speed * np.arange(5)[None, :, None, None]).astype(np.float32)
    truth[rng.random(truth.shape[:3]) < 0.1] = np.nan
    return (truth + rng.normal(0, noise_px, truth.shape)).astype(np.float32), truth


def val_pck(smooth, val):
    noisy, truth = val
    return pck(score(smooth(noisy), truth, np.zeros(len(truth), int), 1), 0.2)


def test_the_best_of_the_grid_is_chosen():
    val = moving(300, seed=1)
    grid = table_filter("gaussian").GRID
    smooth, params = tune(grid, partial(partial, gaussian), val)
    by_hand = [val_pck(partial(gaussian, **point), val) for point in grid]
    assert params == grid[int(np.argmax(by_hand))]
    assert val_pck(smooth, val) == max(by_hand)
    assert 0 < int(np.argmax(by_hand)) < len(grid) - 1


def test_faster_motion_chooses_less_smoothing():
    make = partial(partial, gaussian)
    grid = table_filter("gaussian").GRID
    slow, fast = (tune(grid, make, moving(200, 2, speed_px=s))[1] for s in (0.2, 3.0))
    assert slow["sigma_frames"] > fast["sigma_frames"]


def test_pck_at_0_2_comes_first_and_pck_at_0_1_breaks_ties():
    truth = np.full((4, 5, 25, 2), 10.0, np.float32)
    truth[:, :, 15:17, 1] = 30.0  # torso 20 px: PCK@0.1 allows 2 px, PCK@0.2 allows 4
    first_half = np.arange(25)[:, None] < 12

    def make(first_px, rest_px):
        """A "smoother" whose predictions are off by this much in x and y."""
        return lambda _: truth + np.where(first_half, first_px, rest_px).astype(np.float32)

    half_exact = {"first_px": 0.0, "rest_px": 9.0}
    all_near = {"first_px": 1.6, "rest_px": 1.6}
    half_nearer = {"first_px": 1.0, "rest_px": 2.8}
    for grid, expected in (
        ([half_exact, all_near], all_near),
        ([all_near, half_nearer], half_nearer),
    ):
        assert tune(grid, make, (truth, truth))[1] == expected


def test_without_a_torso_the_pixel_error_decides():
    noisy, truth = moving(200, seed=3)
    noisy[:, :, 3:5] = truth[:, :, 3:5] = np.nan  # no shoulders
    grid = table_filter("gaussian").GRID
    _, params = tune(grid, partial(partial, gaussian), (noisy, truth))
    errors = [
        value(score(gaussian(noisy, **p), truth, np.zeros(len(truth), int), 1), "error_px")
        for p in grid
    ]
    assert params == grid[int(np.argmin(errors))]


def test_every_smoother_is_fitted_and_beats_doing_nothing():
    train, val, test = moving(200, seed=4), moving(50, seed=5), moving(200, seed=6)
    fitted = fit_and_tune(train, val)
    assert list(fitted) == list(table_filters())
    nothing = val_pck(fitted["identity"][0], test)
    for name, (smooth, params) in fitted.items():
        assert params in table_filter(name).GRID
        assert name == "identity" or val_pck(smooth, test) > nothing + 5
    best = max(fitted, key=lambda name: val_pck(fitted[name][0], test))
    assert best == "lmmse"


def test_the_estimator_is_fitted_on_the_training_windows_alone():
    train, val, test = moving(200, seed=11), moving(100, seed=12), moving(20, seed=13)
    smooth, params = fit_and_tune(train, val, ["lmmse"])["lmmse"]
    expected = fit(*train).estimator(**params)(test[0])
    np.testing.assert_allclose(smooth(test[0]), expected, rtol=1e-6, atol=1e-5)


def test_filters_learn_nothing_from_the_training_windows():
    val = moving(20, seed=7)
    names = [name for name, one in table_filters().items() if not hasattr(one, "fit_windows")]
    assert set(table_filters()) - set(names) == {"lmmse", "gcv-spline"}
    one, other = (fit_and_tune(moving(50, seed), val, names) for seed in (8, 9))
    assert {n: p for n, (_, p) in one.items()} == {n: p for n, (_, p) in other.items()}
    for name in names:
        np.testing.assert_array_equal(one[name][0](val[0]), other[name][0](val[0]))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        InvalidInputError, match=r"unknown smoother 'loess'; known: identity, mean, .*lmmse"
    ):
        table_filter("loess")
