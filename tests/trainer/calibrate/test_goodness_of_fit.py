"""Goodness of fit, the nearest of the thesis's settings, and doubts worth telling."""

from dataclasses import replace

import numpy as np
import pytest

from pose_smoother.poses.keypoint_names import mapping
from pose_smoother.poses.tracks import Poses
from pose_smoother.skeleton import INDEX
from tests.trainer.calibrate.made import detections, truth
from tests.trainer.made_noise import detector
from trainer.calibrate.estimate import estimate
from trainer.calibrate.goodness_of_fit import distances, doubts, lag_frames, nearest
from trainer.calibrate.pairs import pair_up
from trainer.experiments import RANDOM_SIGMA_PX


def paired(found, real):
    return pair_up(found, real, mapping(found.names), mapping(real.names))


@pytest.fixture(scope="module")
def real():
    return truth(12, 50, missing=0.0)


@pytest.mark.parametrize(
    ("spread_px", "widths", "expected"),
    [
        (3.0, None, "1.1"),
        (6.0, RANDOM_SIGMA_PX, "2.1"),
        (5.4, (1.0, 1.25), "2.2"),
        (3.3, (1.0,), "1.2"),
    ],
)
def test_k_is_found(real, spread_px, widths, expected):
    pairs = paired(detections(real, detector(spread_px=(spread_px, spread_px))), real)
    estimates = estimate(pairs)
    found = nearest(estimates, pairs, None if widths is None else np.array(widths))
    assert found.k == pytest.approx(spread_px / 3, rel=0.03)
    assert found.experiment == expected
    assert found.distance < 0.05  # of 600 errors a keypoint, 0.035 is chance


def test_a_fit_is_nearer_than_any_k_where_noise_is_not_plain(real):
    noise = detector(outliers=0.1, outlier_spread_px=(12.0, 12.0), bias_px=(2.0, 0.0), swapped=0.05)
    pairs = paired(detections(real, noise), real)
    estimates = estimate(pairs)
    found = nearest(estimates, pairs, None)
    assert found.distance > 0.1
    assert found.distance_of_fit < 0.04
    assert max(distances(estimates["left_wrist"])) < 0.06


def test_frames_numbered_otherwise_are_noticed(real):
    late = replace(real, tracks=tuple(replace(t, frame=t.frame + 1) for t in real.tracks))
    assert lag_frames(paired(late, real)) == pytest.approx(1.0, abs=0.15)
    pairs = paired(late, real)
    (doubt,) = [d for d in doubts({}, pairs) if "late" in d]
    assert "1.0 frames late" in doubt
    assert abs(lag_frames(paired(detections(real, detector()), real))) < 0.3


def test_sides_that_mean_the_opposite_are_noticed(real):
    other = tuple(
        n.replace("left", "L").replace("right", "left").replace("L", "right") for n in real.names
    )
    pairs = paired(replace(detections(real, detector()), names=other), real)
    estimates = estimate(pairs)
    assert estimates["left_knee"].measures["swapped"].value > 0.9
    assert any("swapped in most frames (left_" in d for d in doubts(estimates, pairs))


def test_keypoints_with_few_detections_are_not_fitted(real):
    tracks = [
        replace(t, keypoints=np.where(
            (np.arange(25) == INDEX["left_hip"])[:, None] & (t.frame > 3)[:, None, None],
            np.nan, t.keypoints,
        ))
        for t in detections(real, detector(missing=0.1)).tracks
    ]  # fmt: skip
    pairs = paired(Poses(real.names, tuple(tracks), (), None), real)
    estimates = estimate(pairs)
    assert not estimates["left_hip"].is_fitted
    assert set(estimates["left_hip"].measures) == {"missing"}
    assert estimates["right_hip"].is_fitted
    assert estimates["right_hip"].measures["swapped"].value == 0
    (told,) = doubts(estimates, pairs)
    assert f"left_hip ({estimates['left_hip'].n})" in told


def test_frames_that_don_t_follow_are_noticed(real):
    some = tuple(
        replace(t, frame=t.frame[::3], keypoints=t.keypoints[::3], score=t.score[::3])
        for t in detections(real, detector()).tracks
    )
    pairs = paired(replace(real, tracks=some), real)
    told = doubts(estimate(pairs), pairs)
    assert any(text.startswith("too few frames follow each other to measure") for text in told)
    assert not any("follow" in text for text in doubts(*_whole(real)))


def _whole(real):
    pairs = paired(detections(real, detector()), real)
    return estimate(pairs), pairs
