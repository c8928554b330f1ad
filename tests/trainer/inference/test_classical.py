"""Classical smoothers on tracks, and where their parameters come from."""

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.filters import table_filter, table_filters
from pose_smoother.poses.keypoint_names import mapping
from pose_smoother.smoothing.chain import make_chain
from tests.trainer.fake_store import make_store
from tests.trainer.inference.tracks import NAMES, poses, track, walk
from trainer.evaluation.baselines import BaselinesConfig, baselines
from trainer.inference.classical import FitData, linear_estimator, parameters
from trainer.inference.predict import smooth_tracks
from trainer.inference.sliding_window import smooth_poses


def jittery(n=60):
    return walk(1) + np.random.default_rng(2).normal(0, 2, (n, 26, 2))


def test_every_filter_of_the_results_table_but_the_linear_one_runs_on_every_keypoint():
    for name in table_filters():
        if name in ("identity", "lmmse"):
            continue
        given = {"cutoff_per_frame": 0.1} if name == "butterworth" else parameters(name)
        (found,) = smooth_tracks(poses(track(jittery())), make_chain(name, given))
        error = np.abs(found - walk(1)).mean(axis=(0, 2))
        raw = np.abs(jittery() - walk(1)).mean(axis=(0, 2))
        assert (error < 0.8 * raw).all(), name


def test_the_linear_estimator_runs_on_the_keypoints_it_was_fitted_on():
    store = make_store(n_clips=10, n_frames=16, missing=0.0)
    smoother = linear_estimator(parameters("lmmse"), FitData(store, "1.1"))
    (found,) = smooth_poses(poses(track(jittery())), mapping(NAMES), smoother)
    assert np.isfinite(found).all()  # the fake store's person is another one
    assert (found != jittery()).any(axis=(0, 2)).sum() == 15


def test_parameters_are_defaults_then_tuned_then_given(tmp_path):
    assert parameters("savgol") == {"width_frames": 5, "polyorder": 1}
    baselines(
        BaselinesConfig("1.1", smoothers=("savgol", "mean")),
        make_store(n_clips=10, n_frames=16),
        tmp_path,
    )
    run = tmp_path / "baselines-1.1-seed0"
    tuned = parameters("savgol", run)
    assert tuned in [dict(point) for point in table_filter("savgol").GRID]
    assert parameters("savgol", run, ["polyorder=0"]) == {**tuned, "polyorder": 0}
    assert isinstance(parameters("median", None, ["width_frames=7"])["width_frames"], int)
    with pytest.raises(
        InvalidInputError, match=r"unknown filter in .* 'gaussian'; known: mean, savgol"
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
        ("loess", "x=1", "unknown smoother 'loess'; known: identity"),
    ],
)
def test_a_wrong_parameter_says_what_is_right(name, given, text):
    with pytest.raises(InvalidInputError, match=text):
        parameters(name, None, [given])


def test_the_linear_estimator_wants_training_windows():
    with pytest.raises(InvalidInputError, match=r"--store S --exp X\.Y"):
        linear_estimator(parameters("lmmse"), None)
    store = make_store(n_clips=10, n_frames=16)
    fitted = linear_estimator(parameters("lmmse"), FitData(store, "1.3"))
    assert fitted.step == 2
    assert 0 < fitted.keypoints.sum() < 25
