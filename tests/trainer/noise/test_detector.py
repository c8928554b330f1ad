"""A measured detector's noise: its shares, widths and correlations, and that it is a function."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from pose_smoother.seeds import TRAIN_NOISE, VAL_NOISE
from pose_smoother.skeleton import INDEX, KEYPOINTS, MIRROR
from tests.trainer.made_noise import CLEAN, detector
from trainer.noise.detector import ar1_factors, detected_input
from trainer.noise.noise_file import PAIRS

N = 4000
CENTRE = 27


def draw(noise, keypoints=None, annotated=None, counter=None, seed=0, epoch=0):
    counter = torch.arange(N) if counter is None else counter
    if keypoints is None:
        keypoints = torch.full((len(counter), 5, 25, 2), CENTRE)
    if annotated is None:
        annotated = torch.ones(keypoints.shape[:3], dtype=torch.bool)
    return detected_input(keypoints, annotated, counter, noise, seed, TRAIN_NOISE, epoch)


def test_errors_follow_the_rounded_normal_of_each_axis():
    positions, detected, sigma = draw(detector(bias_px=(1.25, -0.5), spread_px=(2.0, 3.5)))
    assert detected.all()
    assert not sigma.any()
    for axis, (bias, spread) in enumerate([(1.25, 2.0), (-0.5, 3.5)]):
        shift = (positions[..., axis] - CENTRE).numpy().ravel()
        support = np.arange(-12, 13)
        law = stats.norm(bias, spread)
        expected = law.cdf(support + 0.5) - law.cdf(support - 0.5)
        expected[0], expected[-1] = law.cdf(-11.5), law.sf(11.5)
        counts = np.bincount(shift.clip(-12, 12) + 12, minlength=25)
        assert stats.chisquare(counts, expected / expected.sum() * len(shift)).pvalue > 1e-4


def test_outliers_are_a_share_of_frames_and_wide_in_both_axes():
    noise = detector(spread_px=(0.2, 0.2), outliers=0.05, outlier_spread_px=(5.0, 8.0))
    shift = (draw(noise)[0] - CENTRE).double()
    wide = (shift.abs() > 1).any(dim=-1)
    missed = np.prod([2 * stats.norm(0, s).cdf(1.5) - 1 for s in (5.0, 8.0)])
    assert wide.double().mean().item() == pytest.approx(0.05 * (1 - missed), abs=0.002)
    spread = shift[wide].std(dim=0)
    assert spread[1] / spread[0] == pytest.approx(1.6, abs=0.1)


def test_missed_keypoints_are_absent_from_the_input_alone():
    annotated = torch.rand((N, 5, 25), generator=torch.Generator().manual_seed(1)) < 0.8
    positions, detected, _ = draw(detector(missing=0.1), annotated=annotated)
    assert not (detected & ~annotated).any()
    assert detected[annotated].double().mean().item() == pytest.approx(0.9, abs=0.002)
    assert (positions[~detected] == -1).all()
    assert (positions[detected] >= 0).all()


def test_outliers_misses_and_smears_don_t_know_of_each_other():
    noise = detector(
        outliers=0.3,
        missing=0.4,
        spread_px=(0.0, 0.0),
        outlier_spread_px=(900.0, 900.0),
        sigmas=((1.0, 0.5), (2.0, 0.5)),
    )
    positions, detected, sigma = draw(noise)
    wide = (positions[detected] != CENTRE).any(dim=-1).double()
    assert wide.mean().item() == pytest.approx(0.3, abs=0.005)
    for events in (wide, detected.double()):
        smear = sigma[detected] if events is wide else sigma
        pair = torch.stack([events.flatten(), smear.double().flatten()])
        assert abs(torch.corrcoef(pair)[0, 1]) < 4 / events.numel() ** 0.5


def test_pairs_swap_together_and_only_where_both_are_annotated():
    keypoints = torch.full((N, 5, 25, 2), CENTRE)
    for i, name in enumerate(KEYPOINTS):
        keypoints[:, :, i, 0] = {"l": 10, "r": 45}.get(name[0], CENTRE)
    annotated = torch.ones((N, 5, 25), dtype=torch.bool)
    annotated[:, :, INDEX["left_ear"]] = False
    noise = detector(swapped=0.03, spread_px=(0.0, 0.0))
    noise = replace(noise, swapped=tuple(0.2 if p == "knee" else 0.03 for p in PAIRS))
    positions, _, _ = draw(noise, keypoints, annotated)
    moved = (positions[..., 0] != keypoints[..., 0]) & annotated
    assert torch.equal(moved, moved[..., list(MIRROR)])
    share = moved.double().mean(dim=(0, 1))
    assert share[INDEX["left_wrist"]].item() == pytest.approx(0.03, abs=0.005)
    assert share[INDEX["right_knee"]].item() == pytest.approx(0.2, abs=0.01)
    assert not moved[..., [INDEX["nose"], INDEX["left_ear"], INDEX["right_ear"]]].any()
    pair = moved[..., [INDEX["left_wrist"], INDEX["left_hip"]]].double().flatten(0, 1)
    assert abs(torch.corrcoef(pair.T)[0, 1]) < 4 / (5 * N) ** 0.5  # pairs don't swap together


@pytest.mark.parametrize("rho", [0.6, -0.4, 0.0])
def test_errors_are_correlated_over_frames_by_powers_of_rho(rho):
    shift = (draw(detector(spread_px=(5.0, 5.0), correlation=rho))[0] - CENTRE).double()
    for lag in range(1, 5):
        pair = torch.stack([shift[:, lag:].flatten(), shift[:, :-lag].flatten()])
        found = torch.corrcoef(pair)[0, 1].item()
        # 100,000 pairs or more; rounding takes 0.3 % of the correlation away.
        assert found == pytest.approx(rho**lag, abs=0.015)
    assert shift.var().item() == pytest.approx(25 + 1 / 12, rel=0.02)


def test_ar1_factors_are_the_cholesky_factors():
    rho = np.array([0.6, -0.5, 0.0, 0.999])
    lag = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    expected = np.linalg.cholesky(rho[:, None, None] ** lag)
    np.testing.assert_allclose(ar1_factors(rho, 5), expected, atol=1e-12)


def test_smears_are_drawn_by_their_shares():
    _, _, sigma = draw(detector(sigmas=((1.0, 0.7), (2.0, 0.1), (3.0, 0.2))))
    share = np.bincount(sigma.numpy().ravel()) / sigma.numel()
    np.testing.assert_allclose(share, [0.7, 0.1, 0.2], atol=0.005)


def test_any_cut_and_order_of_batches_gives_the_same():
    noise = detector(
        swapped=0.1, outliers=0.1, missing=0.2, correlation=0.7, sigmas=((1.0, 0.5), (2.0, 0.5))
    )
    counter = torch.tensor([0, 5, 7, 2**31, 12])
    whole = draw(noise, counter=counter, seed=2**40, epoch=3)
    for rows in (slice(0, 2), slice(4, 5), torch.tensor([3, 0, 4])):
        part = draw(noise, counter=counter[rows], seed=2**40, epoch=3)
        assert all(torch.equal(a, b[rows]) for a, b in zip(part, whole, strict=True))
    other = draw(noise, counter=counter, seed=2**40, epoch=4)
    assert not torch.equal(other[0], whole[0])


def test_purposes_have_noise_of_their_own():
    keypoints = torch.full((N, 5, 25, 2), CENTRE)
    annotated = torch.ones((N, 5, 25), dtype=torch.bool)
    one, other = (
        detected_input(keypoints, annotated, torch.arange(N), detector(), 0, purpose, 0)[0]
        for purpose in (TRAIN_NOISE, VAL_NOISE)
    )
    pair = torch.stack([one.flatten(), other.flatten()]).double()
    assert abs(torch.corrcoef(pair)[0, 1]) < 4 / one.numel() ** 0.5


def test_the_largest_numbers_of_a_file_do_not_overflow():
    noise = detector(bias_px=(1000.0, -1000.0), spread_px=(1000.0, 1000.0), correlation=0.999)
    positions, _, _ = draw(noise)
    share = (positions == 55).double().mean(dim=(0, 1, 2))
    law = stats.norm(0, 1)
    assert share[0].item() == pytest.approx(law.sf((27.5 - 1000) / 1000), abs=0.02)
    assert share[1].item() == pytest.approx(law.sf((27.5 + 1000) / 1000), abs=0.02)


def test_known_draws_stay():
    """Runs made with a noise file stay comparable from version to version."""
    noise = detector(
        swapped=0.3,
        sigmas=((1.0, 0.5), (2.0, 0.5)),
        bias_px=(0.5, -1.0),
        outliers=0.2,
        missing=0.3,
        correlation=0.6,
    )
    assert noise.keypoints[0] != CLEAN
    positions, detected, sigma = draw(noise, counter=torch.tensor([123_456]), seed=3)
    assert positions[0, :, 3].tolist() == KNOWN[0]
    assert detected[0, :, 3].tolist() == KNOWN[1]
    assert sigma[0, :, 3].tolist() == KNOWN[2]


#: Positions, detections and smears of the left shoulder in one window.
KNOWN = (
    [[26, 23], [27, 24], [27, 26], [-1, -1], [18, 0]],
    [True, True, True, False, True],
    [0, 1, 0, 0, 1],
)
