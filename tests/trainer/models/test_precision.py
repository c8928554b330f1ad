"""Precision: what auto means, and that weights and losses stay float32."""

import pytest
import torch
from torch import nn

from pose_smoother.errors import InvalidInputError
from trainer.models.precision import computing_in, resolved_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(("tiles", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_asks_the_cpu_for_matrix_units(tiles, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    assert resolved_precision("auto", CPU) == expected


def test_auto_is_float32_where_torch_does_not_say(monkeypatch):
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert resolved_precision("auto", CPU) == "float32"


def test_a_name_is_itself_and_an_unknown_one_is_reported():
    assert resolved_precision("bfloat16", CPU) == "bfloat16"
    with pytest.raises(
        InvalidInputError, match="unknown precision 'half'; known: auto, float32, bfloat16"
    ):
        resolved_precision("half", CPU)


@pytest.mark.parametrize(
    ("precision", "inner"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_only_matrix_products_change(precision, inner):
    layer = nn.Linear(4, 4)
    with computing_in(precision, CPU):
        out = layer(torch.ones(2, 4))
    assert out.dtype == inner
    out.float().sum().backward()
    assert layer.weight.dtype == layer.weight.grad.dtype == torch.float32
