"""Heatmaps rendered into reused memory are the renderer's, whatever was there before."""

import threading

import numpy as np
import pytest

from pose_smoother import heatmap
from pose_smoother.store.rendered_frames import RenderedFrames


def frames(n: int, columns: list[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    annotated = np.zeros((n, 25), bool)
    annotated[:, columns] = random.random((n, len(columns))) < 0.7
    return np.where(annotated[..., None], random.integers(0, 56, (n, 25, 2)), -1), annotated


def test_nothing_is_left_of_the_shard_before() -> None:
    for seed, (n, columns) in enumerate(
        [
            (20, [0, 1, 2, 5, 24]),
            (7, [5, 6]),
            (20, [0, 24]),
            (0, []),
            (30, list(range(25))),
            (3, []),
        ]
    ):
        keypoints, annotated = frames(n, columns, seed)
        rows = RenderedFrames(keypoints, annotated)
        expected = heatmap.render(keypoints, annotated)
        assert len(rows) == n
        for part in (slice(0, n), slice(0, 5), slice(2, 9)):
            assert np.array_equal(rows[part].view(np.int32), expected[part].view(np.int32))


def test_every_pixel_s_impulse_is_the_renderer_s() -> None:
    """All 3,136 positions: the response is another at the borders."""
    keypoints = np.full((126, 25, 2), -1)
    keypoints.reshape(-1, 2)[:3136] = np.stack(np.divmod(np.arange(3136), 56), axis=-1)
    annotated = keypoints[..., 0] >= 0
    expected = heatmap.render(keypoints, annotated)
    assert np.array_equal(RenderedFrames(keypoints, annotated)[:], expected)


def test_a_position_outside_is_refused_and_leaves_nothing() -> None:
    keypoints, annotated = frames(4, [1, 2], 0)
    RenderedFrames(keypoints, annotated)[:]
    bad = np.where(annotated[..., None], 56, keypoints)
    with pytest.raises(IndexError, match="must lie in 0"):
        RenderedFrames(bad, annotated)[:]
    none = RenderedFrames(keypoints, np.zeros_like(annotated))
    assert not none[:].any()


def test_threads_don_t_share_their_memory() -> None:
    mine = RenderedFrames(*frames(9, [3], 0))[:]
    copy = mine.copy()
    others = RenderedFrames(*frames(9, [3], 1))
    other = threading.Thread(target=lambda: others[:])
    other.start()
    other.join()
    assert np.array_equal(mine, copy)
