"""Low scores: which points are left out by default, and what scores weigh."""

import numpy as np
import pytest

from pose_smoother.filters import filter_module
from pose_smoother.filters.base import Run
from pose_smoother.filters.score_weights import weights
from pose_smoother.poses.tracks import Floats, Poses, Track
from pose_smoother.smoothing.chain import make_chain
from pose_smoother.smoothing.scores import default_min_score, implausible
from pose_smoother.smoothing.tracks import Rules, smooth_track, smooth_tracks

N_FRAMES = 80


def walk() -> Floats:
    rng = np.random.default_rng(5)
    return 300 + np.cumsum(rng.normal(1, 2, (N_FRAMES, 4, 2)), axis=0)


def track(keypoints: Floats, score: Floats, frame: list[int] | None = None) -> Track:
    frames = np.arange(len(keypoints)) if frame is None else np.array(frame)
    return Track("a", "", "a", frames, keypoints, score)


def detections() -> tuple[Floats, Floats, Floats]:
    """Positions with outliers of low score, the scores, and where the outliers are."""
    rng = np.random.default_rng(6)
    keypoints, score = walk(), np.full((N_FRAMES, 4), 0.9)
    bad = rng.random(score.shape) < 0.1
    keypoints[bad] += rng.choice([-170, 170], (int(bad.sum()), 2))
    score[bad] = 0.02
    return keypoints, score, bad


def test_outliers_of_low_score_are_left_out_and_others_are_not() -> None:
    keypoints, score, bad = detections()
    good_but_low = ~bad & (np.random.default_rng(7).random(bad.shape) < 0.2)
    score[good_but_low] = 0.1
    found = implausible(track(keypoints, score), 0.6)
    assert (found == bad).all()
    confident = np.where(bad, 0.9, score)  # an outlier of a high score is the filters' task
    assert not implausible(track(keypoints, confident), 0.6).any()


@pytest.mark.parametrize("scale", [float("nan"), 100.0, 0.0])
def test_scores_that_are_no_probabilities_reject_nothing(scale: float) -> None:
    keypoints, score, _ = detections()
    assert not implausible(track(keypoints, score * scale), 60.0).any()


def test_a_keypoint_without_confident_points_nearby_is_not_judged() -> None:
    keypoints, score, _ = detections()
    frame = [*range(40), *range(60, 100)]
    score[:, 0] = 0.02
    score[40:, 1] = 0.02  # the nearest confident point is 21 frames away
    found = implausible(track(keypoints, score, frame), 0.6)
    assert not found[:, 0].any()
    assert not found[40:, 1].any()


@pytest.mark.parametrize("name", ["gaussian", "kalman", "median", "auto"])
def test_good_points_are_not_dragged_by_default(name: str) -> None:
    keypoints, score, bad = detections()
    one = track(keypoints, score)
    chain = make_chain(name)
    blanked = smooth_track(one, chain, Rules(min_score=0.6)).keypoints
    found = smooth_track(one, chain, Rules())
    np.testing.assert_array_equal(found.keypoints[~bad], blanked[~bad])
    dragged = smooth_track(one, chain, Rules(min_score=0)).keypoints
    assert np.abs(dragged - blanked)[~bad].max() > 5
    if name == "auto":  # the network puts outliers back to their place
        assert not found.rejected.any()
        assert found.replaced is not None
        np.testing.assert_array_equal(found.replaced, bad)
        away = np.linalg.norm(found.keypoints - keypoints, axis=-1)
        assert np.median(away[bad]) > 150
    else:
        np.testing.assert_array_equal(found.rejected, bad)
        np.testing.assert_array_equal(found.keypoints[bad], keypoints[bad])


def test_the_default_is_the_formats() -> None:
    assert (default_min_score("dlc"), default_min_score("openpose")) == (0.6, 0.3)
    keypoints, score, bad = detections()
    score[bad] = 0.45
    one = track(keypoints, score)
    for format, n_rejected in (("dlc", int(bad.sum())), ("openpose", 0)):
        poses = Poses(("a", "b", "c", "d"), (one,), (), None, format)
        (found,) = smooth_tracks(poses, make_chain("gaussian"), Rules())
        assert found.rejected.sum() == n_rejected


def test_weights_are_scores_over_the_keypoints_mean() -> None:
    keypoints, score = walk(), np.full((N_FRAMES, 4), 0.5)
    score[::2, 0] = 1.0
    score[3, 1] = np.nan
    keypoints[4, 0] = np.nan
    found = weights(Run(keypoints, 1.0, scores=score))
    assert found is not None
    present = np.isfinite(keypoints[:, 0, 0])
    np.testing.assert_allclose(
        found[present, 0], score[present, 0] / score[present, 0].mean(), rtol=1e-12
    )
    np.testing.assert_array_equal(found[:, 1:], 1.0)
    for useless in (None, np.full_like(score, np.nan), np.full_like(score, 0.7), 100 * score):
        assert weights(Run(keypoints, 1.0, scores=useless)) is None


@pytest.mark.parametrize("name", ["kalman", "gcv-spline"])
def test_weighted_smoothing_is_the_solution_of_weighted_least_squares(name: str) -> None:
    rng = np.random.default_rng(8)
    values, score = rng.normal(size=(12, 1, 2)), rng.uniform(0.2, 1, (12, 1))
    values[5] = np.nan
    score[5] = np.nan
    run = Run(values, 1.0, scores=score)
    params = {"noise_ratio": 0.5} if name == "kalman" else {"penalty": 2.0}
    found = filter_module(name).smooth_run(run, **params)
    weight = np.nan_to_num(score[:, 0] / np.nanmean(score))
    # Minimise sum w (y - x)^2 + 2 * integral of the squared second derivative: the natural cubic
    # spline through x, whose integral is a quadratic form of its values (Green & Silverman 1994).
    n = len(values)
    second = np.zeros((n, n - 2))
    inner = np.zeros((n - 2, n - 2))
    for j in range(n - 2):
        second[j : j + 3, j] = [1, -2, 1]
        inner[j, j] = 2 / 3
        if j:
            inner[j, j - 1] = inner[j - 1, j] = 1 / 6
    roughness = second @ np.linalg.solve(inner, second.T)
    expected = np.linalg.solve(
        np.diag(weight) + 2 * roughness, weight[:, None] * np.nan_to_num(values[:, 0])
    )
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6, atol=1e-8)


def test_a_point_of_low_score_pulls_kalman_less() -> None:
    keypoints = np.zeros((30, 1, 2))
    keypoints[15] = 10.0
    low, high = np.full((30, 1), 0.9), np.full((30, 1), 0.9)
    low[15] = 0.3
    smooth = filter_module("kalman").smooth_run
    pulls = [
        np.abs(smooth(Run(keypoints, 1.0, scores=s), noise_ratio=0.3)[14]).max()
        for s in (low, high)
    ]
    assert pulls[0] < pulls[1] / 2


def test_the_lower_the_score_the_nearer_a_point_must_be() -> None:
    keypoints = 100 + np.random.default_rng(9).normal(0, 1, (N_FRAMES, 1, 2))
    keypoints[[20, 40, 60]] = 108.0  # 11 away, where a noise of 1 is usual
    score = np.full((N_FRAMES, 1), 0.9)
    score[[20, 40, 60], 0] = [0.0, 0.1, 0.59]
    found = implausible(track(keypoints, score), 0.6)
    assert np.flatnonzero(found[:, 0]).tolist() == [20, 40]
