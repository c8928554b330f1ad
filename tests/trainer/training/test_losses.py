"""Losses by name: the general one, and those that models bring along."""

import pytest

from pose_smoother.errors import InvalidInputError
from trainer.models import model_module
from trainer.models.deciwatch import official_loss
from trainer.models.resmlp import likelihood_loss
from trainer.models.smoothnet import position_acceleration_loss
from trainer.training.losses import batch_loss_of


def test_own_losses_are_found_by_scanning() -> None:
    assert batch_loss_of("official", model_module("deciwatch")) is official_loss
    assert batch_loss_of("likelihood", model_module("resmlp")) is likelihood_loss
    found = batch_loss_of("position-acceleration", model_module("smoothnet"))
    assert found is position_acceleration_loss


def test_loss_of_another_model_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="the likelihood loss is resmlp's own; deciwatch"):
        batch_loss_of("likelihood", model_module("deciwatch"))


def test_unknown_loss_lists_the_known() -> None:
    with pytest.raises(InvalidInputError, match=r"mse.*official.*likelihood"):
        batch_loss_of("huber", model_module("3dconv"))
