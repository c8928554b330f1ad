"""What every smoother keeps, whatever is missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_smoother.filters import fit_windows, table_filters

N_KEYPOINTS = 3


def noisy_windows(seed, n, share_missing):
    rng = np.random.default_rng(seed)
    noisy = rng.integers(0, 56, (n, 5, N_KEYPOINTS, 2)).astype(np.float32)
    noisy[rng.random(noisy.shape[:3]) < share_missing] = np.nan
    return noisy


TRAIN = noisy_windows(0, 300, 0.2)
MAKERS = {name: fit_windows(one, TRAIN, TRAIN - 0.5) for name, one in table_filters().items()}
EVERY = [(name, dict(point)) for name, one in table_filters().items() for point in one.GRID[:3]]
cases = given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 6),
    share_missing=st.sampled_from([0, 0.3, 0.8, 1]),
)


@pytest.mark.parametrize(("name", "params"), EVERY)
@settings(max_examples=15, deadline=None)
@cases
def test_no_position_is_invented_or_lost(name, params, seed, n, share_missing):
    noisy = noisy_windows(seed, n, share_missing)
    before = noisy.copy()
    found = MAKERS[name](**params)(noisy)
    assert found.dtype == np.float32
    assert found.shape == noisy.shape
    np.testing.assert_array_equal(np.isnan(found), np.isnan(noisy))
    assert np.isfinite(found[~np.isnan(noisy)]).all()
    np.testing.assert_array_equal(noisy, before)


@pytest.mark.parametrize(("name", "params"), EVERY)
@settings(max_examples=10, deadline=None)
@cases
def test_a_window_is_smoothed_alike_in_any_company(name, params, seed, n, share_missing):
    noisy = noisy_windows(seed, n, share_missing)
    smooth = MAKERS[name](**params)
    alone = [smooth(noisy[i : i + 1]) for i in range(n)]
    np.testing.assert_allclose(smooth(noisy), np.array(alone).reshape(noisy.shape), atol=1e-3)


@pytest.mark.parametrize(("name", "params"), [e for e in EVERY if e[0] != "lmmse"])
@settings(max_examples=10, deadline=None)
@cases
def test_filters_move_with_the_body_and_keep_it_at_rest(name, params, seed, n, share_missing):
    noisy = noisy_windows(seed, n, share_missing)
    smooth = MAKERS[name](**params)
    shift = np.float32([7.0, -3.0])
    np.testing.assert_allclose(smooth(noisy + shift), smooth(noisy) + shift, atol=1e-3)
    still = np.where(np.isnan(noisy), noisy, np.float32(20.0))
    np.testing.assert_allclose(smooth(still), still, atol=1e-4)
