"""Boxes from noisy keypoints: steady, unmoved by lone outliers, each run by itself."""

import numpy as np

from pose_smoother.boxes import boxes_around
from tests.trainer.inference.tracks import walk
from trainer.inference.stable_boxes import steady_boxes


def one_run(n):
    return np.zeros(n, np.int64), np.full(n, n - 1)


def still(n):
    return (walk(1) + np.zeros((n, 1, 1)))[:, :25]


def test_a_person_who_stands_still_has_the_tight_box_grown_as_in_training():
    keypoints = still(12)
    for expand, square in ((0.1, False), (0.3, True)):
        expected, _ = boxes_around(keypoints, expand, square)
        found = steady_boxes(keypoints, *one_run(12), expand, square)
        np.testing.assert_allclose(found, expected)


def test_a_lone_outlier_moves_no_box():
    keypoints = still(12)
    expected = steady_boxes(keypoints, *one_run(12))
    keypoints[5, 3] += 500
    keypoints[5, 7] = np.nan
    np.testing.assert_allclose(steady_boxes(keypoints, *one_run(12)), expected)


def test_noise_shakes_boxes_less_than_the_tight_ones():
    noisy = still(60) + np.random.default_rng(0).normal(0, 5, (60, 25, 2))
    steady, tight = steady_boxes(noisy, *one_run(60)), boxes_around(noisy)[0]
    assert steady.std(axis=0).mean() < 0.4 * tight.std(axis=0).mean()
    true = boxes_around(still(1))[0]
    assert np.abs(steady - true).mean() < 0.6 * np.abs(tight - true).mean()


def test_runs_do_not_see_each_other():
    a, b = still(4), still(7) + 300
    first, last = np.repeat([0, 4], [4, 7]), np.repeat([3, 10], [4, 7])
    both = steady_boxes(np.concatenate([a, b]), first, last)
    np.testing.assert_allclose(both[:4], steady_boxes(a, *one_run(4)))
    np.testing.assert_allclose(both[4:], steady_boxes(b, *one_run(7)))


def test_frames_far_from_any_box_take_the_nearest_and_a_run_without_has_none():
    keypoints = still(40)
    keypoints[10:30, 1:] = np.nan
    found = steady_boxes(keypoints, *one_run(40))
    np.testing.assert_allclose(found, steady_boxes(still(40), *one_run(40)))
    keypoints[:, 1:] = np.nan
    assert np.isnan(steady_boxes(keypoints, *one_run(40))).all()


def test_long_runs_are_cut_into_pieces_without_a_seam(monkeypatch):
    keypoints = walk(50)[:, :25]
    expected = steady_boxes(keypoints, *one_run(50))
    monkeypatch.setattr("trainer.inference.stable_boxes._CHUNK", 7)
    np.testing.assert_array_equal(steady_boxes(keypoints, *one_run(50)), expected)
