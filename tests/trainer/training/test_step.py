"""Training steps: reproducible, and none from numbers that are not finite."""

import math

import pytest
import torch

from tests.trainer.fake_store import make_store
from trainer.models import model_module
from trainer.models.nonfinite import NonFiniteError
from trainer.models.torch_seed import initial_model
from trainer.training.config import TrainConfig, open_stream
from trainer.training.losses import batch_loss_of
from trainer.training.step import Stepper, make_optimizer

LOSS = batch_loss_of("mse", model_module("deciwatch"))


@pytest.fixture(scope="module")
def batch():
    stream = open_stream(TrainConfig("deciwatch", "1.1"), make_store(5, 12), "train")
    return next(iter(stream.epoch(1)))


def new_stepper(batch_loss=LOSS, epoch=1):
    model = initial_model(model_module("deciwatch").build, seed=0)
    optimizer = make_optimizer(model, 1e-3)
    return model, Stepper(model, optimizer, batch_loss, seed=0, epoch=epoch)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_dropout_depends_on_seed_epoch_and_batch_alone(batch):
    def loss(epoch, index):
        return new_stepper(epoch=epoch)[1].step(batch, index).item()

    assert loss(1, 0) == loss(1, 0)
    assert len({loss(1, 0), loss(1, 1), loss(2, 0)}) == 3


def nan_loss(model, batch):
    loss, output = LOSS(model, batch)
    return loss * math.nan, output


def nan_gradient(model, batch):
    loss, output = LOSS(model, batch)
    zero = next(model.parameters()).sum() * 0
    return loss + zero.abs().sqrt(), output  # 0, but its slope there is infinite


@pytest.mark.parametrize("poison", [nan_loss, nan_gradient])
def test_the_step_of_a_bad_batch_is_not_taken(batch, poison):
    model, stepper = new_stepper(poison)
    before = weights(model)
    with pytest.raises(NonFiniteError) as error:
        stepper.step(batch, 7)
    assert error.value.batch == 7
    assert torch.equal(weights(model), before)


def test_between_looks_the_device_alone_skips_bad_steps(batch):
    """As on a GPU: the host looks seldom, and then learns of the first bad batch."""
    calls = 0

    def second_is_bad(model, batch):
        nonlocal calls
        calls += 1
        return (nan_loss if calls == 2 else LOSS)(model, batch)

    model, stepper = new_stepper(second_is_bad)
    stepper._look_every = 50
    stepper.step(batch, 0)
    after_first = weights(model)
    stepper.step(batch, 1)
    assert torch.equal(weights(model), after_first)
    stepper.step(batch, 2)
    assert weights(model).isfinite().all()
    with pytest.raises(NonFiniteError) as error:
        stepper.look()
    assert error.value.batch == 1


def test_a_good_step_moves_the_weights(batch):
    model, stepper = new_stepper()
    before = weights(model)
    stepper.step(batch, 0)
    stepper.look()
    assert not torch.equal(weights(model), before)


def test_the_optimizer_is_adam_with_the_thesiss_betas():
    """Three steps of Adam as Kingma and Ba (2015) write it, float64."""
    rate, (beta1, beta2) = 1e-2, (0.9, 0.999)
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))
    model = torch.nn.Module()
    model.weight = weight
    optimizer = make_optimizer(model, rate)
    expected, first, second = weight.detach().clone(), torch.zeros(3), torch.zeros(3)
    for t, slope in enumerate(([1.0, -3.0, 0.1], [-2.0, 1.0, 0.1], [0.5, 0.5, -4.0]), start=1):
        gradient = torch.tensor(slope, dtype=torch.float64)
        weight.grad = gradient
        optimizer.step()
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient.square()
        mean, spread = first / (1 - beta1**t), second / (1 - beta2**t)
        expected = expected - rate * mean / (spread.sqrt() + 1e-8)
        torch.testing.assert_close(weight.detach(), expected)
