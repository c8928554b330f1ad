"""A pass over a split: what is computed together, and what that may change."""

import numpy as np
import pytest
import torch

from tests.trainer.fake_store import make_store
from trainer.evaluation import evaluate as module
from trainer.evaluation.evaluate import Evaluation, evaluate
from trainer.models import model_module
from trainer.models.nonfinite import NonFiniteError
from trainer.training.config import TrainConfig, open_stream
from trainer.training.final_test import REFERENCES
from trainer.training.losses import batch_loss_of
from trainer.training.model_setup import new_model

STORE = make_store(n_clips=10, n_frames=40)


class Watched(torch.nn.Module):
    """A model that remembers how many windows it saw at a time."""

    def __init__(self, model):
        super().__init__()
        self.model, self.seen = model, []

    def forward(self, given):
        self.seen.append(len(given))
        return self.model(given)


def judged(name, on_batch=lambda loss: None) -> tuple[Evaluation, list[int], int]:
    config = TrainConfig(name, "1.1", batch_size=4, device="cpu")
    stream = open_stream(config, STORE, "val")
    model = Watched(new_model(config))
    loss = batch_loss_of("mse", model_module(name))
    found = evaluate(model, stream, loss, "skip", references=REFERENCES, on_batch=on_batch)
    return found, model.seen, stream.n_batches


def test_coordinates_are_computed_many_at_a_time_and_heatmaps_batch_by_batch(monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 8)
    _, of_coordinates, n_batches = judged("deciwatch")
    _, of_heatmaps, _ = judged("3dconv")
    assert of_coordinates[:-1] == [8] * (len(of_coordinates) - 1)
    assert sum(of_coordinates) == sum(of_heatmaps)
    assert len(of_heatmaps) == n_batches > len(of_coordinates)


@pytest.mark.parametrize("name", ["deciwatch", "resmlp"])
def test_how_many_are_computed_together_changes_no_more_than_rounding(name, monkeypatch):
    together, _, _ = judged(name)
    monkeypatch.setattr(module, "AT_ONCE", 1)
    single, _, _ = judged(name)
    assert together.loss == pytest.approx(single.loss, rel=1e-6)
    n = single.scores.annotated.sum()
    for name, allowed in (("error_px", 1e-4), ("hits", 1e-3)):
        assert abs(together.scores.sums[name] - single.scores.sums[name]).sum() / n < allowed
    for reference in REFERENCES:  # what no model computes is the same
        one, other = (found.references[reference] for found in (together, single))
        assert all(np.array_equal(found, other.sums[name]) for name, found in one.sums.items())


@pytest.mark.parametrize("name", ["deciwatch", "3dconv"])
def test_each_batch_is_reported_once(name):
    told = []
    _, _, n_batches = judged(name, told.append)
    assert len(told) == n_batches
    assert all(loss.isfinite() for loss in told)


@pytest.mark.parametrize("poisoned", [0, 5, 9])
def test_one_bad_batch_among_many_is_named(poisoned):
    config = TrainConfig("deciwatch", "1.1", batch_size=4, device="cpu")
    stream = open_stream(config, STORE, "val")
    batches = list(stream.epoch(0))
    assert len(batches) > 9
    bad_window = batches[poisoned].window[1]
    mse = batch_loss_of("mse", model_module("deciwatch"))

    def loss(model, batch):
        value, output = mse(model, batch)
        return torch.where((batch.window == bad_window).any(), torch.nan, value), output

    with pytest.raises(NonFiniteError) as caught:
        evaluate(new_model(config), stream, loss, "skip")
    assert caught.value.batch == poisoned
