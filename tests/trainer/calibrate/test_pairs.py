"""Detections beside the truth: boxes as in training, persons by place, nothing lost in silence."""

from dataclasses import replace

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.keypoint_names import mapping
from pose_smoother.poses.tracks import Poses
from pose_smoother.skeleton import INDEX, KEYPOINTS
from tests.trainer.calibrate.made import detections, track, truth
from tests.trainer.made_noise import detector
from trainer.calibrate.pairs import pair_up


def paired(found, real, **options):
    return pair_up(found, real, mapping(found.names), mapping(real.names), **options)


@pytest.fixture(scope="module")
def real():
    return truth(6, 30)


def test_errors_are_in_pixels_of_the_truth_s_own_box(real):
    pairs = paired(detections(real, detector(bias_px=(2.0, -3.0), spread_px=(0.0, 0.0))), real)
    found = pairs.errors[pairs.annotated]
    np.testing.assert_allclose(found, [[2.0, -3.0]] * len(found), atol=1e-4)
    assert np.nanmin(pairs.truth) == pytest.approx(2.5, abs=1e-4)
    assert np.nanmax(pairs.truth) == pytest.approx(52.5, abs=1e-4)
    assert pairs.counts["frames compared"] == len(pairs.truth) == 6 * 30
    assert pairs.videos == tuple(f"clip{i:03d}" for i in range(6))


def test_frames_follow_but_for_gaps_and_new_clips(real):
    pairs = paired(real, real)
    starts = np.flatnonzero(~pairs.follows)
    assert starts.tolist() == sorted({*range(0, 180, 30), 15, 105})  # every third clip has a gap


def test_undetected_keypoints_and_frames_are_distinguished(real):
    found = detections(real, detector(missing=0.2))
    first = found.tracks[0]
    cut = replace(
        first,
        frame=np.delete(first.frame, [0, 5]),
        keypoints=np.delete(first.keypoints, [0, 5], axis=0),
        score=np.delete(first.score, [0, 5], axis=0),
    )
    pairs = paired(replace(found, tracks=(cut, *found.tracks[1:])), real)
    assert pairs.counts["frames without a detection"] == 1  # frame 0 was never looked at
    assert len(pairs.truth) == 178
    there = np.isfinite(pairs.detected[..., 0])
    assert there[pairs.annotated].mean() == pytest.approx(0.8, abs=0.03)
    assert pairs.follows[:5].tolist() == [False, True, True, True, False]


def test_low_scores_count_as_missed(real):
    scored = [
        replace(one, score=np.where(np.arange(25) < 12, 0.1, 0.9) * np.ones_like(one.score))
        for one in real.tracks
    ]
    pairs = paired(replace(real, tracks=tuple(scored)), real, min_score=0.5)
    assert not np.isfinite(pairs.detected[:, :12]).any()
    assert np.isfinite(pairs.detected[:, 15:21]).any()
    assert np.isfinite(paired(real, real, min_score=0.5).errors).any()  # NaN is no low score


def two_people(order):
    """Two people in one video, whose tracks in the detections change hands at frame 10."""
    rng = np.random.default_rng(0)
    frame = np.arange(20)
    poses = [rng.uniform(0, 100, (1, 25, 2)) + np.array([400.0 * i, 0]) for i in (0, 1)]
    people = [pose + np.cumsum(rng.normal(size=(20, 1, 2)), axis=0) for pose in poses]
    if order == "changing":
        late = frame[:, None, None] >= 10
        a, b = people
        people = [np.where(late, b, a), np.where(late, a, b)]
    return Poses(
        KEYPOINTS, tuple(track(f"{order}{i}", frame, p) for i, p in enumerate(people)), (), None
    )


def test_persons_are_matched_by_place_in_every_frame():
    pairs = paired(two_people("changing"), two_people("steady"))
    assert len(pairs.truth) == 40
    assert np.nanmax(np.abs(pairs.errors)) == pytest.approx(0.0, abs=1e-4)


def test_a_detection_of_someone_else_is_not_taken():
    both = two_people("steady")
    stranger = replace(both.tracks[1], keypoints=both.tracks[1].keypoints + 2000.0)
    pairs = paired(replace(both, tracks=(both.tracks[0], stranger)), both)
    assert len(pairs.truth) == 20
    assert np.nanmax(np.abs(pairs.errors)) == pytest.approx(0.0, abs=1e-4)


def test_skeletons_meet_in_what_both_have(real):
    names = ("left_wrist", "tail", "nose")
    columns = [INDEX["left_wrist"], 0, INDEX["nose"]]
    small = [
        replace(one, keypoints=one.keypoints[:, columns], score=one.score[:, columns])
        for one in real.tracks
    ]
    pairs = paired(Poses(names, tuple(small), (), None), real)
    assert np.flatnonzero(pairs.known).tolist() == [INDEX["nose"], INDEX["left_wrist"]]
    assert np.nanmax(np.abs(pairs.errors)) == pytest.approx(0.0, abs=1e-4)
    assert not pairs.annotated[:, INDEX["right_wrist"]].any()


def renamed(poses, name):
    return replace(poses, tracks=tuple(replace(t, video=name(t.video)) for t in poses.tracks))


def test_videos_of_one_file_alone_are_reported(real):
    some = replace(real, tracks=real.tracks[:4])
    (told,) = paired(some, real).warnings
    assert told.startswith("2 videos are in the ground truth alone and are left out: 'clip00")
    one = replace(real, tracks=real.tracks[:1])
    assert paired(renamed(one, lambda v: "other"), one).videos == (real.tracks[0].video,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda p: renamed(p, lambda v: f"{v}.mp4"),
            "no video in common: the detections have 'clip",
        ),
        (
            lambda p: replace(p, tracks=tuple(replace(t, frame=t.frame + 1000) for t in p.tracks)),
            "frame numbers of the two files the same. Detections have frames 1001 … 1031",
        ),
    ],
)
def test_nothing_in_common_is_an_error_in_words(real, change, message):
    with pytest.raises(InvalidInputError, match=message):
        paired(change(real), real)


def test_no_keypoint_in_common(real):
    wrists = ("left_wrist", "right_wrist")
    columns = [INDEX[name] for name in wrists]
    hips = Poses(("left_hip",), (track("a", np.arange(3), np.zeros((3, 1, 2))),), (), None)
    found = Poses(
        wrists, tuple(track(t.id, t.frame, t.keypoints[:, columns]) for t in real.tracks), (), None
    )
    with pytest.raises(
        InvalidInputError, match="no keypoint in common: the detections have left_wrist"
    ):
        paired(found, hips)
