"""Positions finer than a pixel, read off heatmaps."""

import numpy as np
import pytest
import torch

from trainer.inference.decode import positions_in


def bumps(places, sigma=1.0):
    """Float32 (1, 1, K, 56, 56): Gaussians at any places."""
    y, x = np.mgrid[:56, :56]
    maps = [
        255 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
        for a, b in places
    ]
    return torch.tensor(np.array(maps, np.float32))[None, None]


PLACES = [(20.3, 31.8), (4.49, 50.5), (27.0, 27.0), (33.75, 10.2)]


@pytest.mark.parametrize("sigma", [1.0, 2.5])
def test_a_gaussian_s_centre_is_found_within_a_twentieth_of_a_pixel(sigma):
    found = positions_in(bumps(PLACES, sigma), "subpixel")[0, 0]
    np.testing.assert_allclose(found, PLACES, atol=0.05)
    assert found.dtype == torch.float32


def test_argmax_gives_whole_pixels():
    found = positions_in(bumps(PLACES), "argmax")[0, 0]
    np.testing.assert_array_equal(found[0], [20, 32])
    np.testing.assert_array_equal(found[2], [27, 27])


@pytest.mark.parametrize("place", [(0.0, 0.0), (55.0, 20.0), (12.0, 55.0)])
def test_peaks_at_the_border_stay_near_it(place):
    found = positions_in(bumps([place]), "subpixel")[0, 0, 0]
    np.testing.assert_allclose(found, place, atol=1.0)


@pytest.mark.parametrize("decoder", ["subpixel", "argmax"])
def test_an_empty_heatmap_has_no_position(decoder):
    maps = bumps(PLACES)
    maps[0, 0, 1] = 0
    maps[0, 0, 2] = -1
    found = positions_in(maps, decoder)[0, 0]
    assert torch.isnan(found[1:3]).all()
    assert torch.isfinite(found[[0, 3]]).all()


def test_a_flat_or_two_topped_heatmap_gives_a_pixel_of_it():
    flat = torch.zeros(1, 1, 1, 56, 56)
    flat[..., 10:13, 10:40] = 1.0
    x, y = positions_in(flat, "subpixel")[0, 0, 0].tolist()
    assert 9 <= x <= 40
    assert 10 <= y <= 13
