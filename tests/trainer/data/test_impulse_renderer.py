"""Maps in kept memory are those that the renderer makes, whatever was drawn before."""

import numpy as np
import pytest
import torch

from trainer.data.heatmap_buffer import HeatmapBuffer
from trainer.data.impulse_renderer import ImpulseRenderer
from trainer.data.render import render, response_tables
from trainer.experiments import RANDOM_SIGMA_PX

SIZE = 56
EVERY_PIXEL = torch.cartesian_prod(torch.arange(SIZE), torch.arange(SIZE))


@pytest.mark.parametrize("sigma_px", [*RANDOM_SIGMA_PX, 0.3, 0.7, 5.0, 14.0])
def test_an_impulse_at_every_pixel_is_the_renderer_s_bit_for_bit(sigma_px: float) -> None:
    """At the borders, where the filter reflects, and where a patch is as large as the map."""
    tables = response_tables((sigma_px,))
    present = torch.ones(len(EVERY_PIXEL), dtype=torch.bool)
    kept = ImpulseRenderer(torch.zeros(len(EVERY_PIXEL), SIZE, SIZE), tables)
    found = kept.draw(EVERY_PIXEL, present, None)
    expected = render(EVERY_PIXEL, present, None, tables)
    assert np.array_equal(found.numpy().view(np.int32), expected.numpy().view(np.int32))


def made(seed: int, n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    positions = torch.randint(0, SIZE, (n, 5, 25, 2), generator=random)
    present = torch.rand(n, 5, 25, generator=random) < 0.7
    present[..., 15:] = False
    positions[~present] = -1
    return positions, present, torch.randint(0, 5, (n, 5, 25), generator=random)


@pytest.mark.parametrize("sigmas", [(1.0,), RANDOM_SIGMA_PX])
def test_what_was_drawn_before_is_gone(sigmas: tuple[float, ...]) -> None:
    canvas = HeatmapBuffer((4, 5), sigmas, torch.ones(25, dtype=torch.bool))
    assert canvas._kept is not None
    tables = response_tables(sigmas)
    for seed, n in enumerate((4, 4, 1, 0, 3, 4)):
        positions, present, sigma_index = made(seed, n)
        index = sigma_index if len(sigmas) > 1 else None
        found = canvas.draw(positions, present, index)
        assert torch.equal(found, render(positions, present, index, tables))
        assert found.untyped_storage().data_ptr() == canvas.maps.untyped_storage().data_ptr()
        assert not canvas.maps[n:].any()


def test_absent_keypoints_may_stand_anywhere() -> None:
    kept = ImpulseRenderer(torch.zeros(3, SIZE, SIZE), response_tables((1.0,)))
    at = torch.tensor([[-1, -1], [500, -9], [20, 20]])
    assert not kept.draw(at, torch.zeros(3, dtype=torch.bool), None).any()


def test_wide_smears_are_written_whole() -> None:
    assert ImpulseRenderer.pays(response_tables((1.0,)))
    assert ImpulseRenderer.pays(response_tables(RANDOM_SIGMA_PX))
    assert not ImpulseRenderer.pays(response_tables((1.0, 9.0)))
    positions, present, sigma_index = made(0, 2)
    sigma_index %= 2
    canvas = HeatmapBuffer((2, 5), (1.0, 9.0), present.any(dim=0).any(dim=0))
    assert canvas._kept is None
    expected = render(positions, present, sigma_index, response_tables((1.0, 9.0)))
    assert torch.equal(canvas.draw(positions, present, sigma_index), expected)


def test_coordinate_models_get_no_memory() -> None:
    assert HeatmapBuffer((0, 5), (1.0,), torch.ones(25, dtype=torch.bool)).maps.numel() == 0
