"""Glorot-uniform weights, in every layer of every model."""

import math

import pytest
import torch
from torch import nn

from trainer.models import model_module, models
from trainer.models.convlstm import ConvLSTM
from trainer.models.glorot import glorot_uniform_

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def assert_fills(weight: torch.Tensor, bound: float) -> None:
    """Uniform on (-bound, bound): never outside, close to both ends, of the right spread."""
    weight = weight.detach()
    n = weight.numel()
    assert n > 1_000
    assert float(weight.abs().max()) <= bound * (1 + 1e-6)  # the end is rounded to float32
    assert float(weight.max()) > 0.98 * bound
    assert float(weight.min()) < -0.98 * bound
    assert abs(float(weight.mean())) < 5 * bound / math.sqrt(3 * n)
    assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=5 / math.sqrt(n))


def test_the_bound_is_that_of_the_thesis() -> None:
    torch.manual_seed(0)
    assert_fills(glorot_uniform_(torch.empty(100, 40), 40, 100), math.sqrt(6) / math.sqrt(140))


#: The fifth model starts as the mean over the window: layers that end a block start at zero.
_THESIS = [name for name in models() if name != "resmlp"]


@pytest.mark.parametrize("name", _THESIS)
def test_every_layer_of_every_model(name: str) -> None:
    torch.manual_seed(0)
    layers = [m for m in model_module(name).build().modules() if isinstance(m, LAYERS)]
    assert layers
    for layer in layers:
        n_taps = math.prod(layer.weight.shape[2:])
        n_out, n_in = layer.weight.shape[:2]
        assert_fills(layer.weight, math.sqrt(6 / (n_taps * (n_in + n_out))))
        assert not layer.bias.any()


def test_the_gates_of_a_convlstm_are_layers_of_their_own() -> None:
    torch.manual_seed(0)
    layer = ConvLSTM(25, 25, 56)
    bound = math.sqrt(6 / (9 * (25 + 25)))
    for weight in (layer.weight_input, layer.weight_hidden):
        for gate in weight.chunk(4):
            assert_fills(gate, bound)
    n_units = 25 * 56 * 56
    for peephole in layer.peephole:
        assert_fills(peephole, math.sqrt(6 / (n_units + n_units)))
    assert not layer.bias.any()


def test_weights_follow_from_the_seed() -> None:
    for module in models().values():
        torch.manual_seed(5)
        first = module.build().state_dict()
        torch.manual_seed(5)
        second = module.build().state_dict()
        assert all(torch.equal(first[name], second[name]) for name in first)
