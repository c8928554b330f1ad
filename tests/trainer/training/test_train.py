"""Whole runs on a small store in memory: tables, resume, stopping rule, and what goes wrong."""

import errno
import json
import logging
import math
import signal
from importlib.metadata import version
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from torch import nn

from pose_smoother.errors import Interrupted, RunError
from pose_smoother.files.disk_errors import DiskError
from tests.trainer.fake_store import make_store
from trainer.models import models
from trainer.runs import checkpoint
from trainer.runs.checkpoint import BEST, LAST, read_checkpoint
from trainer.runs.layout import HISTORY_KINDS, TIMING_KINDS
from trainer.runs.results_io import load, read_csv
from trainer.runs.signals import Interrupt
from trainer.training import loop
from trainer.training import train as train_module
from trainer.training.config import TrainConfig
from trainer.training.train import train

RUN = "tiny-1.1-seed0"


class Tiny(nn.Module):
    """A model that learns, drops out, and is small: tests here are about runs, not models."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(50, 50)
        self.dropout = nn.Dropout(0.5)

    def forward(self, coordinates):
        return coordinates + self.linear(self.dropout(coordinates))


@pytest.fixture(scope="module", autouse=True)
def tiny():
    models()["tiny"] = SimpleNamespace(
        NAME="tiny", CONSUMES="coordinates", build=lambda n_keypoints, n_frames: Tiny()
    )
    yield
    del models()["tiny"]


def tiny_config(**chosen):
    return TrainConfig(
        **{"model": "tiny", "experiment": "1.1", "max_epochs": 2, "max_steps": 3, **chosen},
        device="cpu",
    )


@pytest.fixture(scope="module")
def config():
    return tiny_config()


@pytest.fixture(scope="module")
def store():
    return make_store(n_clips=10, n_frames=16)


@pytest.fixture(scope="module")
def undisturbed(config, store, tmp_path_factory):
    runs = tmp_path_factory.mktemp("undisturbed")
    train(config, store, runs)
    return runs / RUN


class StopAfter(Interrupt):
    """Asks to stop as SIGTERM does, the n-th time that anyone looks."""

    def __init__(self, n_looks):
        self._n_looks = n_looks

    @property
    def signum(self):
        self._n_looks -= 1
        return signal.SIGTERM if self._n_looks < 0 else None


def assert_same_run(found, expected):
    for name in ("history.csv", "results.csv", "results.json", "scores.npz"):
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name
    for name in (BEST, LAST):
        one, other = read_checkpoint(found / name), read_checkpoint(expected / name)
        assert one["model"].keys() == other["model"].keys()
        for key, tensor in one["model"].items():
            assert torch.equal(tensor, other["model"][key]), (name, key)


def test_a_run_leaves_its_tables(undisturbed):
    history = read_csv(undisturbed / "history.csv", HISTORY_KINDS)
    assert history["epoch"].tolist() == [1, 2]
    assert (history["learning_rate"] == 1e-3).all()
    assert history.notna().all(axis=None)
    timing = read_csv(undisturbed / "timing.csv", TIMING_KINDS)
    assert (timing["train_seconds"] > 0).all()
    assert json.loads((undisturbed / "state.json").read_text())["state"] == "finished"
    config = json.loads((undisturbed / "config.json").read_text())
    assert config["identity"]["learning_rate"] == 1e-3
    assert len(config["identity"]["store_sha256"]) == 64
    assert config["versions"]["torch"] == version("torch")
    assert not list(undisturbed.glob(".*"))


def test_results_hold_only_the_model_and_references_are_stored_next_to_them(undisturbed):
    results = json.loads((undisturbed / "results.json").read_text())
    assert {row["model"] for row in results["rows"]} == {"tiny"}
    assert {row["model"] for row in results["references"]} == {"identity", "mean"}
    table = load(undisturbed.parent)
    assert (table["experiment"] == "1.1").all()
    assert table["seed"].dtype == "int64"
    total = table.query("dataset == 'all' and keypoint == 'all' and metric == 'pck'")
    assert total["alpha"].tolist() == [0.05, 0.1, 0.2]
    assert table.loc[table["metric"] == "error_px", "alpha"].isna().all()


def test_the_best_epoch_is_the_one_tested(undisturbed):
    history = read_csv(undisturbed / "history.csv", HISTORY_KINDS)
    best = read_checkpoint(undisturbed / BEST)
    assert best["epoch"] == history["epoch"][history["val_pck_0.2"].idxmax()]
    assert json.loads((undisturbed / "results.json").read_text())["best_epoch"] == best["epoch"]


@pytest.mark.parametrize("n_looks", [0, 1, 2, 3, 4, 5, 8, 12, 13])
def test_stopped_anywhere_and_resumed_it_ends_the_same(
    config, store, undisturbed, tmp_path, n_looks
):
    with pytest.raises(Interrupted) as stopped:
        train(config, store, tmp_path, interrupt=StopAfter(n_looks))
    assert stopped.value.exit_code == 75
    assert json.loads((tmp_path / RUN / "state.json").read_text())["state"] == "preempted"
    assert not (tmp_path / RUN / "results.json").exists()
    train(config, store, tmp_path)
    assert_same_run(tmp_path / RUN, undisturbed)


def test_the_train_loss_is_each_epochs_own_mean(store, tmp_path):
    config = tiny_config(max_epochs=3, max_steps=None, learning_rate=1e-12)
    train(config, store, tmp_path)
    losses = read_csv(tmp_path / RUN / "history.csv", HISTORY_KINDS)["train_loss"]
    assert losses.tolist() == pytest.approx([losses[0]] * 3, rel=0.1)
    assert losses.nunique() == 3  # noise and dropout are new in every epoch


def test_a_damaged_checkpoint_costs_only_time(config, store, undisturbed, tmp_path, caplog):
    with pytest.raises(Interrupted):
        train(config, store, tmp_path, checkpoint_minutes=0, interrupt=StopAfter(4))
    last = tmp_path / RUN / LAST
    last.write_bytes(last.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        train(config, store, tmp_path)
    assert "last.pt is damaged" in caplog.text
    assert_same_run(tmp_path / RUN, undisturbed)


def test_a_finished_run_is_not_trained_again(config, store, undisturbed, tmp_path, monkeypatch):
    before = {file.name: file.stat().st_mtime_ns for file in undisturbed.glob("*.pt")}
    (undisturbed / "results.csv").unlink()  # as after a kill between the two files
    results = train(config, store, undisturbed.parent)
    assert results == json.loads((undisturbed / "results.json").read_text())
    assert (undisturbed / "results.csv").exists()
    assert {file.name: file.stat().st_mtime_ns for file in undisturbed.glob("*.pt")} == before


def test_a_finished_run_has_one_optimizer_state_and_the_best_weights(undisturbed):
    weights = {file.name for file in undisturbed.glob("*.pt*")}
    assert weights == {LAST, BEST, f"{LAST}.sha256", f"{BEST}.sha256"}


def test_killed_before_its_results_a_run_with_weights_in_best_alone_is_tested_again(
    config, store, undisturbed, tmp_path, monkeypatch
):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(train_module, "write_results", killed)
        with pytest.raises(KeyboardInterrupt):
            train(config, store, tmp_path)
    run = tmp_path / RUN
    assert "model" not in read_checkpoint(run / LAST)["best"]
    before = (run / BEST).read_bytes()
    train(config, store, tmp_path)
    assert_same_run(run, undisturbed)
    assert (run / BEST).read_bytes() == before == (undisturbed / BEST).read_bytes()
    assert "model" not in read_checkpoint(run / LAST)["best"]


def test_no_resume_trains_again(config, store, undisturbed, tmp_path):
    other = tiny_config(max_epochs=1, max_steps=1)
    train(other, store, tmp_path)
    train(config, store, tmp_path, resume=False, replace=True)
    assert_same_run(tmp_path / RUN, undisturbed)


def test_a_folder_of_another_configuration_is_left_alone(config, store, undisturbed):
    before = {file.name: file.read_bytes() for file in undisturbed.iterdir()}
    other = tiny_config(max_steps=2, batch_size=8)
    with pytest.raises(RunError, match=r"batch_size: here 16, asked 8; max_steps: here 3, asked 2"):
        train(other, store, undisturbed.parent)
    another = make_store(n_clips=10, n_frames=16)
    another.manifest["files"] = {"other": {}}
    with pytest.raises(RunError, match="store_sha256"):
        train(config, another, undisturbed.parent)
    assert {file.name: file.read_bytes() for file in undisturbed.iterdir()} == before


def test_the_rate_falls_after_five_epochs_and_training_stops_after_ten(
    store, tmp_path, monkeypatch
):
    config = tiny_config(max_epochs=50, max_steps=1)
    judge, judged = loop.evaluate_together, []

    def same_loss(*args, **options):
        if not judged:
            judged.append(judge(*args, **options))
        return judged[0]

    monkeypatch.setattr(loop, "evaluate_together", same_loss)
    train(config, store, tmp_path)
    history = read_csv(tmp_path / RUN / "history.csv", HISTORY_KINDS)
    assert len(history) == 11
    assert history["learning_rate"].tolist() == pytest.approx([1e-3] * 6 + [1e-4] * 5)
    assert history["learning_rate_reduced"].tolist() == [0] * 5 + [1] + [0] * 5
    assert read_checkpoint(tmp_path / RUN / BEST)["epoch"] == 1  # the first among equals


def test_the_lowered_rate_is_the_one_adam_uses(config, store, tmp_path, monkeypatch):
    with pytest.raises(Interrupted):
        train(config, store, tmp_path, interrupt=StopAfter(1))
    one = loop.Training(config, store, tmp_path / RUN)
    one.restore()
    one.schedule.learning_rate = 1e-30
    before = {name: t.clone() for name, t in one.model.state_dict().items()}
    with loop.Progress(RUN, 1) as progress:
        one._train_epoch(progress, Interrupt(), 5.0)
    assert all(torch.equal(t, before[name]) for name, t in one.model.state_dict().items())


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_loss_that_is_not_finite_names_its_origin(store, tmp_path, monkeypatch, split):
    model, real = None, loop.batch_loss_of("mse", loop.model_module("tiny"))

    def poisoned(one, batch):
        nonlocal model
        model = one
        loss, output = real(one, batch)
        is_bad = (batch.clip == (5 if split == "train" else 8)).any()
        return loss * (math.nan if is_bad else 1.0), output

    monkeypatch.setattr(loop, "batch_loss_of", lambda *_: poisoned)
    config = tiny_config(max_steps=None)
    clip = "0005" if split == "train" else "0008"
    expected = rf"tiny-1\.1-seed0: .* epoch 1, {split} batch \d, clips {clip};"
    with pytest.raises(RunError, match=expected):
        train(config, store, tmp_path)
    state = json.loads((tmp_path / RUN / "state.json").read_text())
    assert state["state"] == "failed"
    assert "not finite" in state["error"]
    assert all(t.isfinite().all() for t in model.state_dict().values())


def test_a_full_disk_is_reported_with_the_last_good_checkpoint(
    config, store, undisturbed, tmp_path, monkeypatch
):
    real, n_writes = checkpoint.write_atomic, 0

    def full(path, data):
        nonlocal n_writes
        n_writes += 1
        if n_writes > 5:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "write_atomic", full)
        with pytest.raises(DiskError, match=r"disk full .* free\)\. Last good checkpoint: epoch 1"):
            train(config, store, tmp_path, checkpoint_minutes=0)
    train(config, store, tmp_path)
    assert_same_run(tmp_path / RUN, undisturbed)


def test_validation_without_a_torso_says_what_to_do(config, tmp_path):
    store = make_store(n_clips=10, n_frames=16, missing=1.0)
    with pytest.raises(RunError, match="--missing-torso skip: try one-side"):
        train(config, store, tmp_path)


def test_what_a_mean_over_positions_gives_is_in_the_references(undisturbed):
    results = json.loads((undisturbed / "results.json").read_text())
    rows = pd.DataFrame(results["references"])
    error = rows.query("dataset == 'all' and keypoint == 'all' and metric == 'error_px'")
    identity, mean = error.set_index("model")["value"][["identity", "mean"]]
    assert identity == pytest.approx(3.76, rel=0.1)  # 3 px a axis: 3 sqrt(pi / 2), a bit clipped
    assert mean < 0.6 * identity
