"""Smoothers as results in the models' own format."""

import numpy as np
import pandas as pd
import pytest

from pose_smoother.errors import InvalidInputError, RunError
from tests.trainer.fake_store import make_store
from trainer.evaluation.baselines import BaselinesConfig, baselines, read_positions
from trainer.evaluation.evaluate import noisy_positions
from trainer.metrics.scores import Scores, pck
from trainer.runs.results_io import load
from trainer.training.config import TrainConfig, open_stream
from trainer.training.train import train

NAMES = ("identity", "mean", "gaussian", "lmmse")


@pytest.fixture(scope="module")
def store():
    return make_store(n_clips=20, n_frames=20)


@pytest.fixture(scope="module")
def runs(store, tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    baselines(BaselinesConfig("1.1", smoothers=NAMES), store, runs)
    return runs


def test_each_smoother_has_its_rows_scores_and_parameters(store, runs):
    table = load(runs)
    assert tuple(table["model"].unique()) == NAMES
    folder = runs / "baselines-1.1-seed0"
    params = pd.read_csv(folder / "params.csv")
    assert params["parameter"].tolist() == ["sigma_frames", "ridge_windows"]
    total = table.query("dataset == 'all' and keypoint == 'all' and metric == 'pck'")
    for name in NAMES:
        saved = Scores.load(folder / f"scores-{name}.npz")
        value = total.query("model == @name and alpha == 0.2")["value"].item()
        assert value == pck(saved, 0.2)


def test_smoothing_beats_doing_nothing(runs):
    total = load(runs).query("dataset == 'all' and keypoint == 'all' and metric == 'error_px'")
    error = total.set_index("model")["value"]
    assert error["identity"] > 1.5 * error["mean"] > 1.5 * error["lmmse"]


def test_identity_and_mean_equal_the_rows_next_to_a_model(store, runs, tmp_path):
    config = TrainConfig("deciwatch", "1.1", max_epochs=1, max_steps=1, device="cpu")
    beside = pd.DataFrame(train(config, store, tmp_path)["references"])
    alone = load(runs)
    for name in ("identity", "mean"):
        columns = ["dataset", "keypoint", "metric", "alpha", "value", "n"]
        one = beside[beside["model"] == name][columns].reset_index(drop=True)
        other = alone[alone["model"] == name][columns].reset_index(drop=True)
        pd.testing.assert_frame_equal(one, other, check_dtype=False)


def test_the_same_command_again_gives_the_same_and_another_is_refused(store, runs):
    folder = runs / "baselines-1.1-seed0"
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    baselines(BaselinesConfig("1.1", smoothers=NAMES), store, runs)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    with pytest.raises(RunError, match=r"mu_in_px: here 0\.0, asked 1\.0"):
        baselines(BaselinesConfig("1.1", smoothers=NAMES, mu_in_px=1.0), store, runs)


def test_positions_do_not_depend_on_how_many_windows_are_made_at_once(store, monkeypatch):
    config = BaselinesConfig("2.3")
    expected = read_positions(config, store, "test")
    monkeypatch.setattr("trainer.evaluation.baselines._BATCH", 7)
    found = read_positions(config, store, "test")
    assert found.noisy.tobytes() == expected.noisy.tobytes()
    assert found.truth.tobytes() == expected.truth.tobytes()
    assert found.clip.tolist() == expected.clip.tolist()


def test_fitting_sees_other_noise_than_any_epoch_of_training(store):
    fitted = read_positions(BaselinesConfig("1.1"), store, "train")
    stream = open_stream(TrainConfig("deciwatch", "1.1", batch_size=1024), store, "train")
    (batch,) = stream.epoch(1)
    trained = noisy_positions(batch)
    # Windows come in another order, so that only their sorted values can be compared.
    one, other = (np.sort(noisy, axis=0) for noisy in (fitted.noisy, trained))
    assert one.shape == other.shape
    assert not np.array_equal(one, other, equal_nan=True)


def test_an_unknown_smoother_lists_the_known_ones():
    with pytest.raises(InvalidInputError, match="unknown smoother 'loess'; known: identity"):
        BaselinesConfig("1.1", smoothers=("loess",))
