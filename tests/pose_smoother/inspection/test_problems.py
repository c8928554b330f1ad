"""Each kind of problem is planted and found, and a clean track has none."""

import dataclasses

import numpy as np
import pytest

from pose_smoother.inspection import problems
from pose_smoother.inspection.noise import body_size, keypoint_noise
from pose_smoother.poses.tracks import Track
from pose_smoother.smoothing.swap_detection import exchanged
from tests.pose_smoother.inspection.test_noise import track, walk


@pytest.fixture
def clean() -> Track:
    return track(walk(300, 1.0))


def outliers(one: Track) -> np.ndarray:
    return problems.outliers(one, keypoint_noise([one]), body_size(one.keypoints))


def jumps(one: Track) -> np.ndarray:
    return problems.jumps(one, body_size(one.keypoints), outliers(one))


def test_a_clean_track_has_no_problem(clean: Track) -> None:
    assert not outliers(clean).any()
    assert not jumps(clean).any()
    assert not problems.frozen(clean).any()
    assert not problems.repeated_frames(clean).any()
    assert not exchanged(clean, [(0, 1)]).any()
    assert problems.doubled_individuals((clean,)) == 0


def test_an_outlier_comes_back_and_is_no_jump(clean: Track) -> None:
    clean.keypoints[100:102, 1] += 90
    assert np.argwhere(outliers(clean)).tolist() == [[100, 1], [101, 1]]
    assert not jumps(clean).any()


def test_a_jump_stays(clean: Track) -> None:
    clean.keypoints[100:, 1] += 90
    assert np.argwhere(jumps(clean)).tolist() == [[100, 1]]


def test_a_frozen_keypoint_is_one_that_stays_while_others_move(clean: Track) -> None:
    clean.keypoints[50:57, 2] = clean.keypoints[50, 2]
    clean.keypoints[80:83, 2] = clean.keypoints[80, 2]  # too short
    assert np.argwhere(problems.frozen(clean)).tolist() == [[t, 2] for t in range(50, 57)]
    assert not problems.repeated_frames(clean).any()


def test_a_repeated_frame_is_not_frozen(clean: Track) -> None:
    clean.keypoints[60:70] = clean.keypoints[60]
    assert np.flatnonzero(problems.repeated_frames(clean)).tolist() == list(range(61, 70))
    assert not problems.frozen(clean).any()


def test_swapped_partners_are_found(clean: Track) -> None:
    clean.keypoints[40:43, [0, 1]] = clean.keypoints[40:43, [1, 0]]
    found = exchanged(clean, [(0, 1)])
    assert np.argwhere(found).tolist() == [[t, k] for t in (40, 41, 42) for k in (0, 1)]
    assert not exchanged(clean, []).any()


def test_an_individual_that_is_there_twice(clean: Track) -> None:
    again = dataclasses.replace(clean, keypoints=clean.keypoints + 0.3)
    elsewhere = dataclasses.replace(clean, keypoints=clean.keypoints + 60)
    assert problems.doubled_individuals((clean, again)) == 300
    assert problems.doubled_individuals((clean, elsewhere)) == 0
    assert problems.doubled_individuals((clean, dataclasses.replace(again, video="b"))) == 0
