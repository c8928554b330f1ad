"""Body size, jitter and noise against definitions and noise of a known size."""

import numpy as np
import pytest

from pose_smoother.inspection.noise import body_size, jitter_lengths, keypoint_noise
from pose_smoother.poses.tracks import Track


def track(keypoints: np.ndarray, frame: np.ndarray | None = None, step: int = 1) -> Track:
    n, k, _ = keypoints.shape
    frame = np.arange(n) * step if frame is None else frame
    return Track("a", "", "a", frame, keypoints, np.full((n, k), np.nan), step)


def walk(n: int, sd: float, seed: int = 0) -> np.ndarray:
    """Three keypoints, 100 px apart, that sway slowly, with white noise."""
    base = np.array([[0.0, 0], [100, 0], [50, 80]])
    sway = 40 * np.sin(np.arange(n) / 12)[:, None, None]
    return base + sway + np.random.default_rng(seed).normal(size=(n, 3, 2)) * sd


@pytest.mark.parametrize("sd", [0.5, 3.0])
def test_white_noise_is_measured(sd: float) -> None:
    found = keypoint_noise([track(walk(4000, sd))])
    np.testing.assert_allclose(found, sd, rtol=0.06)


def test_outliers_do_not_raise_the_noise() -> None:
    keypoints = walk(4000, 2.0)
    keypoints[::100] += 200
    assert keypoint_noise([track(keypoints)]).max() < 2 * 1.15


def test_noise_is_unknown_without_five_frames_in_a_row() -> None:
    keypoints = walk(40, 1.0)
    keypoints[::4, 1] = np.nan
    found = keypoint_noise([track(keypoints)])
    assert np.isnan(found).tolist() == [False, True, False]


def test_jitter_is_the_second_difference_within_runs() -> None:
    keypoints = walk(12, 1.0)
    frame = np.array([0, 2, 4, 6, 8, 20, 22, 24, 26, 28, 30, 32])
    found = jitter_lengths(track(keypoints, frame, step=2))
    for t in range(12):
        inside = 0 < t < 11 and frame[t + 1] - frame[t - 1] == 4
        for k in range(3):
            if inside:
                second = keypoints[t - 1, k] - 2 * keypoints[t, k] + keypoints[t + 1, k]
                assert found[t, k] == pytest.approx(np.hypot(*second))
            else:
                assert np.isnan(found[t, k])


def test_body_size_is_the_root_mean_square_distance_from_the_centre() -> None:
    keypoints = walk(9, 0.0)
    centred = keypoints[4] - keypoints[4].mean(axis=0)
    expected = np.sqrt((centred**2).sum(axis=-1).mean())
    assert body_size(keypoints) == pytest.approx(expected)
    keypoints[0] = np.nan
    keypoints[1, 0] = np.nan  # frames with fewer keypoints do not count
    assert body_size(keypoints) == pytest.approx(expected)
    assert np.isnan(body_size(np.full((4, 3, 2), np.nan)))
    assert body_size(walk(200, 0.0)[:, :1]) == pytest.approx(40, rel=0.01)
