import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pose_smoother.heatmap import IMPULSE, SIZE, render, response_table


def by_scipy(x: int, y: int, sigma_px: float) -> np.ndarray:
    matrix = np.zeros((SIZE, SIZE))
    matrix[y, x] = IMPULSE
    return gaussian_filter(matrix, sigma_px)


@pytest.mark.parametrize("sigma_px", [1.0, 1.5, 2.0, 2.5, 3.0])
def test_equal_to_scipy_at_all_borders_and_at_random_positions(sigma_px: float) -> None:
    edge = [0, 1, 2, 3, 11, 12, 28, 43, 44, 52, 53, 54, 55]
    rng = np.random.default_rng(7)
    places = [(x, y) for x in edge for y in edge] + rng.integers(0, SIZE, (60, 2)).tolist()
    maps = render(np.array(places), np.ones(len(places), bool), sigma_px)
    expected = np.stack([by_scipy(x, y, sigma_px) for x, y in places])
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, expected, rtol=3e-7, atol=1e-5)


def test_every_heatmap_sums_to_the_impulse_and_a_corner_reflects() -> None:
    maps = render(np.array([[0, 0], [28, 30]]), np.ones(2, bool))
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), IMPULSE, rtol=1e-6)
    assert maps[0].max() == pytest.approx(104.7, abs=0.05)
    assert np.unravel_index(maps[1].argmax(), (SIZE, SIZE)) == (30, 28)


def test_a_keypoint_that_is_not_annotated_is_all_zeros_wherever_it_is() -> None:
    maps = render(np.array([[-1, -1], [900, 5], [4, 5]]), np.array([False, False, True]))
    assert not maps[:2].any()
    assert maps[2].any()


def test_an_annotated_keypoint_outside_is_refused() -> None:
    with pytest.raises(IndexError, match=r"0 \.\.\. 55"):
        render(np.array([[56, 0]]), np.array([True]))


def test_the_table_is_shared_and_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        response_table(1.0)[0, 0] = 3
