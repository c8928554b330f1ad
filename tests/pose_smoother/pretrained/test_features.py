"""Features of a track: the running median, whose window may be longer than the track."""

import numpy as np
import pytest

from pose_smoother.pretrained.features import MEDIANS, running_median


@pytest.mark.parametrize("width", MEDIANS)
@pytest.mark.parametrize("n_frames", [1, 2, 4, 8, 9, 30, 31])
def test_the_running_median_repeats_the_ends(n_frames: int, width: int) -> None:
    x = np.random.default_rng(n_frames).normal(size=(n_frames, 3, 2))
    half = width // 2
    padded = np.pad(x, ((half, half), (0, 0), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=0)
    np.testing.assert_array_equal(running_median(x, width), np.median(windows, axis=-1))
