"""Heatmaps of frames, a few at a time, in memory that each thread uses again.

New memory for a whole shard took longer than the arithmetic.
"""

import threading

import numpy as np
from numpy.typing import NDArray

from pose_smoother.heatmap import SIGMA_OUT_PX, SIZE
from pose_smoother.impulse_renderer import ImpulseRenderer
from pose_smoother.skeleton import N_KEYPOINTS


class RenderedFrames:
    """Heatmaps of frames, made as slices of them are asked for.

    Parameters
    ----------
    keypoints : integer (n, 25, 2) as (x, y) in 0 ... 55; read only where annotated.
    annotated : bool (n, 25).
    """

    def __init__(self, keypoints: NDArray[np.integer], annotated: NDArray[np.bool_]) -> None:
        self._keypoints, self._annotated = keypoints, annotated

    def __len__(self) -> int:
        return len(self._keypoints)

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        """``heatmap.render`` of some frames, bit for bit; valid until this thread asks again.

        Raises
        ------
        IndexError : an annotated keypoint is outside 0 ... 55.
        """
        keypoints, annotated = self._keypoints[rows], self._annotated[rows]
        at = keypoints[annotated]
        if at.size and (at.min() < 0 or at.max() >= SIZE):
            raise IndexError(f"keypoints must lie in 0 ... {SIZE - 1}")
        return _buffer.renderer(len(keypoints)).draw(keypoints, annotated)


class _Buffer(threading.local):
    """A thread's own memory for the heatmaps of frames."""

    def __init__(self) -> None:
        self._n_frames = -1
        self._renderer: ImpulseRenderer | None = None

    def renderer(self, n_frames: int) -> ImpulseRenderer:
        """A renderer with memory for some frames at least."""
        if self._renderer is None or n_frames > self._n_frames:
            maps = np.zeros((n_frames, N_KEYPOINTS, SIZE, SIZE), np.float32)
            self._renderer = ImpulseRenderer(maps, (SIGMA_OUT_PX,))
            self._n_frames = n_frames
        return self._renderer


_buffer = _Buffer()
