"""Training steps: reproducible, and none from numbers that are not finite."""

import math

import pytest
import torch

from pose_smoother.seeds import DROPOUT, INITIAL_WEIGHTS
from tests.trainer.fake_store import make_store
from trainer.models import model_module
from trainer.training.config import TrainConfig, open_stream
from trainer.training.losses import batch_loss_of
from trainer.training.step import (
    NonFiniteError,
    Stepper,
    bad_windows,
    initial_model,
    make_optimizer,
    set_seed,
)

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


def test_initial_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    build = model_module("deciwatch").build
    one = weights(initial_model(build, 0))
    torch.manual_seed(2)
    assert torch.equal(one, weights(initial_model(build, 0)))
    assert not torch.equal(one, weights(initial_model(build, 1)))


def test_dropout_depends_on_seed_epoch_and_batch_alone(batch):
    def loss(epoch, index):
        return new_stepper(epoch=epoch)[1].step(batch, index).item()

    assert loss(1, 0) == loss(1, 0)
    assert len({loss(1, 0), loss(1, 1), loss(2, 0)}) == 3


def test_purposes_do_not_share_their_random_numbers():
    drawn = set()
    for position in [(0, DROPOUT, 1, 0), (0, INITIAL_WEIGHTS, 1, 0), (1, DROPOUT, 1, 0)]:
        set_seed(*position)
        drawn.add(torch.rand(()).item())
    assert len(drawn) == 3


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


def test_the_windows_at_fault_are_found(batch):
    model, _ = new_stepper()

    def third_is_bad(one, some):
        loss, output = LOSS(one, some)
        return loss * (math.nan if (some.window == batch.window[2]).any() else 1.0), output

    assert bad_windows(model, batch, third_is_bad) == [2]
    assert bad_windows(model, batch, LOSS) == list(range(len(batch.window)))
