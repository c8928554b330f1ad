"""Heatmaps in a buffer that is used again are the renderer's, bit for bit."""

import numpy as np
import pytest

from pose_smoother.heatmap import SIZE, render
from pose_smoother.impulse_renderer import ImpulseRenderer

SIGMAS_PX = (1.0, 1.5, 2.0, 2.5, 3.0)
EVERY_PIXEL = np.stack(np.divmod(np.arange(SIZE * SIZE), SIZE), axis=-1)


def buffer(n: int) -> np.ndarray:
    return np.zeros((n, SIZE, SIZE), np.float32)


def assert_same_bits(found: np.ndarray, expected: np.ndarray) -> None:
    assert np.array_equal(found.view(np.int32), expected.view(np.int32))


@pytest.mark.parametrize("sigma_px", [*SIGMAS_PX, 0.3, 0.7, 5.0, 14.0])
def test_an_impulse_at_every_pixel_is_the_renderer_s(sigma_px: float) -> None:
    """At the borders, where the filter reflects, and where a patch is as large as the map."""
    present = np.ones(len(EVERY_PIXEL), bool)
    found = ImpulseRenderer(buffer(len(EVERY_PIXEL)), (sigma_px,)).draw(EVERY_PIXEL, present)
    assert_same_bits(found, render(EVERY_PIXEL, present, sigma_px))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64])
def test_what_was_drawn_before_is_cleared(dtype: type[np.integer]) -> None:
    rng = np.random.default_rng(0)
    maps = buffer(40)
    renderer = ImpulseRenderer(maps, SIGMAS_PX)
    for n in (40, 40, 7, 0, 40):
        positions = rng.integers(0, SIZE, (n, 2)).astype(dtype)
        present, sigma_index = rng.random(n) < 0.7, rng.integers(0, len(SIGMAS_PX), n)
        positions[~present] = -1
        found = renderer.draw(positions, present, sigma_index)
        for row in range(n):
            sigma_px = SIGMAS_PX[sigma_index[row]]
            assert_same_bits(found[row], render(positions[row], present[row], sigma_px))
        assert not maps[n:].any()
        assert found.base is maps or found is maps


def test_absent_keypoints_may_have_any_position() -> None:
    positions = np.array([[-1, -1], [500, -9], [20, 20]])
    assert not ImpulseRenderer(buffer(3), (1.0,)).draw(positions, np.zeros(3, bool)).any()


def test_wide_blurs_do_not_pay() -> None:
    assert ImpulseRenderer.pays((1.0,))
    assert ImpulseRenderer.pays(SIGMAS_PX)
    assert not ImpulseRenderer.pays((1.0, 9.0))
