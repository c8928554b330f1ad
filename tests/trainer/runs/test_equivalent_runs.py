"""Experiments that a model of coordinates can't tell apart are trained once."""

import logging

import pandas as pd
import pytest

from tests.trainer.fake_store import make_store
from trainer.evaluation.baselines import BaselinesConfig, baselines
from trainer.runs.checkpoint import BEST, read_checkpoint
from trainer.runs.folder import REGIONS
from trainer.runs.results_io import load
from trainer.training.config import run_config, train_config
from trainer.training.retest import repeat_test
from trainer.training.train import equivalent_model_run, train

QUICK = {"max_epochs": 2, "max_steps": 2, "device": "cpu", "batch_size": 16}
MODELS = ("deciwatch", "resmlp")


@pytest.fixture(scope="module")
def store():
    return make_store(n_clips=10, n_frames=16)


def quick(model, experiment, **chosen):
    return train_config(model, experiment, **{**QUICK, **chosen})


@pytest.fixture(scope="module")
def runs(store, tmp_path_factory):
    """x.1 trained, x.2 taken over from it."""
    folder = tmp_path_factory.mktemp("runs")
    for model in MODELS:
        train(quick(model, "1.1"), store, folder)
        train(quick(model, "1.2"), store, folder)
    return folder


@pytest.mark.parametrize("model", MODELS)
def test_what_is_taken_over_is_what_training_gives(model, store, runs, tmp_path):
    config = quick(model, "1.2")
    taken = runs / config.run_name
    trained = train(config, store, tmp_path)  # nothing beside it to take over from
    assert "same_as" not in trained
    columns = ["dataset", "keypoint", "metric", "alpha", "value", "n", "model", "experiment"]
    both = []
    for folder in (runs, tmp_path):
        table = load(folder)
        mine = (table["model"] == model) & (table["experiment"] == "1.2")
        both.append(table.loc[mine, columns].reset_index(drop=True))
    pd.testing.assert_frame_equal(*both)
    mine = read_checkpoint(tmp_path / config.run_name / BEST)
    theirs = read_checkpoint(taken / BEST)
    assert mine["config"] == theirs["config"]
    assert all(bool((mine["model"][name] == w).all()) for name, w in theirs["model"].items())


@pytest.mark.parametrize("model", MODELS)
def test_a_run_that_was_taken_over_needs_no_other(model, store, runs):
    folder = runs / f"{model}-1.2-seed0"
    assert (folder / REGIONS).exists() == (model == "resmlp")
    config, _ = run_config(folder, "cpu")
    assert config.experiment == "1.2"
    assert not repeat_test(folder, config, store).different


def test_it_is_reported(store, runs, tmp_path, caplog):
    train(quick("deciwatch", "1.2"), store, tmp_path)
    with caplog.at_level(logging.INFO):
        results = train(quick("deciwatch", "1.1"), store, tmp_path)
    assert results["same_as"] == "deciwatch-1.2-seed0"
    assert "-1.2-seed0 is the same run, because deciwatch does not read the blur" in caplog.text
    again = train(quick("deciwatch", "1.1"), store, tmp_path, resume=False, replace=True)
    assert "same_as" not in again


def test_only_the_blur_may_differ(store, runs):
    def twin(*about, **chosen):
        return equivalent_model_run(quick(*about, **chosen), store, runs)

    assert twin("deciwatch", "1.2") == runs / "deciwatch-1.1-seed0"
    assert twin("deciwatch", "1.3") is None  # half the frame rate
    assert twin("deciwatch", "2.2") is None  # twice the noise
    assert twin("deciwatch", "1.2", seed=1) is None
    assert twin("deciwatch", "1.2", learning_rate=1e-4) is None
    assert twin("deciwatch", "1.2", noise="frozen") is None


def test_a_model_of_heatmaps_reads_the_blur(store, runs):
    assert equivalent_model_run(quick("3dconv", "1.2"), store, runs) is None


def test_smoothers_too_are_judged_once(store, tmp_path):
    chosen = {"smoothers": ("identity", "gaussian")}
    baselines(BaselinesConfig("2.1", **chosen), store, tmp_path / "both")
    taken = baselines(BaselinesConfig("2.2", **chosen), store, tmp_path / "both")
    alone = baselines(BaselinesConfig("2.2", **chosen), store, tmp_path / "alone")
    assert taken.pop("same_as") == "baselines-2.1-seed0"
    assert taken == alone
    for name in ("scores-gaussian.npz", "params.csv", "validation.csv", "results.csv"):
        folders = [tmp_path / side / "baselines-2.2-seed0" for side in ("both", "alone")]
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    other = baselines(BaselinesConfig("2.3", **chosen), store, tmp_path / "both")
    assert "same_as" not in other
