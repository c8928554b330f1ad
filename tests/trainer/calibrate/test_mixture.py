"""The mixture: known parameters are found, and none are found that aren't there."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from trainer.calibrate.mixture import (
    FreeParameters,
    Params,
    Unit,
    _climb,
    _start,
    believe,
    fit,
    step,
)


def made(n=6000, outliers=0.0, swapped=0.0, apart=15.0, missing=0.0, seed=0):
    """A pair that stands ``apart`` px from each other, spread (2, 3), bias (0.5, -1)."""
    rng = np.random.default_rng(seed)
    wide = rng.random((n, 2, 1)) < outliers
    spread = np.where(wide, [8.0, 12.0], [2.0, 3.0])
    error = [0.5, -1.0] + spread * rng.standard_normal((n, 2, 2))
    distance = apart * rng.uniform(0.2, 1.8, n)
    between = np.stack([[distance, -distance], np.zeros((2, n))], axis=-1).transpose(1, 0, 2)
    swap = rng.random(n) < swapped
    error[rng.random((n, 2)) < missing] = np.nan
    direct = np.where(swap[:, None, None], error + between, error)
    crossed = np.where(swap[:, None, None], error, error - between)
    return Unit(direct, crossed), swap


def test_everything_at_once_is_found():
    unit, swap = made(20_000, outliers=0.05, swapped=0.03, missing=0.1)
    params, free = fit(unit)
    assert free.outliers.all()
    assert free.swapped
    np.testing.assert_allclose(params.bias, [[0.5, -1.0]] * 2, atol=0.08)
    np.testing.assert_allclose(params.spread, [[2.0, 3.0]] * 2, rtol=0.03)
    np.testing.assert_allclose(params.wide, [[8.0, 12.0]] * 2, rtol=0.1)
    np.testing.assert_allclose(params.outliers, 0.05, atol=0.01)
    assert params.swapped == pytest.approx(0.03, abs=0.005)
    assert ((believe(unit, params).swapped > 0.5) == swap).mean() > 0.99


@pytest.mark.parametrize("seed", range(3))
def test_plain_noise_has_no_outliers_and_no_swaps(seed):
    params, free = fit(made(3000, seed=seed)[0])
    assert not free.outliers.any()
    assert not free.swapped
    assert not params.outliers.any()
    assert params.swapped == 0
    np.testing.assert_allclose(params.spread, [[2.0, 3.0]] * 2, rtol=0.05)


def test_swaps_are_found_where_left_and_right_are_hardly_apart():
    params, free = fit(made(20_000, swapped=0.1, apart=6.0)[0])
    assert free.swapped
    assert params.swapped == pytest.approx(0.1, abs=0.015)
    np.testing.assert_allclose(params.spread, [[2.0, 3.0]] * 2, rtol=0.03)


def test_a_keypoint_alone_has_no_swaps():
    unit, _ = made(4000, outliers=0.1)
    alone = Unit(unit.direct[:, :1], np.full((4000, 1, 2), np.nan))
    params, free = fit(alone)
    assert (free.outliers.tolist(), free.swapped) == ([True], False)
    assert params.outliers[0] == pytest.approx(0.1, abs=0.02)


def test_the_likelihood_is_the_mixture_s():
    unit, _ = made(50, outliers=0.2, swapped=0.3, missing=0.2)
    params = Params(
        np.array([[0.1, 0.2], [-0.3, 0.4]]),
        np.array([[1.0, 2.0], [3.0, 1.5]]),
        np.array([[5.0, 6.0], [8.0, 9.0]]),
        np.array([0.1, 0.3]),
        np.array(0.2),
    )

    def density(error, j):
        if np.isnan(error[0]):
            return 1.0
        laws = [multivariate_normal(params.bias[j], np.diag(w[j] ** 2)).pdf(error)
                for w in (params.spread, params.wide)]  # fmt: skip
        return (1 - params.outliers[j]) * laws[0] + params.outliers[j] * laws[1]

    expected = 0.0
    for direct, crossed in zip(unit.direct, unit.crossed, strict=True):
        stay = density(direct[0], 0) * density(direct[1], 1)
        swap = density(crossed[0], 0) * density(crossed[1], 1)
        can = np.isfinite(crossed).any()
        expected += np.log(0.8 * stay + 0.2 * swap if can else stay)
    assert believe(unit, params).log_likelihood == pytest.approx(expected)


def test_every_step_climbs():
    unit, _ = made(3000, outliers=0.1, swapped=0.1)
    params, free = _start(unit), FreeParameters(np.ones(2, bool), True)
    last = -np.inf
    for _ in range(30):
        params, log_likelihood = step(unit, params, free)
        assert log_likelihood >= last - 1e-9
        last = log_likelihood


def test_a_vector_holds_all_parameters():
    params, _ = _climb(
        made(500, 0.1, 0.1)[0], _start(made(500)[0]), FreeParameters(np.ones(2, bool), True)
    )
    again = Params.of_vector(params.vector())
    for name in ("bias", "spread", "wide", "outliers", "swapped"):
        np.testing.assert_allclose(getattr(again, name), getattr(params, name))


@pytest.mark.parametrize(
    ("n", "seed", "share", "kept"),
    [(400, 25, 0.02, False), (300, 27, 0.02, False), (400, 29, 0.02, True)],
)
def test_outliers_cost_three_times_the_log_of_the_frames(n, seed, share, kept):
    """The likelihood gains 2.0, 2.98 and 3.9 times that log by outliers, more than 5 of them."""
    unit, _ = made(n, outliers=share, seed=seed)
    alone = Unit(unit.direct[:, :1], np.full((n, 1, 2), np.nan))
    all_free, none = (FreeParameters(np.array([free]), False) for free in (True, False))
    params, best = _climb(alone, _start(alone), all_free)
    gain = (best - _climb(alone, params, none)[1]) / np.log(n)
    assert params.outliers[0] * n > 5
    assert 1.9 < gain < 4
    assert (gain >= 3) == kept
    assert fit(alone)[1].outliers.tolist() == [kept]
