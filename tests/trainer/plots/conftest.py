"""A motion that is known: a person who stands and swings, noisy and smoothed."""

import numpy as np
import pytest

from pose_smoother.poses.tracks import Track
from pose_smoother.skeleton import KEYPOINTS
from tests.trainer.fake_store import REST_PX
from trainer.plots.track_data import Motion, motion_of

N_FRAMES = 40


@pytest.fixture
def motion() -> Motion:
    """40 frames; truth known, noisy off by (3, 4) px, smoothed by (0, 1); no thumbs."""
    truth = np.full((N_FRAMES, 25, 2), np.nan)
    for column, name in enumerate(KEYPOINTS):
        side, _, part = name.rpartition("_")
        if part == "thumb":
            continue
        x, y = REST_PX[part]
        truth[:, column] = (55 - x if side == "right" else x, y)
    truth *= 8
    truth[..., 0] += 2.0 * np.arange(N_FRAMES)[:, None]
    frame = np.arange(100, 100 + N_FRAMES)
    track = Track("a", "", "", frame, truth + np.array((3.0, 4.0)), np.full((N_FRAMES, 25), np.nan))
    return motion_of(track, KEYPOINTS, truth + np.array((0.0, 1.0)), "savgol", "a swing", truth)
