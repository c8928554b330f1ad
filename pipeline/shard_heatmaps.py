"""A shard's heatmaps, a few frames at a time, in memory that is kept and mostly zero.

New memory for a whole shard took longer than the arithmetic; and of a smeared impulse's 3,136
pixels 81 are not zero: only those are copied, from a table, and cleared again.
"""

import threading
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pose_smoother.heatmap import IMPULSE, SIGMA_OUT_PX, SIZE, response_table
from pose_smoother.skeleton import N_KEYPOINTS


class _Room(threading.local):
    """A thread's own frames of heatmaps, and where they are not zero.

    Attributes
    ----------
    maps : float32 (n, 25, 56, 56).
    patches : float32 (n * 25, top, left, 9, 9), what of each map begins at a pixel; a view.
    filled : of ``patches``, those that are not zero: three intp (m,).
    """

    maps: NDArray[np.float32]
    patches: NDArray[np.float32]
    filled: tuple[NDArray[np.intp], ...]

    def __init__(self) -> None:
        self.make(0)

    def make(self, n_frames: int) -> None:
        """Room for some frames, all zero."""
        self.maps = np.zeros((n_frames, N_KEYPOINTS, SIZE, SIZE), np.float32)
        patch = _responses()[0].shape[-2:]
        flat = self.maps.reshape(-1, SIZE, SIZE)
        self.patches = sliding_window_view(flat, patch, axis=(1, 2), writeable=True)
        self.filled = (np.zeros(0, np.intp),) * 3


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
        """``heatmap.render`` of some frames, bit for bit; valid until this thread asks again."""
        return _render(self._keypoints[rows], self._annotated[rows])


@cache
def _responses() -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The part of each smeared impulse that is not zero, and where it begins.

    Returns
    -------
    patches : float32 (56 y * 56 x of the impulse, 9, 9).
    start : intp (56,), row or column, moved inwards at the borders: all parts are equally long.
    """
    table = response_table(SIGMA_OUT_PX)
    columns = np.arange(SIZE)
    first = np.array([columns[row > 0].min() for row in table])
    width = max(int((row > 0).sum()) for row in table)
    start = np.minimum(first, SIZE - width)
    part = start[:, None] + np.arange(width)
    x = np.take_along_axis(table.astype(np.float32), part, axis=1)
    y = np.take_along_axis((IMPULSE * table).astype(np.float32), part, axis=1)
    patches = y[:, None, :, None] * x[None, :, None, :]
    return patches.reshape(-1, width, width), start.astype(np.intp)


_room = _Room()


def _render(keypoints: NDArray[np.integer], annotated: NDArray[np.bool_]) -> NDArray[np.float32]:
    n = len(keypoints)
    if n > len(_room.maps):
        _room.make(n)
    else:
        _room.patches[_room.filled] = 0
    _room.filled = (np.zeros(0, np.intp),) * 3
    at = keypoints[annotated].astype(np.intp, copy=False)
    if at.size and (at.min() < 0 or at.max() >= SIZE):
        raise IndexError(f"keypoints must lie in 0 ... {SIZE - 1}")
    x, y = at.T
    patches, start = _responses()
    place = np.flatnonzero(annotated), start[y], start[x]
    _room.patches[place] = patches.take(y * SIZE + x, axis=0)
    _room.filled = place
    return _room.maps[:n]
