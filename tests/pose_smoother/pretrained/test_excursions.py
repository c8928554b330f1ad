"""Excursions: a keypoint that jumps elsewhere and comes back, and what is none."""

import numpy as np
import pytest

from pose_smoother.pretrained.excursions import LONGEST_FRAMES, excursions
from pose_smoother.pretrained.features import prepare
from pose_smoother.pretrained.smooth import smooth_pretrained

N_FRAMES, N_KEYPOINTS = 160, 6
BODY = 100.0


def motion() -> np.ndarray:
    """A body of 100 px that walks and swings, with a pixel of noise."""
    rng = np.random.default_rng(11)
    t = np.arange(N_FRAMES)[:, None, None]
    places = BODY * rng.uniform(-0.5, 0.5, size=(1, N_KEYPOINTS, 2))
    swing = 0.15 * BODY * np.sin(t / 9.0 + rng.normal(size=(1, N_KEYPOINTS, 2)))
    return 400.0 + places + swing + t * [[0.5, 0.0]]


def detections() -> np.ndarray:
    return motion() + np.random.default_rng(12).normal(size=(N_FRAMES, N_KEYPOINTS, 2))


def found(xy: np.ndarray, scores: np.ndarray | None = None) -> np.ndarray:
    return excursions(prepare(xy, scores))


@pytest.mark.parametrize("n_frames", [1, 4, 12, LONGEST_FRAMES])
def test_a_stretch_elsewhere_is_found_to_the_frame(n_frames: int) -> None:
    xy, expected = detections(), np.zeros((N_FRAMES, N_KEYPOINTS), bool)
    expected[60 : 60 + n_frames, 2] = True
    xy[expected] += [1.5 * BODY, -0.5 * BODY]
    np.testing.assert_array_equal(found(xy), expected)


def test_frames_between_that_are_right_are_kept() -> None:
    xy, expected = detections(), np.zeros((N_FRAMES, N_KEYPOINTS), bool)
    expected[60:88, 2] = True
    expected[[66, 67, 80], 2] = False
    xy[expected] += [1.5 * BODY, 0.0]
    np.testing.assert_array_equal(found(xy), expected)


def test_missing_points_are_no_part_of_it() -> None:
    xy, expected = detections(), np.zeros((N_FRAMES, N_KEYPOINTS), bool)
    expected[60:75, 2] = True
    xy[expected] += [1.5 * BODY, 0.0]
    xy[65:70, 2] = np.nan
    expected[65:70, 2] = False
    np.testing.assert_array_equal(found(xy), expected)


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (60, 60 + LONGEST_FRAMES + 1),  # as long as this, it may be the keypoint's way
        (0, 10),  # where it was before is not seen
        (150, 160),  # where it will be is not seen
        (80, 160),  # a cut of the film
    ],
)
def test_what_is_too_long_or_does_not_return_stays(start: int, stop: int) -> None:
    xy = detections()
    xy[start:stop, 2] += [1.5 * BODY, 0.0]
    assert not found(xy).any()


@pytest.mark.parametrize("n_frames", [4, 8])
def test_a_quick_gesture_is_none(n_frames: int) -> None:
    """A few frames out, a while there, and back: 1.2 body sizes."""
    xy = detections()
    way = np.r_[np.arange(n_frames), [n_frames] * 12, np.arange(n_frames)[::-1]] / n_frames
    xy[60 : 60 + len(way), 2, 0] += 1.2 * prepare(xy, None).size * way
    assert not found(xy).any()


def test_at_few_frames_a_second_a_gesture_jumps() -> None:
    """A jump of two body sizes, and a stretch of 24 frames, at several frame rates."""
    xy = detections()
    size = prepare(xy, None).size
    xy[60:84, 2, 0] += 2.0 * size
    ready = prepare(xy, None)
    assert excursions(ready).sum() == 24
    assert excursions(ready, 60.0).sum() == 24
    assert not excursions(ready, 15.0).any()  # it lasts for longer than a second
    xy[70:84, 2] = detections()[70:84, 2]
    assert excursions(prepare(xy, None), 15.0).sum() == 10
    assert not excursions(prepare(xy, None), 7.0).any()  # there was time to move so far


def test_leaving_slowly_is_motion_though_it_jumps_back() -> None:
    xy = detections()
    size = prepare(xy, None).size
    xy[60:80, 2, 0] += size * np.linspace(0.4, 3.0, 20)
    assert not found(xy).any()


def test_far_in_many_frames_is_no_jump() -> None:
    """Missing for a while, elsewhere, missing, back: there was time to walk."""
    xy = detections()
    xy[60:70, 2, 0] += 2.2 * prepare(xy, None).size
    xy[56:60, 2] = xy[70:74, 2] = np.nan
    assert not found(xy).any()


@pytest.mark.parametrize("missing", [0, LONGEST_FRAMES + 5])
def test_both_sides_of_a_cut_are_judged(missing: int) -> None:
    xy, expected = detections(), np.zeros((N_FRAMES, N_KEYPOINTS), bool)
    expected[40:45, 2] = expected[130:135, 2] = True
    xy[80:] += [20.0 * BODY, 0.0]
    xy[80 : 80 + missing, 2] = np.nan
    xy[expected] -= [0.0, 1.5 * BODY]
    np.testing.assert_array_equal(found(xy), expected)


def test_a_keypoint_that_often_moves_so_is_left_alone() -> None:
    """Jumps are judged by the keypoint's own quick steps."""
    xy = detections()
    xy[:, 2, 0] += np.repeat(np.tile([0.0, 1.5], 5), 16) * BODY
    assert not found(xy).any()


def test_a_keypoint_that_is_elsewhere_half_of_the_time_is_left_alone() -> None:
    xy = detections()
    for start in (10, 60, 110):
        xy[start : start + 26, 2] += [1.5 * BODY, 0.0]
    assert not found(xy).any()


def test_noise_that_is_large_is_none() -> None:
    rng = np.random.default_rng(4)
    assert not found(motion() + 0.25 * BODY * rng.standard_t(4, (N_FRAMES, N_KEYPOINTS, 2))).any()


def test_place_size_and_order_do_not_matter() -> None:
    xy = detections()
    xy[60:80, 2] += [1.5 * BODY, 0.0]
    xy[100:103, 4] -= [0.0, BODY]
    expected = found(xy)
    order = np.random.default_rng(3).permutation(N_KEYPOINTS)
    assert expected.sum() == 23
    np.testing.assert_array_equal(found(0.25 * xy[:, order, ::-1] - 40.0), expected[:, order])
    np.testing.assert_array_equal(found(xy[::-1]), expected[::-1])


def test_the_smoother_puts_it_back_and_marks_it() -> None:
    xy, away = detections(), np.zeros((N_FRAMES, N_KEYPOINTS), bool)
    away[60:84, 2] = True
    xy[away] += [1.5 * BODY, 0.0]
    smooth, info = smooth_pretrained(xy)
    error = np.linalg.norm(smooth - motion(), axis=-1)
    assert error[away].max() < 0.25 * BODY  # along a line over 24 frames of swing
    assert error[~away].max() < 0.05 * BODY
    np.testing.assert_array_equal(info.outliers & away, away)


def test_points_of_a_low_score_inside_are_read_where_scores_are_wrong() -> None:
    """The detector is sure of the wrong place; that its good points are far is its own fault."""
    xy, away = detections(), np.zeros((N_FRAMES, N_KEYPOINTS), bool)
    away[60:88, 2] = True
    away[[66, 67, 80], 2] = False
    xy[away] += [1.5 * BODY, 0.0]
    doubtful = np.zeros_like(away)
    doubtful[[66, 67, 80], 2] = True
    np.testing.assert_array_equal(
        smooth_pretrained(xy, doubtful=doubtful)[0], smooth_pretrained(xy)[0]
    )


def test_doubtful_points_are_replaced_and_drag_no_others() -> None:
    xy, doubtful = detections(), np.zeros((N_FRAMES, N_KEYPOINTS), bool)
    doubtful[60:64, 2] = True
    xy[doubtful] += 0.2 * BODY
    smooth, info = smooth_pretrained(xy, doubtful=doubtful)
    missing = np.where(doubtful[..., None], np.nan, xy)
    np.testing.assert_allclose(
        smooth[~doubtful], smooth_pretrained(missing)[0][~doubtful], atol=1e-9
    )
    assert np.linalg.norm(smooth - motion(), axis=-1)[doubtful].max() < 0.1 * BODY
    assert info.outliers[doubtful].all()
