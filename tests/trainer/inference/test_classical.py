"""Classical smoothers on tracks, and where their parameters come from."""

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.filters import SMOOTHERS
from pose_smoother.poses.keypoint_names import mapping
from tests.trainer.fake_store import make_store
from tests.trainer.inference.tracks import NAMES, poses, track, walk
from trainer.evaluation.baselines import BaselinesConfig, baselines
from trainer.inference.classical import DEFAULTS, FitData, classical, parameters
from trainer.inference.sliding_window import smooth_poses


def through(smoother, keypoints):
    return smooth_poses(poses(track(keypoints)), mapping(NAMES), smoother)[0]


def jittery(n=60):
    return walk(1) + np.random.default_rng(2).normal(0, 2, (n, 26, 2))


def test_every_smoother_of_the_results_table_has_defaults_and_runs():
    assert set(DEFAULTS) == set(SMOOTHERS)
    store = make_store(n_clips=10, n_frames=16, missing=0.0)
    for name in SMOOTHERS:
        found = through(classical(name, parameters(name), FitData(store, "1.1")), jittery())
        known = 25 if name != "lmmse" else 15
        error = np.abs(found - walk(1))[:, :25].mean(axis=(0, 2))
        raw = np.abs(jittery() - walk(1))[:, :25].mean(axis=(0, 2))
        if name in ("identity", "lmmse"):  # the fake store's person is another one
            assert np.isfinite(found).all()
        else:
            assert (error < 0.8 * raw).all(), name
        changed = (found != jittery())[:, :25].any(axis=(0, 2))
        assert changed.sum() == known


def test_one_euro_runs_along_the_whole_track_and_looks_at_no_later_frame():
    one_euro = classical("one-euro", parameters("one-euro"))
    keypoints = walk(1) + np.zeros((30, 1, 1))
    keypoints[20:, 4] += 3.0
    found = through(one_euro, keypoints)
    np.testing.assert_allclose(found[:20, 4], keypoints[:20, 4], atol=1e-2)
    approach = np.linalg.norm(found[20:, 4] - keypoints[20:, 4], axis=-1)
    assert (np.diff(approach) < 0).all()
    assert approach[0] > 0.5


def test_the_mean_is_averaged_over_windows_of_five():
    keypoints = walk(1) + np.zeros((30, 1, 1))
    keypoints[15, 4] += 10.0
    found = through(classical("mean", {}), keypoints)[:, 4] - keypoints[0, 4]
    triangle = np.array([1, 2, 3, 4, 5, 4, 3, 2, 1]) / 25 * 10
    np.testing.assert_allclose(found[11:20], np.stack([triangle] * 2, axis=1), atol=2e-2)


def test_parameters_are_defaults_then_tuned_then_given(tmp_path):
    assert parameters("savgol") == DEFAULTS["savgol"]
    baselines(
        BaselinesConfig("1.1", smoothers=("savgol", "mean")),
        make_store(n_clips=10, n_frames=16),
        tmp_path,
    )
    run = tmp_path / "baselines-1.1-seed0"
    tuned = parameters("savgol", run)
    assert tuned in [dict(point) for point in SMOOTHERS["savgol"].grid]
    assert parameters("savgol", run, ["polyorder=0"]) == {**tuned, "polyorder": 0}
    assert isinstance(parameters("median", None, ["width_frames=7"])["width_frames"], int)
    with pytest.raises(
        InvalidInputError, match=r"unknown smoother in .* 'gaussian'; known: mean, savgol"
    ):
        parameters("gaussian", run)


@pytest.mark.parametrize(
    ("name", "given", "text"),
    [
        ("savgol", "width=5", "unknown parameter of savgol 'width'; known: width_frames"),
        ("mean", "width=5", "unknown parameter of mean 'width'; known: none"),
        ("savgol", "width_frames=4", "must be odd and at most 61"),
        ("savgol", "width_frames=63", "must be odd and at most 61"),
        ("savgol", "width_frames=5.5", "must be a whole number, got 5.5"),
        ("savgol", "polyorder=5", "polyorder of savgol must be below width_frames, which is 5"),
        ("gaussian", "sigma_frames=0", "must be a positive number, got 0"),
        ("gaussian", "sigma_frames=nan", "must be a positive number, got nan"),
        ("gaussian", "sigma_frames=100", "at most 61"),
        ("gaussian", "sigma_frames", "expected sigma_frames=NUMBER"),
        ("butterworth", "x=1", "unknown smoother 'butterworth'; known: identity"),
    ],
)
def test_a_wrong_parameter_says_what_is_right(name, given, text):
    with pytest.raises(InvalidInputError, match=text):
        parameters(name, None, [given])


def test_the_linear_estimator_wants_training_windows():
    with pytest.raises(InvalidInputError, match=r"--store S --exp X\.Y"):
        classical("lmmse", parameters("lmmse"))
    store = make_store(n_clips=10, n_frames=16)
    fitted = classical("lmmse", parameters("lmmse"), FitData(store, "1.3"))
    assert fitted.step == 2
    assert 0 < fitted.keypoints.sum() < 25
