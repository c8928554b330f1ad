"""Rendering on the device equals scipy's Gaussian filter and the contract's renderer."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from pose_smoother import heatmap
from trainer.data.render import column_runs, render, response_tables

SIGMAS = (1.0, 1.5, 2.0, 2.5, 3.0)
SIZE = 56


def border_positions():
    """Every pixel of the four borders, and three inside, int64 (n, 2)."""
    edge = np.arange(SIZE)
    sides = [(edge, 0 * edge), (edge, 0 * edge + 55), (0 * edge, edge), (0 * edge + 55, edge)]
    inside = [[28, 28], [3, 50], [12, 1]]
    return np.concatenate([np.stack(side, axis=-1) for side in sides] + [inside])


@pytest.mark.parametrize("sigma_px", SIGMAS)
def test_equals_scipy_at_every_border_pixel(sigma_px):
    positions = border_positions()
    impulses = np.zeros((len(positions), SIZE, SIZE))
    impulses[np.arange(len(positions)), positions[:, 1], positions[:, 0]] = 255
    expected = gaussian_filter(impulses, (0, sigma_px, sigma_px), mode="reflect", truncate=4)
    at = torch.from_numpy(positions)
    index = torch.full((len(at),), SIGMAS.index(sigma_px))
    found = render(at, torch.ones(len(at), dtype=torch.bool), index, response_tables(SIGMAS))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("sigma_px", SIGMAS)
def test_equals_the_contract_bit_for_bit(sigma_px):
    rng = np.random.default_rng(0)
    positions = rng.integers(0, SIZE, (4, 5, 25, 2))
    present = rng.random((4, 5, 25)) < 0.8
    positions[~present] = -1
    expected = heatmap.render(positions, present, sigma_px)
    found = render(
        torch.from_numpy(positions), torch.from_numpy(present), None, response_tables((sigma_px,))
    )
    assert np.array_equal(found.numpy(), expected)


def test_each_keypoint_has_its_own_sigma():
    at = torch.full((5, 2), 28)
    maps = render(at, torch.ones(5, dtype=torch.bool), torch.arange(5), response_tables(SIGMAS))
    peaks = maps.amax(dim=(-2, -1)).tolist()
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[0] == pytest.approx(255 / (2 * np.pi), rel=0.01)


def test_x_is_the_column_and_y_the_row():
    tables = response_tables((1.0,))
    found = render(torch.tensor([[10, 40]]), torch.tensor([True]), None, tables)
    assert divmod(found[0].argmax().item(), SIZE) == (40, 10)


def test_absent_keypoints_are_zero_whatever_their_position_and_sigma():
    at = torch.tensor([[-1, -1], [20, 20], [500, -9]])
    present = torch.zeros(3, dtype=torch.bool)
    assert not render(at, present, torch.tensor([0, 4, 2]), response_tables(SIGMAS)).any()


def test_writes_into_the_given_buffer():
    at = torch.randint(0, SIZE, (2, 5, 25, 2))
    present = torch.ones((2, 5, 25), dtype=torch.bool)
    tables = response_tables((1.0,))
    out = torch.full((2, 5, 25, SIZE, SIZE), torch.nan)
    found = render(at, present, None, tables, out=out)
    assert found.data_ptr() == out.data_ptr()
    assert torch.equal(out, render(at, present, None, tables))


def test_columns_of_absent_keypoints_are_left_alone():
    present = torch.zeros(4, 5, 25, dtype=torch.bool)
    present[..., [0, 3, 4, 8, 15, 20]] = torch.rand(4, 5, 6) > 0.2
    present[0, 0, [0, 3, 4, 8, 15, 20]] = True
    columns = column_runs(present.any(dim=0).any(dim=0))
    assert columns == (slice(0, 5), slice(8, 9), slice(15, 16), slice(20, 21))
    positions = torch.randint(0, 56, (4, 5, 25, 2))
    tables = response_tables((1.0,))
    out = torch.zeros(4, 5, 25, 56, 56)
    out[:, :, 10] = 7
    render(positions, present, None, tables, out, columns)
    assert (out[:, :, 10] == 7).all()
    out[:, :, 10] = 0
    assert torch.equal(out, render(positions, present, None, tables))


def test_short_gaps_are_written_along():
    present = torch.zeros(25, dtype=torch.bool)
    present[[0, 3, 4, 5, 6, 7, 8, *range(15, 21)]] = True  # Penn Action: no ears
    assert column_runs(present) == (slice(0, 9), slice(15, 21))
    assert column_runs(torch.zeros(25, dtype=torch.bool)) == ()
    assert column_runs(torch.ones(25, dtype=torch.bool)) == (slice(0, 25),)
