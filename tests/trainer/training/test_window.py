"""Longer windows: rows and folders of their own, and everything that a run can do works on them."""

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from tests.trainer.fake_store import make_store
from trainer.data.stream import WindowStream
from trainer.evaluation.baselines import BaselinesConfig, baselines
from trainer.evaluation.baselines import identity as baselines_identity
from trainer.inference.export import describe, example_input
from trainer.inference.load_run import load_run
from trainer.runs.results_io import load
from trainer.training.config import identity, open_stream, run_config, train_config
from trainer.training.retest import repeat_test
from trainer.training.train import train

QUICK = {"max_epochs": 1, "max_steps": 2, "device": "cpu", "batch_size": 16, "window": 7}


@pytest.fixture(scope="module")
def store():
    return make_store(n_clips=10, n_frames=16)


@pytest.fixture(scope="module")
def runs(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for model in ("resmlp", "smoothnet"):
        train(train_config(model, "1.1", **QUICK), store, folder)
    baselines(
        BaselinesConfig("1.1", smoothers=("identity", "mean", "lmmse"), window=7), store, folder
    )
    return folder


def test_rows_and_folders_have_names_of_their_own(runs):
    table = load(runs)
    assert {"resmlp-w7", "smoothnet-w7", "identity-w7", "mean-w7", "lmmse-w7"} == set(
        table["model"]
    )
    assert (runs / "resmlp-w7-1.1-seed0").is_dir()
    assert (runs / "baselines-w7-1.1-seed0").is_dir()


def test_all_rows_are_scored_on_the_same_longer_windows(runs, store):
    table = load(runs)
    totals = table[(table.metric == "error_px") & (table.keypoint == "all")]
    counts = set(totals[totals.dataset == "all"]["n"])
    assert len(counts) == 1
    stream = open_stream(train_config("resmlp", "1.1", **QUICK), store, "test")
    assert sum(int(batch.annotated.sum()) for batch in stream.epoch(0)) == counts.pop()


def test_the_test_again_gives_the_same_numbers(runs, store):
    folder = runs / "resmlp-w7-1.1-seed0"
    config, _ = run_config(folder, "cpu")
    assert config.window == 7
    assert repeat_test(folder, config, store).different == []


@pytest.mark.parametrize("model", ["resmlp", "smoothnet"])
def test_a_trained_run_smooths_windows_of_its_own_length(runs, model):
    run = load_run(runs / f"{model}-w7-1.1-seed0", "cpu")
    smoother = run.smoother()
    assert smoother.n_frames == 7
    windows = np.full((3, 7, 25, 2), 20.0, np.float32)
    assert smoother.smooth(windows).shape == windows.shape
    assert describe(run.config, "coordinates", 1)["n_frames"] == "7"
    assert example_input("coordinates", 2, 7).shape == (2, 7, 50)


def test_windows_of_five_frames_go_without_saying(store):
    """Runs from before there was a choice must go on."""
    usual = train_config("resmlp", "1.1")
    assert usual.run_name == "resmlp-1.1-seed0"
    assert "window" not in identity(usual, store)
    assert identity(train_config("resmlp", "1.1", window=7), store)["window"] == 7
    assert "window" not in baselines_identity(BaselinesConfig("1.1"), store)
    assert BaselinesConfig("1.1").run_name == "baselines-1.1-seed0"


def test_what_windows_cannot_be_is_refused(store):
    with pytest.raises(InvalidInputError, match="a window has from 5 to 243 frames, got 4"):
        train_config("resmlp", "1.1", window=4)
    noise = open_stream(train_config("resmlp", "1.1", device="cpu"), store, "test").noise
    with pytest.raises(InvalidInputError, match="--targets rendered"):
        WindowStream(store, "train", 1, noise, targets="stored", window_frames=9)
