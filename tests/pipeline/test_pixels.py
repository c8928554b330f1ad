"""Heatmaps rendered into kept memory are the renderer's, whatever was there before."""

import threading

import numpy as np

from pipeline.contract import heatmap
from pipeline.pixels import render_frames


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
        expected = heatmap.render(keypoints, annotated)
        assert np.array_equal(render_frames(keypoints, annotated), expected)


def test_threads_don_t_share_their_memory() -> None:
    mine = render_frames(*frames(9, [3], 0))
    copy = mine.copy()
    other = threading.Thread(target=render_frames, args=frames(9, [3], 1))
    other.start()
    other.join()
    assert np.array_equal(mine, copy)
