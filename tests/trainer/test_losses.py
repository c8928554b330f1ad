"""Keypoints without ground truth: no loss and no gradient, and the mean still over all elements."""

import pytest
import torch
from torch.nn.functional import mse_loss

from trainer.losses import masked_l1, masked_mse, masked_target


def example():
    predicted = torch.tensor([[1.0, 2.0, 3.0, 4.0]], requires_grad=True)
    target = torch.tensor([[0.0, 0.0, 0.0, 0.0]])
    has_target = torch.tensor([[True, False, True, False]])
    return predicted, target, has_target


@pytest.mark.parametrize(("loss", "expected"), [(masked_mse, 10 / 4), (masked_l1, 4 / 4)])
def test_the_mean_divides_by_all_elements(loss, expected):
    assert loss(*example()).item() == expected


@pytest.mark.parametrize("loss", [masked_mse, masked_l1])
def test_no_gradient_without_a_target(loss):
    predicted, target, has_target = example()
    loss(predicted, target, has_target).backward()
    assert (predicted.grad[~has_target] == 0).all()
    assert (predicted.grad[has_target] != 0).all()


def test_a_mask_is_broadcast_over_heatmaps():
    predicted = torch.ones(2, 5, 3, 4, 4, requires_grad=True)
    has_target = torch.tensor([[True, False, True], [False, False, True]])
    loss = masked_mse(predicted, torch.zeros_like(predicted), has_target[:, None, :, None, None])
    assert loss.item() == pytest.approx(3 / 6)


def test_a_target_that_is_not_a_number_is_harmless_where_it_does_not_count():
    predicted, target, has_target = example()
    target = torch.where(has_target, target, torch.nan)
    loss = masked_mse(predicted, target, has_target)
    loss.backward()
    assert loss.item() == 10 / 4
    assert predicted.grad.isfinite().all()


def test_a_prediction_that_is_not_a_number_shows_even_without_a_target():
    predicted, target, has_target = example()
    predicted = torch.where(has_target, predicted, torch.nan)
    assert not masked_mse(predicted, target, has_target).isfinite()


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3, 5, 25, 56, 56), (16, 5, 50)])
def test_it_equals_the_plain_formula_bit_for_bit(shape, precision):
    generator = torch.Generator().manual_seed(0)
    predicted = torch.rand(shape, generator=generator).to(precision).requires_grad_()
    target = 40 * torch.rand(shape, generator=generator)
    has_target = torch.rand((shape[0], 1, shape[2], *[1] * (len(shape) - 3)), generator=generator)
    has_target = has_target > 0.4
    plain = mse_loss(predicted.float(), masked_target(predicted, target, has_target).float())
    found = masked_mse(predicted, target, has_target)
    assert found.dtype == torch.float32
    assert torch.equal(found, plain)
    one, other = (torch.autograd.grad(loss, predicted)[0] for loss in (found, plain))
    assert one.dtype == precision
    assert torch.equal(one, other)
