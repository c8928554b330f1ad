"""Heatmaps in a buffer are the renderer's, whatever was drawn into it before."""

import pytest
import torch

from trainer.data.heatmap_buffer import HeatmapBuffer
from trainer.data.render import render, response_tables
from trainer.experiments import RANDOM_SIGMA_PX

SIZE = 56


def made(seed: int, n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    positions = torch.randint(0, SIZE, (n, 5, 25, 2), generator=random)
    present = torch.rand(n, 5, 25, generator=random) < 0.7
    present[..., 15:] = False
    positions[~present] = -1
    return positions, present, torch.randint(0, 5, (n, 5, 25), generator=random)


@pytest.mark.parametrize("sigmas", [(1.0,), RANDOM_SIGMA_PX])
def test_what_was_drawn_before_is_cleared(sigmas: tuple[float, ...]) -> None:
    buffer = HeatmapBuffer((4, 5), sigmas, torch.ones(25, dtype=torch.bool))
    assert buffer._impulses is not None
    tables = response_tables(sigmas)
    for seed, n in enumerate((4, 4, 1, 0, 3, 4)):
        positions, present, sigma_index = made(seed, n)
        index = sigma_index if len(sigmas) > 1 else None
        found = buffer.draw(positions, present, index)
        assert torch.equal(found, render(positions, present, index, tables))
        assert found.untyped_storage().data_ptr() == buffer.maps.untyped_storage().data_ptr()
        assert not buffer.maps[n:].any()


def test_all_pixels_of_wide_impulses_are_written() -> None:
    positions, present, sigma_index = made(0, 2)
    sigma_index %= 2
    buffer = HeatmapBuffer((2, 5), (1.0, 9.0), present.any(dim=0).any(dim=0))
    assert buffer._impulses is None
    expected = render(positions, present, sigma_index, response_tables((1.0, 9.0)))
    assert torch.equal(buffer.draw(positions, present, sigma_index), expected)


def test_coordinate_models_get_no_memory() -> None:
    assert HeatmapBuffer((0, 5), (1.0,), torch.ones(25, dtype=torch.bool)).maps.numel() == 0
