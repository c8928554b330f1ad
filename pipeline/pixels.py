"""Rendering a shard's heatmaps into memory that is kept: new memory took longer than the work."""

import threading

import numpy as np
from numpy.typing import NDArray

from pipeline.contract import heatmap
from pipeline.contract.heatmap import SIZE
from pipeline.contract.skeleton import N_KEYPOINTS


class _Room(threading.local):
    """A thread's own frames of heatmaps, and which keypoints' columns hold anything."""

    maps: NDArray[np.float32] = np.zeros((0, N_KEYPOINTS, SIZE, SIZE), np.float32)
    filled: NDArray[np.bool_] = np.zeros(N_KEYPOINTS, bool)


_room = _Room()


def render_frames(
    keypoints: NDArray[np.integer], annotated: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """``heatmap.render`` of frames, valid until this thread calls it again.

    Columns of keypoints that no frame has, which are half of them, are zero already.

    Parameters
    ----------
    keypoints : integer (n, 25, 2).
    annotated : bool (n, 25).

    Returns
    -------
    float32 (n, 25, 56, 56).
    """
    n = len(keypoints)
    if n > len(_room.maps):
        _room.maps = np.zeros((n, N_KEYPOINTS, SIZE, SIZE), np.float32)
        _room.filled = np.zeros(N_KEYPOINTS, bool)
    present = np.asarray(annotated.any(axis=0))
    _room.maps[:, _room.filled & ~present] = 0
    _room.filled = present
    edges = np.flatnonzero(np.diff(present, prepend=False, append=False)).reshape(-1, 2)
    for first, end in edges.tolist():
        run = slice(first, end)
        heatmap.render(keypoints[:, run], annotated[:, run], out=_room.maps[:n, run])
    return _room.maps[:n]
