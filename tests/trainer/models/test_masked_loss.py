"""Keypoints without ground truth: no loss and no gradient, and the mean still over all elements."""

import pytest
import torch
from torch.nn.functional import mse_loss

from trainer.models.masked_loss import _is_of_maps, masked_l1, masked_mse, masked_target


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


def made(shape, precision, random_masks):
    generator = torch.Generator().manual_seed(0)
    predicted = torch.rand(shape, generator=generator).to(precision).requires_grad_()
    target = 40 * torch.rand(shape, generator=generator)
    mask = (shape[0], 1, shape[2], *[1] * (len(shape) - 3))
    if random_masks:
        return predicted, target, torch.rand(mask, generator=generator) > 0.4
    one = (torch.arange(shape[2]) % 7 < 4).view(1, *mask[1:])
    return predicted, target, one.expand(mask)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3, 5, 25, 56, 56), (16, 5, 50)])
@pytest.mark.parametrize("random_masks", [True, False])
def test_its_gradient_is_the_plain_formula_s_bit_for_bit(shape, precision, random_masks):
    predicted, target, has_target = made(shape, precision, random_masks)
    plain = mse_loss(predicted.float(), masked_target(predicted, target, has_target).float())
    found = masked_mse(predicted, target, has_target)
    assert found.dtype == torch.float32
    one, other = (torch.autograd.grad(loss, predicted)[0] for loss in (found, plain))
    assert one.dtype == precision
    assert torch.equal(one, other)


def test_of_coordinates_the_loss_is_the_plain_formula_s_bit_for_bit():
    predicted, target, has_target = made((16, 5, 50), torch.float32, True)
    plain = mse_loss(predicted, masked_target(predicted, target, has_target))
    assert torch.equal(masked_mse(predicted, target, has_target), plain)


@pytest.mark.parametrize("random_masks", [True, False])
def test_of_heatmaps_the_loss_is_within_a_millionth_of_float64_s(random_masks):
    """Summed up map by map: not the bits of one float32 mean, and no less exact."""
    predicted, target, has_target = made((16, 5, 25, 56, 56), torch.float32, random_masks)
    wanted = (target.double() - predicted.double()).square() * has_target
    found = masked_mse(predicted, target, has_target).item()
    assert found == pytest.approx(wanted.mean().item(), rel=1e-6)


@pytest.mark.parametrize("axis", range(5))
def test_only_a_mask_by_whole_maps_is_read_as_one(axis):
    """Any other takes the plain way, which broadcasts what it gets."""
    sizes = [2, 5, 3, 4, 6]
    predicted, mask = torch.ones(sizes), [2, 1, 3, 1, 1]
    assert _is_of_maps(predicted, torch.ones(mask, dtype=torch.bool))
    assert not _is_of_maps(predicted.to("meta"), torch.ones(mask, dtype=torch.bool))
    mask[axis] = sizes[axis] if mask[axis] == 1 else 1
    has_target = torch.ones(mask, dtype=torch.bool)
    assert not _is_of_maps(predicted, has_target)
    assert not _is_of_maps(predicted[..., 0], has_target[..., 0])
    has_target.select(axis, 0).fill_(False)
    wanted = 1 - 1 / mask[axis]
    assert masked_mse(predicted, torch.zeros(sizes), has_target).item() == pytest.approx(wanted)


def test_heatmaps_without_a_target_may_hold_anything_but_a_bad_prediction():
    predicted, target, has_target = made((2, 5, 3, 4, 4), torch.float32, True)
    has_target = torch.tensor([[True, False, True], [False, True, True]])[:, None, :, None, None]
    target = torch.where(has_target, target, torch.nan)
    assert masked_mse(predicted, target, has_target).isfinite()
    for bad in (torch.nan, torch.inf):
        broken = torch.where(has_target, predicted, bad)
        assert not masked_mse(broken, target, has_target).isfinite()


def test_no_window_no_loss_no_error():
    nothing = torch.empty(0, 5, 3, 4, 4)
    assert masked_mse(nothing, nothing, torch.empty(0, 1, 3, 1, 1, dtype=torch.bool)).isnan()
