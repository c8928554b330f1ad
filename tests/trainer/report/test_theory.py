"""Theory against drawn shifts."""

import numpy as np
import pytest
from scipy.stats import norm

from pose_smoother.skeleton import INDEX, KEYPOINTS, N_KEYPOINTS, TORSO_SIDES
from tests.trainer.fake_store import make_store
from trainer.evaluation.baselines import BaselinesConfig, read_positions
from trainer.metrics.scorer import ALPHAS, identity_pck, score
from trainer.report.theory import identity_theory, rounded_identity_pck


@pytest.mark.parametrize("sigma_px", [3.0, 6.0])
def test_rounded_shifts_match_drawn_ones(sigma_px):
    shift = np.rint(np.random.default_rng(0).normal(0.0, sigma_px, (400_000, 2)))
    length = np.hypot(*shift.T)
    thresholds = np.array([0.0, 0.93, 1.0, 1.4142, 2.23, 4.46, 9.0])
    drawn = [100.0 * np.mean(length <= r) for r in thresholds]
    assert rounded_identity_pck(thresholds, sigma_px) == pytest.approx(drawn, abs=0.25)


def test_a_shift_stays_at_its_pixel_with_the_share_of_the_normal_between_the_halves():
    still, aside = (norm.cdf(d + 0.5, scale=3.0) - norm.cdf(d - 0.5, scale=3.0) for d in (0, 1))
    expected = [100.0 * still**2, 100.0 * (still**2 + 4 * still * aside)]
    assert rounded_identity_pck(np.array([0.9, 1.0]), 3.0) == pytest.approx(expected, rel=1e-12)


def test_no_threshold_gives_no_number():
    assert rounded_identity_pck(np.array([]), 3.0).shape == (0,)


def test_identity_scores_of_one_torso_follow_theory():
    """Two clips of still figures, far from the edges: every frame has its clip's threshold."""
    rng = np.random.default_rng(1)
    n_windows = 3_000
    truth = np.full((2 * n_windows, 5, N_KEYPOINTS, 2), np.nan, np.float32)
    clip = np.repeat([0, 1], n_windows)
    for name, x, y in (("shoulder", 20, 15), ("hip", 20, 30)):
        truth[:, :, INDEX[f"left_{name}"]] = (x + 10, y)
        truth[:, :, INDEX[f"right_{name}"]] = (x, y)
    truth[clip == 1, ..., 1] *= 0.7  # the second figure is smaller
    noisy = truth + np.rint(rng.normal(0.0, 3.0, truth.shape)).astype(np.float32)
    scores = score(noisy, truth, clip, n_clips=3)
    for alpha in ALPHAS:
        found = identity_theory(scores, alpha, k=1.0)
        torsos = np.array([15.0, 10.5])
        assert found.mean_threshold_px == pytest.approx(alpha * 12.75)
        assert found.measured == pytest.approx(found.rounded, abs=0.5)
        assert found.rounded == pytest.approx(rounded_identity_pck(alpha * torsos, 3.0).mean())
        plain = 100.0 * (1.0 - np.exp(-((alpha * torsos) ** 2) / 18.0))
        assert found.over_clips == pytest.approx(plain.mean())
        assert found.at_mean == pytest.approx(identity_pck(alpha * 12.75, 3.0))
        assert found.n == 2 * n_windows * 5 * 4


def test_the_runs_own_noise_follows_theory_where_nothing_is_clipped():
    """Shoulders and hips stand far inside the box; each frame is judged at its own threshold."""
    store = make_store(n_clips=60, n_frames=40, missing=0.0)
    test = read_positions(BaselinesConfig("1.1"), store, "test")
    inner = np.array([name.endswith(("shoulder", "hip")) for name in KEYPOINTS])
    test.truth[:, :, ~inner] = np.nan
    ends = np.array(TORSO_SIDES)
    sides = test.truth[:, :, ends[:, 0]] - test.truth[:, :, ends[:, 1]]
    torso_px = np.linalg.norm(sides, axis=-1).mean(axis=-1).ravel().astype(np.float64)
    scores = score(test.noisy, test.truth, test.clip, len(store.clips["id"]))
    for alpha in ALPHAS:
        expected = rounded_identity_pck(alpha * torso_px, 3.0).mean()
        assert identity_theory(scores, alpha, k=1.0).measured == pytest.approx(expected, abs=1.5)
