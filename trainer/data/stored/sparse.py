"""Heatmaps stored as their nonzero pixels, and batches of windows made from those.

A blurred impulse fills 81 of 3,136 pixels, and half of the keypoints are absent. Copying windows of
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
    place : int32 (m,), number of the grain within all the frames, ascending.
    grain : int64 (m,), the bits of both pixels.
    first : int64 (n + 1,), where each frame's grains begin, and where the last one's end.
    of_frame : grains a frame; all frames together have fewer than 2^31.
    """

    place: NDArray[np.int32]
    grain: NDArray[np.int64]
    first: NDArray[np.int64]
    of_frame: int


def sparse(heatmaps: NDArray[np.float32], most: float = MOST_FILLED) -> SparseFrames | None:
    """Frames, float32 (n, K, 56, 56), by their grains; None where more than ``most`` are filled."""
    grains = np.ascontiguousarray(heatmaps).reshape(-1).view(np.int64)
    at = np.flatnonzero(grains != 0)
    if len(at) > most * len(grains):
        return None
    of_frame = heatmaps[0].size // _GRAIN_PIXELS
    first = np.searchsorted(at, np.arange(len(heatmaps) + 1) * of_frame)
    return SparseFrames(at.astype(np.int32), grains[at], first, of_frame)


def joined(parts: Sequence[SparseFrames]) -> SparseFrames:
    """The frames of several, end to end."""
    of_frame = parts[0].of_frame
    counts = [np.diff(part.first) for part in parts]
    n_before = np.cumsum([0, *(len(count) for count in counts)])
    return SparseFrames(
        np.concatenate(
            [p.place + np.int32(n * of_frame) for p, n in zip(parts, n_before[:-1], strict=True)]
        ),
        np.concatenate([part.grain for part in parts]),
        np.concatenate([[0], np.cumsum(np.concatenate(counts))]),
        of_frame,
    )


#: A block of frames: by what is not zero, or as it is, float32 (n, K, 56, 56) on the CPU.
Block = SparseFrames | Tensor


class WindowBuffer:
    """A batch of windows in reused memory, of which only what was not zero is cleared again.

    Parameters
    ----------
    maps : float32 (B, T, K, 56, 56), contiguous; nothing else may write to it.
    """

    def __init__(self, maps: Tensor) -> None:
        self._maps = maps.zero_()
        self._grains = maps.view(-1).view(torch.int64)
        # On the CPU numpy writes to single places in a third of the time that torch takes.
        self._on_host = self._grains.numpy() if maps.device.type == "cpu" else None
        self._filled = np.empty(0, np.int64)
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
            at = row * n_frames
            for run in [frames] if frames.step == 1 else [range(f, f + 1) for f in frames]:
                here = slice(block.first[run.start], block.first[run.stop])
                places.append(block.place[here] + np.int64((at - run.start) * block.of_frame))
                grains.append(block.grain[here])
                at += len(run)
        if places:
            self._filled = np.concatenate(places)
            self._write(np.concatenate(grains))
        return self._maps[: len(windows)]

    def _clear(self) -> None:
        self._write(np.int64(0))
        self._filled = self._filled[:0]
        for row in self._dense_rows:
            self._maps[row].zero_()
        self._dense_rows.clear()

    def _write(self, grains: NDArray[np.int64] | np.int64) -> None:
        """Put grains, or one for all, to the places that are filled."""
        if self._on_host is not None:
            self._on_host[self._filled] = grains
            return
        places = torch.from_numpy(self._filled).to(self._grains.device)
        self._grains[places] = torch.from_numpy(np.asarray(grains)).to(self._grains.device)
