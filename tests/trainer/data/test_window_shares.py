"""Shares of windows: no neighbours within one, every window once over a cycle of them."""

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from trainer.data.window_shares import evenly_spread, share_size, share_without_neighbours


def shuffled_windows() -> np.ndarray:
    """First frames of the windows of three clips, one too short for two windows, shuffled."""
    starts = np.concatenate([np.arange(0, 37), np.arange(50, 51), np.arange(60, 83)])
    return np.random.default_rng(0).permutation(starts)


@pytest.mark.parametrize("span", [5, 9])
def test_no_two_windows_of_a_share_have_a_frame_in_common(span: int) -> None:
    windows = shuffled_windows()
    for epoch in range(1, 2 * span + 1):
        share = share_without_neighbours(windows, span, seed=3, epoch=epoch)
        assert len(share) == share_size(len(windows), span) == 61 // span
        frames = np.concatenate([np.arange(w, w + span) for w in share])
        assert len(set(frames.tolist())) == len(frames)
        assert np.isin(share, windows).all()


def test_a_cycle_of_shares_holds_every_window_once() -> None:
    windows = shuffled_windows()[:60]
    cycle = [share_without_neighbours(windows, 5, 0, epoch) for epoch in range(1, 6)]
    assert sorted(np.concatenate(cycle).tolist()) == sorted(windows.tolist())
    again = [share_without_neighbours(windows, 5, 0, epoch) for epoch in range(6, 11)]
    assert sorted(np.concatenate(again).tolist()) == sorted(windows.tolist())
    assert [a[0] for a in cycle] != [a[0] for a in again]  # in another order


def test_the_seed_and_the_epoch_name_the_share() -> None:
    windows = shuffled_windows()
    one = [share_without_neighbours(windows, 5, 0, e)[0] for e in range(1, 6)]
    other = [share_without_neighbours(windows[::-1], 5, 0, e)[0] for e in range(1, 6)]
    assert one == other
    seeds = [share_without_neighbours(windows, 5, seed, 1)[0] for seed in range(10)]
    assert len(set(seeds)) > 1


def test_too_few_windows_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="at least 5 training windows, found 4"):
        share_size(4, 5)
    assert share_size(5, 5) == 1


@pytest.mark.parametrize("share", [0.2, 0.37, 0.5, 1.0])
def test_a_share_is_spread_evenly(share: float) -> None:
    windows = shuffled_windows()
    chosen = evenly_spread(windows, share)
    assert len(chosen) == int(len(windows) * share)
    rank = np.flatnonzero(np.isin(np.sort(windows), chosen))
    assert set(np.diff(rank)) <= {int(1 / share), int(1 / share) + 1}
    kept = windows[np.isin(windows, chosen)]
    np.testing.assert_array_equal(chosen, kept)  # in the given order


def test_a_small_share_is_one_window_at_least() -> None:
    assert evenly_spread(np.array([7, 3, 5]), 0.01).tolist() == [3]
