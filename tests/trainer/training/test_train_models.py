"""Runs of the real models, and the settings that they take or refuse."""

import math

import pytest

from pose_smoother.errors import InvalidInputError
from tests.trainer.fake_store import make_store
from trainer.runs.layout import HISTORY_KINDS
from trainer.runs.results_io import read_csv
from trainer.training.config import TrainConfig
from trainer.training.train import n_threads, train


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"model": "2dconv"}, "unknown model '2dconv'; known: 3dconv"),
        ({"experiment": "3.1"}, r"unknown experiment '3\.1'; known: 1\.1"),
        ({"missing_torso": "guess"}, "known: skip, one-side"),
        ({"batch_size": 0}, "batch_size must be from 1 to"),
        ({"learning_rate": math.nan}, "learning_rate must be above 0"),
        ({"seed": -1}, "seed must be from 0 to"),
    ],
)
def test_a_wrong_setting_is_reported(wrong, text):
    with pytest.raises(InvalidInputError, match=text):
        TrainConfig(**{"model": "deciwatch", "experiment": "1.1", **wrong})


def test_the_official_loss_is_deciwatchs_own(tmp_path):
    store = make_store(n_clips=10, n_frames=16)
    with pytest.raises(InvalidInputError, match="the official loss is deciwatch's own"):
        train(TrainConfig("3dconv", "1.1", loss="official"), store, tmp_path)
    config = TrainConfig("deciwatch", "1.1", max_epochs=1, max_steps=1, loss="official")
    assert train(config, store, tmp_path)["rows"]


def test_heatmap_models_train_from_rendered_and_stored_targets_alike(tmp_path):
    store = make_store(n_clips=5, n_frames=10, gaps=False)
    losses = {}
    for targets in ("rendered", "stored"):
        config = TrainConfig(
            "3dconv", "1.2", max_epochs=1, batch_size=4, targets=targets, device="cpu"
        )
        train(config, store, tmp_path / targets)
        file = tmp_path / targets / config.run_name / "history.csv"
        losses[targets] = read_csv(file, HISTORY_KINDS)["val_loss"][0]
    # Streamed windows come in another order, so that training differs a little.
    assert losses["rendered"] == pytest.approx(losses["stored"], rel=0.2)


def test_small_tensors_are_computed_by_one_thread_unless_asked_otherwise() -> None:
    assert n_threads(TrainConfig("deciwatch", "1.1")) == 1
    assert n_threads(TrainConfig("deciwatch", "1.1", threads=3)) == 3
    assert n_threads(TrainConfig("3dconv", "1.1")) is None
