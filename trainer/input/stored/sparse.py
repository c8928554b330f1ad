"""Heatmaps held by what is not zero in them, and batches of windows made from those.

A smeared impulse fills 81 of 3,136 pixels, and half of the keypoints are absent. Copying windows of
dense frames took as long as everything else together; and held like this a frame is 10 kB instead
of 314, so that a pool of frames to shuffle can be thirty times as long (docs/performance.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Pixels are looked at two by two: half as many places to remember.
_GRAIN_PIXELS = 2
#: Frames with a larger share of grains that are not zero are held as they are.
MOST_FILLED = 0.25


@dataclass(frozen=True)
class SparseFrames:
    """Frames of heatmaps by their grains of two neighbouring pixels that are not both zero.

    Bits are kept, not numbers: a -0.0 comes back as one.

    Attributes
    ----------
    place : int32 (m,), number of the grain within its frame; frame after frame, ascending.
    grain : int64 (m,), the bits of both pixels.
    first : int64 (n + 1,), where each frame's grains begin, and where the last one's end.
    """

    place: NDArray[np.int32]
    grain: NDArray[np.int64]
    first: NDArray[np.int64]


def sparse(heatmaps: NDArray[np.float32], most: float = MOST_FILLED) -> SparseFrames | None:
    """Frames, float32 (n, K, 56, 56), by their grains; None where more than ``most`` are filled."""
    grains = np.ascontiguousarray(heatmaps).reshape(-1).view(np.int64)
    at = np.flatnonzero(grains != 0)
    if len(at) > most * len(grains):
        return None
    of_frame = heatmaps[0].size // _GRAIN_PIXELS
    edges = np.arange(len(heatmaps) + 1) * of_frame
    first = np.searchsorted(at, edges)
    place = (at - np.repeat(edges[:-1], np.diff(first))).astype(np.int32)
    return SparseFrames(place, grains[at], first)


def joined(parts: Sequence[SparseFrames]) -> SparseFrames:
    """The frames of several, end to end."""
    counts = [np.diff(part.first) for part in parts]
    return SparseFrames(
        np.concatenate([part.place for part in parts]),
        np.concatenate([part.grain for part in parts]),
        np.concatenate([[0], np.cumsum(np.concatenate(counts))]),
    )


#: A block of frames: by what is not zero, or as it is, float32 (n, K, 56, 56) on the CPU.
Block = SparseFrames | Tensor


class WindowBuffer:
    """A batch of windows in kept memory, of which only what was not zero is cleared again.

    Parameters
    ----------
    maps : float32 (B, T, K, 56, 56), contiguous; nothing else may write to it.
    """

    def __init__(self, maps: Tensor) -> None:
        self._maps = maps.zero_()
        self._grains = maps.view(-1).view(torch.int64)
        self._of_frame = maps[0, 0].numel() // _GRAIN_PIXELS
        self._filled = torch.empty(0, dtype=torch.int64, device=maps.device)
        self._dense_rows: list[int] = []

    def fill(self, windows: Sequence[tuple[Block, range]]) -> Tensor:
        """Windows as (block, frames of it): float32 (b, T, K, 56, 56), overwritten by the next."""
        self._clear()
        n_frames = self._maps.shape[1]
        places, grains = [], []
        for row, (block, frames) in enumerate(windows):
            if isinstance(block, Tensor):
                self._maps[row] = block[frames.start : frames.stop : frames.step]
                self._dense_rows.append(row)
                continue
            for t, frame in enumerate(frames):
                here = slice(block.first[frame], block.first[frame + 1])
                offset = np.int64((row * n_frames + t) * self._of_frame)
                places.append(block.place[here] + offset)
                grains.append(block.grain[here])
        if places:
            device = self._maps.device
            self._filled = torch.from_numpy(np.concatenate(places)).to(device)
            values = torch.from_numpy(np.concatenate(grains)).to(device)
            self._grains.scatter_(0, self._filled, values)
        return self._maps[: len(windows)]

    def _clear(self) -> None:
        self._grains.index_fill_(0, self._filled, 0)
        self._filled = self._filled[:0]
        for row in self._dense_rows:
            self._maps[row].zero_()
        self._dense_rows.clear()
