"""Positions finer than a pixel, read off heatmaps."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

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


def bumps_of(places, covariance):
    """Float32 (1, 1, K, 56, 56): Gaussians of any covariance."""
    y, x = np.mgrid[:56, :56]
    inverse, maps = np.linalg.inv(covariance), []
    for a, b in places:
        apart = np.stack([x - a, y - b], axis=-1)
        maps.append(np.exp(-0.5 * np.einsum("...i,ij,...j", apart, inverse, apart)))
    return torch.tensor(np.array(maps, np.float32))[None, None]


def by_definition(heatmap):
    """The top of the parabola through the logarithm of one smoothed heatmap, (x, y)."""
    smooth = gaussian_filter(np.clip(heatmap, 0, None).astype(float), 1.0)
    log = np.log(np.maximum(smooth, 1e-6 * smooth.max()))
    row, column = np.unravel_index(smooth.argmax(), smooth.shape)
    y, x = np.clip([row, column], 1, 54)
    gradient = [(log[y, x + 1] - log[y, x - 1]) / 2, (log[y + 1, x] - log[y - 1, x]) / 2]
    xx = log[y, x + 1] - 2 * log[y, x] + log[y, x - 1]
    yy = log[y + 1, x] - 2 * log[y, x] + log[y - 1, x]
    xy = (log[y + 1, x + 1] - log[y - 1, x + 1] - log[y + 1, x - 1] + log[y - 1, x - 1]) / 4
    top = np.array([x, y]) - np.linalg.solve([[xx, xy], [xy, yy]], gradient)
    peak = np.array([column, row])
    return top if xx * yy > xy**2 and xx < 0 and np.abs(top - peak).max() <= 1 else peak


ROTATED = [np.array([[4.0, 2.0], [2.0, 3.0]]), np.array([[4.0, -2.5], [-2.5, 3.0]])]
BORDER = [(0.3, 20.4), (54.8, 7.7), (30.2, 0.4), (12.6, 54.7), (0.2, 0.4), (54.6, 54.9), (1.4, 9.3)]


@pytest.mark.parametrize("covariance", ROTATED)
def test_a_rotated_peak_is_found_exactly(covariance):
    found = positions_in(bumps_of(PLACES[2:], covariance), "subpixel")[0, 0]
    np.testing.assert_allclose(found, PLACES[2:], atol=1e-3)


@pytest.mark.parametrize("covariance", [np.eye(2), 3 * np.eye(2), *ROTATED])
def test_border_and_rotated_peaks_are_decoded_by_definition(covariance):
    maps = bumps_of([*PLACES, *BORDER], covariance)
    found = positions_in(maps, "subpixel")[0, 0].numpy()
    expected = [by_definition(one) for one in maps[0, 0].numpy()]
    np.testing.assert_allclose(found, expected, atol=2e-3)
