"""The counter-based noise: its distribution, its independence, and what it belongs to."""

import numpy as np
import pytest
import torch
from scipy import stats

from pose_smoother.errors import InvalidInputError
from pose_smoother.seeds import TEST_NOISE, TRAIN_NOISE, VAL_NOISE
from trainer.noise.gaussian import (
    NoiseConfig,
    frozen_counter,
    noisy_input,
    shift_thresholds,
)

SIGMAS = (1.0, 1.5, 2.0, 2.5, 3.0)
SHAPE = (5, 25)
CENTRE = 28
N_WINDOWS = 1_600  # 200,000 keypoints: a share is known to 0.1 points
U32 = 2**32


def draw(config, windows=N_WINDOWS, seed=0, purpose=TRAIN_NOISE, epoch=0):
    """Shifts (B, T, K, 2) of keypoints in the centre, and sigma indices (B, T, K)."""
    counter = torch.arange(windows) if isinstance(windows, int) else windows
    n = len(counter)
    keypoints = torch.full((n, *SHAPE, 2), CENTRE)
    annotated = torch.ones((n, *SHAPE), dtype=torch.bool)
    positions, sigma = noisy_input(keypoints, annotated, counter, config, seed, purpose, epoch)
    return positions - CENTRE, sigma


def rounded_normal(mu_px, sigma_px, support_px):
    """Probability of each whole-pixel shift."""
    normal = stats.norm(mu_px, sigma_px)
    return normal.cdf(support_px + 0.5) - normal.cdf(support_px - 0.5)


def splitmix_reference(*numbers):
    """The hash in plain integers, written apart from the code under test."""
    state = 0
    for number in numbers:
        z = ((state ^ (number % 2**64)) + 0x9E3779B97F4A7C15) % 2**64
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        state = z ^ (z >> 31)
    return state


@pytest.mark.parametrize(("k", "mu_px"), [(1, 0.0), (2, 0.0), (1, 1.0)])
def test_shifts_follow_the_rounded_normal(k, mu_px):
    shifts, _ = draw(NoiseConfig(k, SIGMAS, mu_px))
    support = np.arange(-8 * k, 8 * k + 1)
    expected = rounded_normal(mu_px, 3 * k, support)
    expected[0] = stats.norm(mu_px, 3 * k).cdf(support[0] + 0.5)  # the ends hold the tails
    expected[-1] = stats.norm(mu_px, 3 * k).sf(support[-1] - 0.5)
    for axis in range(2):
        drawn = shifts[..., axis].numpy().ravel()
        counts = np.bincount(drawn.clip(-8 * k, 8 * k) + 8 * k)
        assert stats.chisquare(counts, expected * len(drawn)).pvalue > 1e-4
        assert abs(drawn.mean() - mu_px) < 4 * 3 * k / np.sqrt(len(drawn))
        assert drawn.var() == pytest.approx((3 * k) ** 2 + 1 / 12, rel=0.01)


@pytest.mark.parametrize(("k", "mu_px"), [(1, 0.0), (2, 0.0), (0.1, 0.0), (1, 1.0), (2, -0.5)])
def test_thresholds_hold_the_whole_distribution(k, mu_px):
    thresholds, lowest_px = shift_thresholds(k, mu_px)
    assert thresholds[0] == 0
    assert thresholds[-1] == U32
    share = np.diff(thresholds) / U32
    support = lowest_px + 1 + np.arange(len(share))
    expected = rounded_normal(mu_px, 3 * k, support)
    np.testing.assert_allclose(share, expected, atol=1.001 / U32)  # both ends are rounded


def test_bits_are_the_reference_hash():
    config = NoiseConfig(1, SIGMAS)
    windows = torch.tensor([0, 7, 123_456, 2**31])
    shifts, sigma = draw(config, windows, seed=41, purpose=VAL_NOISE, epoch=3)
    thresholds, lowest_px = shift_thresholds(1, 0.0)
    for row, frame, keypoint in [(0, 0, 0), (1, 0, 3), (2, 4, 24), (3, 2, 11)]:
        where = (windows[row].item(), frame * 25 + keypoint)
        bits = splitmix_reference(41, VAL_NOISE, 3, 1, *where)
        halves = [bits >> 32, bits % U32]
        expected = np.searchsorted(thresholds, halves, side="right") + lowest_px
        assert shifts[row, frame, keypoint].tolist() == expected.tolist()
        bits = splitmix_reference(41, VAL_NOISE, 3, 2, *where)
        assert sigma[row, frame, keypoint] == (bits % U32) * 5 // U32


def test_sigmas_are_uniform_and_independent_of_the_shifts():
    shifts, sigma = draw(NoiseConfig(1, SIGMAS))
    assert stats.chisquare(np.bincount(sigma.numpy().ravel(), minlength=5)).pvalue > 1e-4
    for axis in range(2):
        pair = np.stack([sigma.numpy().ravel(), shifts[..., axis].numpy().ravel()])
        assert abs(np.corrcoef(pair)[0, 1]) < 4 / np.sqrt(pair.shape[1])


def test_one_sigma_is_always_index_zero():
    _, sigma = draw(NoiseConfig(1, (1.0,)), 10)
    assert sigma.shape == (10, *SHAPE)
    assert not sigma.any()


def correlation(a, b):
    """Correlation of two equally shaped sets of draws, in standard errors."""
    a, b = a.double().flatten(), b.double().flatten()
    return torch.corrcoef(torch.stack([a, b]))[0, 1].item() * len(a) ** 0.5


def test_axes_frames_keypoints_and_windows_are_independent():
    shifts, _ = draw(NoiseConfig(1, SIGMAS))
    assert abs(correlation(shifts[..., 0], shifts[..., 1])) < 4
    assert abs(correlation(shifts[:, :-1], shifts[:, 1:])) < 4
    assert abs(correlation(shifts[:, :, :-1], shifts[:, :, 1:])) < 4
    assert abs(correlation(shifts[:-1], shifts[1:])) < 4
    # A frame's place in two overlapping windows: the noise is the window's, not the frame's.
    assert abs(correlation(shifts[:-1, 1:], shifts[1:, :-1])) < 4


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"seed": 2**40},
        {"purpose": VAL_NOISE},
        {"purpose": TEST_NOISE},
        {"epoch": 1},
        {"epoch": 7, "purpose": VAL_NOISE},
    ],
)
def test_seeds_purposes_and_epochs_dont_share_noise(other):
    config = NoiseConfig(1, SIGMAS)
    first, sigma = draw(config)
    second, other_sigma = draw(config, **other)
    assert abs(correlation(first, second)) < 4
    assert abs(correlation(sigma, other_sigma)) < 4
    equal = (first == second).all(dim=-1).double().mean().item()
    by_chance = (rounded_normal(0, 3, np.arange(-30, 31)) ** 2).sum() ** 2
    assert equal == pytest.approx(by_chance, abs=0.001)


def test_swapping_seed_and_epoch_is_another_stream():
    config = NoiseConfig(1, SIGMAS)
    a, _ = draw(config, seed=3, epoch=5)
    b, _ = draw(config, seed=5, epoch=3)
    assert abs(correlation(a, b)) < 4


def test_shifting_scalars_share_their_uniforms():
    single, sigma = draw(NoiseConfig(1, SIGMAS))
    double, other_sigma = draw(NoiseConfig(2, SIGMAS))
    assert correlation(single, double) / single.numel() ** 0.5 > 0.98
    assert torch.equal(sigma, other_sigma)


def test_shifts_are_the_same_with_one_sigma_or_five():
    assert torch.equal(draw(NoiseConfig(1, SIGMAS))[0], draw(NoiseConfig(1, (1.0,)))[0])


def test_positions_are_clipped_and_absent_ones_are_minus_one():
    corners = torch.tensor([[0, 0], [55, 55], [0, 55], [-1, -1]])
    keypoints = corners.repeat(5, 1)[None, None].expand(200, 5, 20, 2)
    annotated = (keypoints >= 0).all(dim=-1)
    positions, _ = noisy_input(
        keypoints, annotated, torch.arange(200), NoiseConfig(2, SIGMAS), 0, TRAIN_NOISE, 0
    )
    assert (positions[~annotated] == -1).all()
    assert positions[annotated].min() == 0
    assert positions[annotated].max() == 55
    assert (keypoints[annotated].min(), keypoints[annotated].max()) == (0, 55)  # input untouched


def frozen(frame, clip, per_clip, epoch=0, purpose=TRAIN_NOISE):
    """Frozen shifts and sigmas of windows given by their frame numbers, lists (B, T)."""
    counter = frozen_counter(torch.tensor(frame), torch.tensor(clip), torch.tensor(per_clip))
    keypoints = torch.full((*counter.shape, 25, 2), CENTRE)
    annotated = torch.ones((*counter.shape, 25), dtype=torch.bool)
    config = NoiseConfig(1, SIGMAS, frozen=True, per_clip_datasets=("penn-action",))
    return noisy_input(keypoints, annotated, counter, config, 0, purpose, epoch)


def test_frozen_noise_belongs_to_the_frame():
    windows = [[3, 4, 5, 6, 7], [4, 5, 6, 7, 8]]
    positions, sigma = frozen(windows, [2, 2], [False, False])
    assert torch.equal(positions[0, 1:], positions[1, :-1])
    assert torch.equal(sigma[0, 1:], sigma[1, :-1])
    assert not torch.equal(positions[0, 0], positions[0, 1])
    later, _ = frozen(windows, [2, 2], [False, False], epoch=9, purpose=VAL_NOISE)
    assert torch.equal(positions, later)
    other_clip, _ = frozen(windows, [3, 3], [False, False])
    assert not torch.equal(positions, other_clip)


def test_frozen_noise_per_clip_is_one_shift_for_all_frames():
    positions, sigma = frozen(
        [[0, 1, 2, 3, 4], [7, 8, 9, 10, 11], [0, 1, 2, 3, 4]], [6, 6, 0], [True] * 3
    )
    assert (positions[:2] == positions[0, 0]).all()
    assert (sigma[:2] == sigma[0, 0]).all()
    assert not torch.equal(positions[0], positions[2])
    assert positions[0, 0].unique().numel() > 3  # keypoints still differ


def test_frozen_counters_of_frames_and_clips_never_meet():
    frame = torch.tensor([[0, 2**31 - 1]])
    ends = [
        frozen_counter(frame, torch.tensor([clip]), torch.tensor([per_clip])).unique().tolist()
        for clip in (0, 1, 2**31 - 1)
        for per_clip in (False, True)
    ]
    flat = [number for numbers in ends for number in numbers]
    assert len(flat) == len(set(flat)) == 9


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"k": 0}, "k must be a positive number, got 0"),
        ({"k": float("nan")}, "k must be a positive number"),
        ({"mu_in_px": float("inf")}, "mu_in_px must be a finite"),
        ({"sigma_in_px": ()}, "sigma_in_px must be positive"),
        ({"sigma_in_px": (1.0, -2.0)}, "sigma_in_px must be positive"),
        ({"per_clip_datasets": ("brace",)}, "only as frozen noise"),
    ],
)
def test_impossible_settings_are_refused(values, message):
    with pytest.raises(InvalidInputError, match=message):
        NoiseConfig(**{"k": 1.0, "sigma_in_px": SIGMAS, **values})
