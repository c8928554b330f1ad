"""Tracks in memory, and smoothers whose work can be seen, for tests of what is put through them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.tracks import Poses, Track
from pose_smoother.skeleton import KEYPOINTS
from trainer.inference.sliding_window import WindowSmoother

NAMES = (*KEYPOINTS, "tail")


def walk(n_frames: int, seed: int = 0) -> NDArray[np.float64]:
    """Float64 (n, 26, 2): a person who moves a little in every frame, each keypoint its own way."""
    rng = np.random.default_rng(seed)
    body = rng.uniform(0, 100, (1, len(NAMES), 2)) * [1, 3] + 200
    return body + np.cumsum(rng.uniform(-1, 1, (n_frames, len(NAMES), 2)), axis=0)


def track(keypoints: NDArray[np.float64], frame: Any = None, name: str = "a") -> Track:
    frames = np.arange(len(keypoints)) if frame is None else np.asarray(frame, dtype=np.int64)
    return Track(name, "", name, frames, keypoints, np.full(keypoints.shape[:2], np.nan))


def poses(*tracks: Track) -> Poses:
    return Poses(NAMES, tracks, (), None)


def smoother(smooth: Callable[[Any], Any] = np.copy, **chosen: Any) -> WindowSmoother:
    """A smoother that knows all 25 keypoints; the identity by default."""
    return WindowSmoother(
        **{"name": "test", "smooth": smooth, "keypoints": np.ones(25, bool), **chosen}
    )
