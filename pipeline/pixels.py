"""A shard's heatmaps, a few frames at a time, in memory that is kept and mostly zero.

New memory for a whole shard took longer than the arithmetic; and of a smeared impulse's 3,136
pixels 81 are not zero: only those are written, and cleared again.
"""

import threading
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.contract.heatmap import IMPULSE, SIGMA_OUT_PX, SIZE, response_table
from pipeline.contract.skeleton import N_KEYPOINTS


class _Room(threading.local):
    """A thread's own frames of heatmaps, and where (in all of them) they are not zero."""

    maps: NDArray[np.float32] = np.zeros((0, N_KEYPOINTS, SIZE, SIZE), np.float32)
    filled: NDArray[np.int64] = np.zeros(0, np.int64)


_room = _Room()


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
def _responses() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """The part of each one-dimensional response that is not zero, and where it begins.

    Returns
    -------
    x, y : float32 (56 impulse position, width), of a unit impulse and of a 255 one.
    start : int64 (56,), moved inwards at the borders: all parts are equally long.
    """
    table = response_table(SIGMA_OUT_PX)
    columns = np.arange(SIZE)
    first = np.array([columns[row > 0].min() for row in table])
    width = max(int((row > 0).sum()) for row in table)
    start = np.minimum(first, SIZE - width)
    part = start[:, None] + np.arange(width)
    x = np.take_along_axis(table.astype(np.float32), part, axis=1)
    y = np.take_along_axis((IMPULSE * table).astype(np.float32), part, axis=1)
    return x, y, start.astype(np.int64)


def _render(keypoints: NDArray[np.integer], annotated: NDArray[np.bool_]) -> NDArray[np.float32]:
    n = len(keypoints)
    if n > len(_room.maps):
        _room.maps = np.zeros((n, N_KEYPOINTS, SIZE, SIZE), np.float32)
    else:
        _room.maps.reshape(-1)[_room.filled] = 0
    _room.filled = np.zeros(0, np.int64)
    x, y = np.moveaxis(keypoints[annotated], -1, 0)
    if x.size and (min(x.min(), y.min()) < 0 or max(x.max(), y.max()) >= SIZE):
        raise IndexError(f"keypoints must lie in 0 ... {SIZE - 1}")
    rows_x, rows_y, start = _responses()
    width = np.arange(rows_x.shape[1])
    corner = np.flatnonzero(annotated) * SIZE**2 + start[y] * SIZE + start[x]
    place = corner[:, None, None] + (width[:, None] * SIZE + width)
    _room.maps.reshape(-1)[place] = rows_y[y][:, :, None] * rows_x[x][:, None, :]
    _room.filled = place.reshape(-1)
    return _room.maps[:n]
