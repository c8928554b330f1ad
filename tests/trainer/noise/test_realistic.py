"""The simulated detector against the measured numbers it was made from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose_smoother.pretrained.features import body_size
from trainer.noise.detector_profiles import PROFILES, DetectorParameters, draw_parameters
from trainer.noise.realistic import _run_with_motion, autoregressive, simulate

PLAIN = DetectorParameters(
    offset=0.0, sd=0.02, shares=(1.0, 0.0, 0.0, 0.0), tau_frames=(2.0, 10.0, 40.0),
    keypoint_spread=0.0, tail_dof=0.0, volatility=0.0, speed_growth=0.0, limb_correlation=0.0,
    outlier_rate=0.0, outlier_size=0.3, burst_frames=4.0, mirror_share=0.2, missing_rate=0.0,
    missing_frames=3.0, grid_step=0.0, lag_frames=0.0, score_knowledge=-1.0, pose_locked=False,
)  # fmt: skip


def _walk(frames: int = 400, keypoints: int = 9) -> np.ndarray:
    rng = np.random.default_rng(5)
    t = np.arange(frames)[:, None, None]
    places = rng.normal(size=(1, keypoints, 2))
    return (places + 0.2 * np.sin(t / 15.0 + rng.normal(size=(1, keypoints, 2)))).astype(np.float32)


def _correlation(x: np.ndarray, lag: int) -> float:
    return float((x[lag:] * x[:-lag]).mean() / (x * x).mean())


def test_the_same_generator_gives_the_same_detections() -> None:
    parameters = draw_parameters(np.random.default_rng(1))
    first = simulate(_walk(), np.random.default_rng(2), parameters)
    second = simulate(_walk(), np.random.default_rng(2), parameters)
    np.testing.assert_array_equal(first.noisy, second.noisy)
    np.testing.assert_array_equal(first.scores, second.scores)


def test_no_noise_leaves_the_clean_motion() -> None:
    clean = _walk()
    made = simulate(clean, np.random.default_rng(0), replace(PLAIN, sd=0.0))
    np.testing.assert_allclose(made.noisy, clean, atol=1e-6)
    assert np.isnan(made.scores).all()


def test_white_noise_has_its_size_and_no_memory() -> None:
    clean = _walk(2000)
    made = simulate(clean, np.random.default_rng(0), PLAIN)
    error = made.noisy - clean
    assert error.std() / body_size(clean) == pytest.approx(0.02, rel=0.05)
    assert abs(_correlation(error, 1)) < 0.03


@pytest.mark.parametrize(("tau", "lag"), [(2.0, 1), (10.0, 5), (40.0, 10)])
def test_autoregressive_noise_forgets_at_its_time_constant(tau: float, lag: int) -> None:
    noise = autoregressive(np.random.default_rng(0), (20000, 8), tau)
    assert noise.std() == pytest.approx(1.0, rel=0.05)
    assert _correlation(noise, lag) == pytest.approx(np.exp(-lag / tau), abs=0.05)


def test_slow_drift_and_offset_stay_in_the_target() -> None:
    clean = _walk(2000)
    slow = replace(PLAIN, shares=(0.0, 0.0, 0.0, 1.0), offset=0.05)
    made = simulate(clean, np.random.default_rng(0), slow)
    kept = np.linalg.norm(made.target - clean, axis=-1).mean()
    lost = np.linalg.norm(made.noisy - made.target, axis=-1).mean()
    assert lost < 0.5 * kept
    # The target is smooth although an autoregressive drift is not.
    rough = np.abs(np.diff(made.target - clean, 2, axis=0)).mean()
    assert rough < 0.05 * np.abs(np.diff(made.noisy - clean, 2, axis=0)).mean()


def test_noise_grows_with_speed() -> None:
    t = np.arange(4000)
    clean = np.zeros((4000, 6, 2), np.float32)
    clean[:, :, 0] = np.arange(6)
    clean[2000:, :, 1] = 0.5 * np.sin(t[2000:, None] / 5.0)
    made = simulate(clean, np.random.default_rng(0), replace(PLAIN, speed_growth=1.5))
    error = np.linalg.norm(made.noisy - clean, axis=-1)
    assert 1.4 < error[2100:].mean() / error[:1900].mean() < 3.4


def test_noise_runs_with_motion_and_rests_with_it() -> None:
    noise = np.random.default_rng(0).normal(size=(9, 3, 2))
    np.testing.assert_allclose(_run_with_motion(noise, np.full((9, 3), 1.2)), noise)
    rested = _run_with_motion(noise, np.zeros((9, 3)))
    np.testing.assert_allclose(rested[5], noise[0] + 0.5 * (noise[1] - noise[0]))


def test_bursts_have_the_rate_and_the_tail_that_was_measured() -> None:
    clean = _walk(3000, 12)
    parameters = replace(PLAIN, sd=0.001, outlier_rate=0.06, burst_frames=3.6)
    made = simulate(clean, np.random.default_rng(0), parameters)
    far = np.linalg.norm(made.noisy - clean, axis=-1) > 0.02 * body_size(clean)
    assert 0.03 < far.mean() < 0.08
    lengths = np.concatenate([_runs(far[:, k]) for k in range(12)])
    assert 1 <= np.quantile(lengths, 0.5) <= 4
    assert 8 <= np.quantile(lengths, 0.97) <= 40


def test_a_share_of_bursts_is_on_the_other_side() -> None:
    clean = _walk(3000, 6)
    mirror = np.array([1, 0, 3, 2, 5, 4])
    parameters = replace(PLAIN, sd=0.0, outlier_rate=0.05, mirror_share=1.0)
    made = simulate(clean, np.random.default_rng(0), parameters, mirror)
    moved = np.linalg.norm(made.noisy - clean, axis=-1) > 1e-4
    on_mirror = np.linalg.norm(made.noisy - made.noisy[:, mirror], axis=-1) < 1e-5
    assert moved.mean() > 0.01
    assert on_mirror[moved].mean() > 0.9


def test_positions_snap_to_the_grid() -> None:
    clean = _walk()
    made = simulate(clean, np.random.default_rng(0), replace(PLAIN, grid_step=0.05))
    step = 0.05 * body_size(clean)
    apart = np.diff(made.noisy, axis=0) / step
    np.testing.assert_allclose(apart, np.round(apart), atol=1e-3)


def test_missing_points_come_in_runs_and_have_no_score() -> None:
    parameters = replace(PLAIN, missing_rate=0.06, score_knowledge=1.0)
    made = simulate(_walk(3000), np.random.default_rng(0), parameters)
    missing = np.isnan(made.noisy[..., 0])
    assert 0.02 < missing.mean() < 0.10
    assert np.mean(np.concatenate([_runs(missing[:, k]) for k in range(9)])) > 1.8
    np.testing.assert_array_equal(np.isnan(made.scores), missing)


def test_scores_know_a_part_of_the_error() -> None:
    from scipy.stats import spearmanr

    parameters = replace(PLAIN, score_knowledge=1.0, outlier_rate=0.05)
    made = simulate(_walk(3000), np.random.default_rng(0), parameters)
    error = np.linalg.norm(made.noisy - made.target, axis=-1)
    rank = spearmanr(made.scores.ravel(), error.ravel()).statistic
    assert -0.6 < rank < -0.08


def test_every_profile_is_drawn_near_its_numbers() -> None:
    for profile in PROFILES.values():
        drawn = [draw_parameters(np.random.default_rng((3, i)), profile) for i in range(200)]
        assert np.median([p.sd for p in drawn]) == pytest.approx(
            profile.unit * profile.sd, rel=0.25
        )
        shares = np.mean([p.shares for p in drawn], axis=0)
        np.testing.assert_allclose(shares, profile.shares, atol=0.1)


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected clean motion of shape \(T, K, 2\)"):
        simulate(np.zeros((5, 3), np.float32), np.random.default_rng(0), PLAIN)


def _runs(flags: np.ndarray) -> np.ndarray:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return edges[1::2] - edges[::2]
