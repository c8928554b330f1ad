"""Properties of putting tracks through windows, whatever is missing from them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_smoother.filters import mean
from pose_smoother.poses.keypoint_names import mapping
from tests.trainer.inference.tracks import NAMES, poses, smoother, track, walk
from trainer.inference.sliding_window import smooth_poses

MAP = mapping(NAMES)
#: Differences of neighbouring frame numbers, and the share of keypoints that is missing.
TRACKS = st.lists(
    st.tuples(st.lists(st.integers(1, 7), max_size=14), st.floats(0, 1), st.integers(0, 99)),
    min_size=1,
    max_size=4,
)


def tracks_of(drawn: list[tuple[list[int], float, int]]) -> list:
    found = []
    for steps, missing, seed in drawn:
        keypoints = walk(len(steps) + 1, seed)
        keypoints[np.random.default_rng(seed).random(keypoints.shape[:2]) < missing] = np.nan
        found.append(track(keypoints, np.cumsum([5, *steps]), name=str(len(found))))
    return found


@settings(deadline=None, max_examples=40)
@given(TRACKS, st.sampled_from([1, 2]), st.sampled_from(["mean", "middle"]), st.integers(1, 9))
def test_the_identity_loses_and_invents_nothing(drawn, step, merge, batch) -> None:
    tracks = tracks_of(drawn)
    same = smoother(step=step, merge=merge, batch_windows=batch)
    for one, found in zip(tracks, smooth_poses(poses(*tracks), MAP, same), strict=True):
        np.testing.assert_allclose(found, one.keypoints, atol=2e-3, equal_nan=True)


@settings(deadline=None, max_examples=40)
@given(TRACKS, st.floats(-500, 500), st.floats(0.1, 10))
def test_another_place_and_scale_of_the_picture_change_nothing_else(drawn, shift, scale) -> None:
    averaged = smoother(mean.smooth_windows)
    tracks = tracks_of(drawn)
    moved = [track(one.keypoints * scale + shift, one.frame, one.id) for one in tracks]
    here = smooth_poses(poses(*tracks), MAP, averaged)
    there = smooth_poses(poses(*moved), MAP, averaged)
    for a, b in zip(here, there, strict=True):
        np.testing.assert_allclose(b, a * scale + shift, atol=1e-2 * max(1, scale), equal_nan=True)
