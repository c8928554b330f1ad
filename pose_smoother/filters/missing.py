"""Missing positions: where they are, medians that skip them, stretches between long gaps."""

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_Float = TypeVar("_Float", np.float32, np.float64)

#: A gap of fewer missing frames is bridged, a longer one begins a new run: the frames of a training
#: window (5) less one, so a window over a bridged gap has a frame on each side of it.
BRIDGED_FRAMES = 4


def present_frames(noisy: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Bool (N, T, K, 1): where a position is known."""
    return np.asarray(np.isfinite(noisy).all(axis=-1, keepdims=True))


def nan_median(values: NDArray[_Float]) -> NDArray[_Float]:
    """Median over axis 1 of what is not NaN, as ``np.nanmedian`` but quick and quiet."""
    ordered = np.sort(values, axis=1)  # NaN last
    n_present = np.isfinite(ordered).sum(axis=1, keepdims=True)
    upper = np.take_along_axis(ordered, n_present // 2 % values.shape[1], axis=1)
    lower = np.take_along_axis(ordered, np.maximum(n_present - 1, 0) // 2, axis=1)
    middle: NDArray[_Float] = (np.float32(0.5) * (upper + lower))[:, 0]
    return middle


def stretches(present: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.int64], slice]]:
    """Where filters that need every frame run: keypoints of one pattern, from gap to gap.

    Parameters
    ----------
    present : bool (T, K).

    Yields
    ------
    (int64 keypoints, slice of frames): the first and the last frame of the slice are present for
    these keypoints, and between them fewer than ``BRIDGED_FRAMES`` frames in a row are missing.
    """
    patterns: dict[bytes, list[int]] = {}
    for keypoint, column in enumerate(np.packbits(present, axis=0).T):
        patterns.setdefault(column.tobytes(), []).append(keypoint)
    for members in patterns.values():
        at = np.flatnonzero(present[:, members[0]])
        if not len(at):
            continue
        cuts = np.flatnonzero(np.diff(at) > BRIDGED_FRAMES) + 1
        for part in np.split(at, cuts):
            yield np.array(members), slice(int(part[0]), int(part[-1]) + 1)


def around(values: NDArray[Any], width_frames: int, fill: Any) -> NDArray[Any]:
    """The ``width_frames`` rows centred on each row, ``fill`` beyond the ends.

    Parameters
    ----------
    values : (T, ...).
    width_frames : odd.

    Returns
    -------
    (T, ..., width), a view of a padded copy.
    """
    half = width_frames // 2
    pad = np.full((half, *values.shape[1:]), fill, dtype=values.dtype)
    padded = np.concatenate([pad, values, pad])
    return np.lib.stride_tricks.sliding_window_view(padded, width_frames, axis=0)
