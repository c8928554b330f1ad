"""Tracks in memory, and smoothers whose work can be seen, for tests of what is put through them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.tracks import Poses, Track
from pose_smoother.skeleton import KEYPOINTS
from trainer.inference.sliding_window import WindowSmoother

NAMES = (*KEYPOINTS, "tail")


#: A human seen from the front, in shares of the stature: (distance from the middle, height).
_SIDES = {
    "ear": (0.04, 0.94),
    "shoulder": (0.13, 0.82),
    "elbow": (0.18, 0.63),
    "wrist": (0.20, 0.49),
    "pinky": (0.22, 0.42),
    "index": (0.20, 0.41),
    "thumb": (0.17, 0.44),
    "hip": (0.09, 0.53),
    "knee": (0.10, 0.285),
    "ankle": (0.11, 0.04),
    "heel": (0.10, 0.01),
    "toes": (0.14, 0.0),
}


def human(stature_px: float = 300.0) -> NDArray[np.float64]:
    """Float64 (1, 26, 2): a human who stands, and a keypoint that humans have not."""
    at = [(0.0, 0.93)]
    at += [
        (sign * _SIDES[name.split("_")[1]][0], _SIDES[name.split("_")[1]][1])
        for name in KEYPOINTS[1:]
        for sign in [1 if name.startswith("left") else -1]
    ]
    at.append((0.02, 0.5))
    return (np.array(at) * [1, -1] + [0, 1])[None] * stature_px + 200


def walk(n_frames: int, seed: int = 0) -> NDArray[np.float64]:
    """Float64 (n, 26, 2): a person who moves a little in every frame, each keypoint its own way."""
    rng = np.random.default_rng(seed)
    body = human() + rng.uniform(-4, 4, (1, len(NAMES), 2))
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
