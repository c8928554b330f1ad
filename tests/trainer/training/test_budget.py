"""A budget of steps: exactly so many, on windows without neighbours, resumable, in the row."""

import json
import signal
from itertools import pairwise

import pytest
import torch

from pose_smoother.errors import Interrupted, InvalidInputError
from tests.trainer.fake_store import make_store
from trainer.runs.checkpoint import LAST, read_checkpoint
from trainer.runs.layout import HISTORY_KINDS
from trainer.runs.results_io import load, read_csv
from trainer.runs.signals import Interrupt
from trainer.training.config import (
    TrainConfig,
    identity,
    open_stream,
    run_config,
    train_config,
)
from trainer.training.retest import repeat_test
from trainer.training.schedule import epoch_lengths
from trainer.training.step import Stepper
from trainer.training.train import train

BUDGET = {
    "batch_size": 4,
    "max_epochs": 1,
    "budget_steps": 10,
    "validation_share": 0.5,
    "schedule": "one-cycle",
    "device": "cpu",
}
RUN = "deciwatch-b10-1.1-seed0"


@pytest.fixture(scope="module")
def store():
    return make_store(n_clips=10, n_frames=16)


@pytest.fixture(scope="module")
def config():
    return train_config("deciwatch", "1.1", **BUDGET)


@pytest.fixture(scope="module")
def undisturbed(config, store, tmp_path_factory):
    """A finished run, and the first frames that each of its steps was trained on."""
    runs, seen = tmp_path_factory.mktemp("budget"), []
    real = Stepper.step

    def spy(self, batch, index):
        seen.append((self._epoch, batch.window.tolist()))
        return real(self, batch, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stepper, "step", spy)
        train(config, store, runs)
    return runs / RUN, seen


class StopAfter(Interrupt):
    """Asks to stop as SIGTERM does, the n-th time that anyone looks."""

    def __init__(self, n_looks):
        self._n_looks = n_looks

    @property
    def signum(self):
        self._n_looks -= 1
        return signal.SIGTERM if self._n_looks < 0 else None


def test_the_last_epoch_is_as_short_as_the_budget_wants():
    assert epoch_lengths(4, 50, None) == (50, 200)
    assert epoch_lengths(4, 50, 10) == (3, 10)
    assert epoch_lengths(4, 1, 8) == (2, 8)
    assert epoch_lengths(4, 1, 1) == (1, 1)


def test_exactly_the_budget_is_trained(undisturbed, store):
    folder, seen = undisturbed
    assert len(seen) == 10
    by_epoch = {e: [w for epoch, ws in seen if epoch == e for w in ws] for e in (1, 2, 3, 4)}
    n_share = len(store.windows("train", 1)) // 5
    assert [len(windows) for windows in by_epoch.values()] == [n_share, n_share, n_share, 4]
    history = read_csv(folder / "history.csv", HISTORY_KINDS)
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert history["learning_rate"].iloc[-1] < 1e-6  # one cycle ends with the budget
    for windows in by_epoch.values():
        frames = [w + t for w in windows for t in range(5)]
        assert len(set(frames)) == len(frames)
    assert not set(by_epoch[1]) & set(by_epoch[2])
    assert json.loads((folder / "results.json").read_text())["n_steps"] == 10


def test_rows_and_identity_name_the_budget(undisturbed, config, store):
    folder, _ = undisturbed
    assert set(load(folder.parent)["model"]) == {"deciwatch-b10"}
    results = json.loads((folder / "results.json").read_text())
    assert {row["model"] for row in results["references"]} == {"identity", "mean"}
    named = identity(config, store)
    assert (named["budget_steps"], named["validation_share"]) == (10, 0.5)
    usual = identity(train_config("deciwatch", "1.1"), store)
    assert not {"budget_steps", "validation_share"} & set(usual)  # older runs go on


@pytest.mark.parametrize("n_looks", [2, 13])
def test_stopped_and_resumed_it_ends_the_same(config, store, undisturbed, tmp_path, n_looks):
    with pytest.raises(Interrupted):
        train(config, store, tmp_path, interrupt=StopAfter(n_looks))
    train(config, store, tmp_path)
    for name in ("history.csv", "results.csv", "scores.npz"):
        assert (tmp_path / RUN / name).read_bytes() == (undisturbed[0] / name).read_bytes(), name
    one, other = (read_checkpoint(f / LAST)["model"] for f in (tmp_path / RUN, undisturbed[0]))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_the_stopping_rule_does_not_cut_a_budget(store, tmp_path, monkeypatch):
    monkeypatch.setattr("trainer.training.schedule.PATIENCE_STOP", 1)
    chosen = {**BUDGET, "schedule": "plateau", "learning_rate": 1e-12}
    results = train(train_config("deciwatch", "1.1", **chosen), store, tmp_path)
    assert results["n_epochs"] == 4


def test_validation_reads_its_share_and_the_test_reads_all(config, store):
    every = len(store.windows("val", 1))
    assert open_stream(config, store, "val").n_windows == every // 2
    assert open_stream(config, store, "test").n_windows == len(store.windows("test", 1))
    usual = train_config("deciwatch", "1.1", device="cpu")
    assert open_stream(usual, store, "val").n_windows == every


def test_streamed_heatmaps_come_in_the_same_shares(store):
    config = train_config("3dconv", "1.3", **{**BUDGET, "targets": "stored"})
    rendered = train_config("3dconv", "1.3", **{**BUDGET, "targets": "rendered"})
    for epoch in (1, 2):
        one, other = (
            sorted(
                w for b in open_stream(c, store, "train").epoch(epoch) for w in b.window.tolist()
            )
            for c in (config, rendered)
        )
        assert one == other
        assert min(b - a for a, b in pairwise(one)) >= 9  # a window's reach


def test_the_test_again_gives_the_same_numbers(undisturbed, store):
    folder, _ = undisturbed
    config, _ = run_config(folder, "cpu")
    assert config.budget_steps == 10
    assert repeat_test(folder, config, store).different == []


def test_what_a_budget_cannot_be_is_refused():
    with pytest.raises(InvalidInputError, match="budget_steps must be from 1 to"):
        TrainConfig("deciwatch", "1.1", budget_steps=0)
    for share in (0.0, 1.5):
        with pytest.raises(InvalidInputError, match="validation_share must be above 0 and at most"):
            TrainConfig("deciwatch", "1.1", validation_share=share)
