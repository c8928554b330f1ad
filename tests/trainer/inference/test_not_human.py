"""A run on what is no human: refused, or smoothed by --force; mean shifts, and taking them out."""

import logging

import numpy as np
import pytest
from click.testing import CliRunner

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.keypoint_names import mapping
from pose_smoother.poses.tracks import Poses
from pose_smoother.skeleton import INDEX, KEYPOINTS
from pose_smoother.smoothing.summary import Summary
from tests.trainer.inference.tracks import NAMES, human, poses, smoother, track, walk
from trainer import cli
from trainer.inference import predict as module
from trainer.inference.plausibility import problems
from trainer.inference.predict import predict
from trainer.inference.shift import mean_shifts, without_mean_shift

MOUSE = ("nose", "left_ear", "right_ear", "tail_base")
PARTS = ("nose", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
PENN = np.array([name.split("_")[-1] in PARTS for name in KEYPOINTS])


def mouse(n_frames=20):
    """Float64 (n, 4, 2): seen from above, running to the right."""
    body = np.array([[30.0, 0.0], [22.0, 6.0], [22.0, -6.0], [-30.0, 0.0]])
    return body[None] + np.arange(n_frames)[:, None, None] * [2.0, 0.5] + 100


def mouse_poses():
    return Poses(MOUSE, (track(mouse()),), (), None)


def reasons(positions, names=NAMES, trained=PENN):
    given = Poses(tuple(names), (track(positions),), (), None)
    return problems(given, mapping(tuple(names)), trained)


def test_a_human_is_no_problem():
    assert reasons(walk(20)) == []
    upper = [i for i, name in enumerate(NAMES) if name in MOUSE or "shoulder" in name]
    upper += [i for i, name in enumerate(NAMES) if "elbow" in name or "wrist" in name]
    assert reasons(walk(20)[:, upper], [NAMES[i] for i in upper]) == []  # 7 of the 13


def test_a_mouse_has_too_few_keypoints_and_no_shoulders():
    few, no_trunk = reasons(mouse(), MOUSE)
    assert few.startswith("1 of the 13 keypoints that it was trained on are in the input")
    assert no_trunk == "neither both shoulders nor both hips are in the input"


def test_columns_without_a_position_do_not_count():
    positions = walk(20)
    positions[:, INDEX["left_shoulder"] :] = np.nan
    assert len(reasons(positions)) == 2


def test_a_scrambled_skeleton_has_implausible_proportions():
    scrambled = human() + np.zeros((20, 1, 1))
    swapped = [INDEX["left_elbow"], INDEX["left_ankle"]]
    scrambled[:, swapped] = scrambled[:, swapped[::-1]]
    scrambled[0] = np.nan
    found = reasons(scrambled)
    assert found == [
        "left shoulder to elbow is 4.1 times as long as in a human of these proportions (at most 4)"
    ]


def test_a_few_outliers_are_no_other_animal():
    positions = walk(20)
    positions[::4, INDEX["left_wrist"]] += 900
    assert reasons(positions) == []


def run_that(smooth=np.copy):
    return smoother(smooth, keypoints=PENN, is_run=True, n_frames=1, name="run")


def test_a_mouse_is_refused_and_nothing_is_written(monkeypatch, tmp_path, caplog):
    np.savez(tmp_path / "in.npz", keypoints=mouse(), names=list(MOUSE))
    out = tmp_path / "out.npz"
    with pytest.raises(InvalidInputError, match=r"does not look like one: 1 of the 13 .* --force"):
        predict(tmp_path / "in.npz", out, run_that())
    assert not out.exists()
    with caplog.at_level(logging.WARNING):
        predict(tmp_path / "in.npz", out, run_that(), force=True)
    assert "the input does not look like one" in caplog.text
    assert out.exists()


def test_a_filter_takes_any_animal(tmp_path):
    np.savez(tmp_path / "in.npz", keypoints=mouse(), names=list(MOUSE))
    options = ["--smoother", "mean", "--out", tmp_path / "out.npz"]
    done = CliRunner().invoke(cli.main, ["predict", *map(str, [tmp_path / "in.npz", *options])])
    assert done.exit_code == 0, done.output


def nose_up(windows):
    """The nose three heatmap pixels higher, all else as it is."""
    moved = windows.copy()
    moved[:, :, INDEX["nose"], 1] -= 3.0
    return moved


def test_a_steady_shift_is_reported_and_taken_out(tmp_path, caplog):
    keypoints = walk(30)
    np.savez(tmp_path / "in.npz", keypoints=keypoints, names=list(NAMES))
    with caplog.at_level(logging.INFO):
        done = predict(tmp_path / "in.npz", tmp_path / "out.npz", run_that(nose_up))
    nose = {shift.name: shift for shift in done.shifts}["nose"]
    assert nose.is_steady
    assert nose.mean[1] < -5  # the box is some 300 px high, and a heatmap 56
    (warning,) = [
        r.getMessage()
        for r in caplog.records
        if r.levelno == logging.WARNING and "steadily" in r.getMessage()
    ]
    assert "nose" in warning
    assert "left_wrist" not in warning
    assert "--keep-mean" in warning
    with np.load(tmp_path / "out.npz") as found:
        moved = found["keypoints"][:, 0] - keypoints[:, 0]
    np.testing.assert_allclose(moved.mean(axis=0), nose.mean, atol=1e-3)
    caplog.clear()
    predict(tmp_path / "in.npz", tmp_path / "kept.npz", run_that(nose_up), keep_mean=True)
    assert "steadily" not in caplog.text
    with np.load(tmp_path / "kept.npz") as found:
        left = found["keypoints"][:, 0] - keypoints[:, 0]
    np.testing.assert_allclose(left.mean(axis=0), 0.0, atol=1e-3)
    assert (left != 0).any()  # the jitter's change stays


def test_noise_alone_is_no_steady_shift():
    rng = np.random.default_rng(0)
    raw = human() + rng.normal(0, 20, (30, 26, 2))
    given = poses(track(raw))
    (smoothed,) = [raw.mean(axis=0, keepdims=True) + rng.normal(0, 20, raw.shape)]
    found = mean_shifts(given, mapping(NAMES), [smoothed])
    assert max(shift.share for shift in found) > 0.02
    assert not any(shift.is_steady for shift in found)


def test_what_was_not_moved_is_not_shifted():
    raw = walk(10)
    raw[2, 3] = np.nan
    after = raw.copy()
    after[4:, 3] += [2.0, 0.0]
    (found,) = without_mean_shift(poses(track(raw)), [after])
    np.testing.assert_array_equal(found, np.where(np.isnan(raw), np.nan, raw + (found - raw)))
    np.testing.assert_allclose(found[4:, 3], raw[4:, 3])
    np.testing.assert_array_equal(found[:4], raw[:4])


def test_the_command_passes_both_options_on(monkeypatch, tmp_path):
    asked = {}

    def noted(source, out, smoother, **chosen):
        asked.update(chosen)
        summary = Summary(1, 1, 1, 1, 0, 0, 0, 0, *[float("nan")] * 5)
        return module.Predicted(summary, ("nose",))

    monkeypatch.setattr(module, "predict", noted)
    options = ["x.csv", "--smoother", "mean", "--out", str(tmp_path / "o.csv")]
    assert CliRunner().invoke(cli.main, ["predict", *options]).exit_code == 0
    assert (asked["force"], asked["keep_mean"]) == (False, False)
    both = [*options, "--force", "--keep-mean"]
    assert CliRunner().invoke(cli.main, ["predict", *both]).exit_code == 0
    assert (asked["force"], asked["keep_mean"]) == (True, True)
