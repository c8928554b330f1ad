"""``auto``: what smooths a run, and what it reports."""

import numpy as np
import pytest

import pose_smoother as ps
from pose_smoother.filters import auto, kalman
from pose_smoother.filters.base import Run
from pose_smoother.pretrained import smooth_pretrained


def detections(n_frames: int = 120, n_axes: int = 2) -> np.ndarray:
    rng = np.random.default_rng(5)
    t = np.arange(n_frames)[:, None, None]
    places = 100 * rng.normal(size=(1, 6, n_axes))
    motion = 400 + places + 30 * np.sin(t / 9 + rng.normal(size=(1, 6, n_axes)))
    return motion + 2.0 * rng.normal(size=motion.shape)


def every_frame_but(n: int, offset: int) -> np.ndarray:
    """Detections of which every n-th frame is missing."""
    is_missing = np.arange(120) % n == offset
    return np.where(is_missing[:, None, None], np.nan, detections())


def by_auto(*runs: Run, gate: float | None = None) -> list[np.ndarray]:
    params = auto.fit_track(runs, {"gate": gate, "delay_frames": None})
    return [auto.smooth_run(run, **params) for run in runs]


def mixed(positions: np.ndarray, scores: np.ndarray | None = None) -> np.ndarray:
    """What ``auto`` is to give: the network's answer and a share of the Kalman filter's."""
    found, info = smooth_pretrained(positions, scores)
    ratio = kalman.fit_track([Run(positions, 100.0)], {"noise_ratio": None})
    far = np.linalg.norm(found - positions, axis=-1, keepdims=True) > 0.5 * info.size
    other = kalman.smooth_run(Run(np.where(far, np.nan, positions), 100.0), **ratio)
    return 0.85 * found + 0.15 * other


def test_a_long_run_is_smoothed_by_the_network_with_its_scores():
    scores = np.random.default_rng(1).random((120, 6))
    run = Run(detections(), 100.0, None, scores)
    found = by_auto(run)[0]
    np.testing.assert_allclose(found, mixed(run.positions, scores), atol=1e-4)
    (finding,) = run.findings
    assert (finding.method, finding.reason, finding.n_points) == ("pretrained", "", 720)
    assert finding.noise == pytest.approx(2.0 / np.ptp(detections(), axis=1).mean(), rel=1.5)


@pytest.mark.parametrize(
    ("positions", "reason"),
    [
        (detections(19), "fewer than 20 frames without a long gap"),
        (detections(60, 3), "3 axes"),
        (every_frame_but(2, 1), "no keypoint in three frames in a row"),
        (every_frame_but(3, 2), "no keypoint in three frames in a row"),
        (np.where(np.arange(60)[:, None, None] < 45, np.nan, detections(60)), "fewer than 20"),
    ],
)
def test_what_the_network_cannot_read_is_smoothed_by_kalman_and_why_is_reported(positions, reason):
    run = Run(positions, 100.0)
    found = by_auto(run)[0]
    params = kalman.fit_track([Run(positions, 100.0)], {"noise_ratio": None})
    np.testing.assert_array_equal(found, kalman.smooth_run(run, **params))
    assert run.findings[0].method == "kalman"
    assert run.findings[0].reason.startswith(reason)


def test_a_gate_replaces_only_points_outside_of_the_interval():
    noisy = detections()
    noisy[60, 2] += 90.0
    run = Run(noisy, 100.0)
    found = by_auto(run, gate=0.9)[0]
    smooth, info = mixed(noisy), smooth_pretrained(noisy)[1]
    outside = np.linalg.norm(smooth - noisy, axis=-1) > info.radius(0.9)
    assert outside[60, 2]
    assert outside.mean() < 0.5
    np.testing.assert_array_equal(found[~outside], noisy[~outside])
    np.testing.assert_allclose(found[outside], smooth[outside], atol=1e-4)


def test_a_clean_run_is_left_to_the_network_which_leaves_it_alone():
    t = np.arange(120)[:, None, None]
    places = 100 * np.random.default_rng(5).normal(size=(1, 6, 2))
    clean = 400 + places + 30 * np.sin(t / 30 + places)
    np.testing.assert_array_equal(by_auto(Run(clean, 100.0))[0], smooth_pretrained(clean)[0])


def test_a_larger_probability_has_a_larger_radius():
    info = smooth_pretrained(detections())[1]
    assert (info.radius(0.9) > info.radius(0.5)).all()
    with pytest.raises(ValueError, match="between 0 and 1, found 1"):
        info.radius(1.0)


@pytest.mark.parametrize("far_px", [2_000.0, -9_000.0])
def test_a_far_outlier_pulls_nothing_around_it(far_px: float) -> None:
    rng = np.random.default_rng(0)
    xy = 400 + 100 * rng.normal(size=(1, 17, 2)) + 3 * rng.normal(size=(200, 17, 2))
    wrong = xy.copy()
    wrong[20, 3] += far_px
    apart = np.abs(ps.smooth(wrong) - ps.smooth(xy))
    assert apart.max() < 6.0  # two standard deviations of the noise
