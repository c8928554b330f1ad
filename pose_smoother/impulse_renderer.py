"""Heatmaps of many impulses in memory that is used again: only what was written is cleared.

A blurred impulse is zero beyond four sigmas. With a sigma of 1 px it fills 9 x 9 of 56 x 56 pixels,
so that of a batch's 25 MB 0.6 are written and 0.6 cleared: twice as fast as writing them all.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.heatmap import IMPULSE, SIZE, response_table

#: Patches begin at multiples of this many pixels, 16 bytes: fewer of their rows span cache lines.
_GRAIN_PIXELS = 4
_MAP_GRAINS = SIZE * SIZE // _GRAIN_PIXELS
#: Patches are copied by as many bytes at once: these stay in the cache on their way.
_BYTES_AT_ONCE = 1 << 17
#: Where patches fill a larger share of their maps, on average, writing all of it is as fast.
_MOST_FILLED = 0.1


@dataclass(frozen=True)
class _Patches:
    """The part that is not zero of every blurred impulse with one sigma, a rectangle h x w.

    A rectangle depends only on the position of the impulse in it: away from a border it is always
    the same, and at one the rectangle begins there and holds what scipy's filter reflects.

    Attributes
    ----------
    rectangle : void (h * w,), one element a rectangle, by the impulse's (row, column) in it.
    number : int64 (56 * 56,), by pixel y * 56 + x of the impulse: its rectangle.
    start : int64 (56 * 56,), where in the map that begins, in grains.
    row : int64 (h,), where its rows begin, in grains from there.
    n_columns : w, pixels.
    """

    rectangle: NDArray[np.void]
    number: NDArray[np.int64]
    start: NDArray[np.int64]
    row: NDArray[np.int64]
    n_columns: int

    @property
    def n_pixels(self) -> int:
        """h * w."""
        return len(self.row) * self.n_columns


@cache
def _patches(sigma_px: float) -> _Patches:
    """Cut the rectangles of one sigma out of its response table."""
    table = response_table(sigma_px)
    x, y = table.astype(np.float32), (IMPULSE * table).astype(np.float32)
    at, reached = np.nonzero(x)
    reach = int(np.abs(at - reached).max())
    n_rows = min(2 * reach + 1, SIZE)
    n_columns = min(-(-(2 * reach + _GRAIN_PIXELS) // _GRAIN_PIXELS) * _GRAIN_PIXELS, SIZE)
    pixel = np.arange(SIZE)
    start_y = np.clip(pixel - reach, 0, SIZE - n_rows)
    start_x = np.clip((pixel - reach) // _GRAIN_PIXELS * _GRAIN_PIXELS, 0, SIZE - n_columns)
    rows_y = np.zeros((n_rows, n_rows), np.float32)
    rows_x = np.zeros((n_columns, n_columns), np.float32)
    for p in pixel:
        rows_y[p - start_y[p]] = y[p, start_y[p] : start_y[p] + n_rows]
        rows_x[p - start_x[p]] = x[p, start_x[p] : start_x[p] + n_columns]
    rectangles = rows_y[:, None, :, None] * rows_x[None, :, None, :]
    n_pixels = n_rows * n_columns
    return _Patches(
        rectangle=rectangles.reshape(-1, n_pixels).view(f"V{4 * n_pixels}")[:, 0],
        number=((pixel - start_y)[:, None] * n_columns + (pixel - start_x)).reshape(-1),
        start=((start_y[:, None] * SIZE + start_x) // _GRAIN_PIXELS).reshape(-1),
        row=np.arange(n_rows) * (SIZE // _GRAIN_PIXELS),
        n_columns=n_columns,
    )


class ImpulseRenderer:
    """Heatmaps of impulses in one buffer, each batch written over the one before.

    Parameters
    ----------
    maps : float32 (..., 56, 56), contiguous, all zero; nothing else may write to it.
    sigmas_px : the blurs that impulses can have.
    """

    def __init__(self, maps: NDArray[np.float32], sigmas_px: tuple[float, ...]) -> None:
        self._maps = maps
        self._patches = [_patches(sigma_px) for sigma_px in sigmas_px]
        self._rows = [_rows_of(maps, patches.n_columns) for patches in self._patches]
        # For each sigma: where rows begin that are not zero, in grains of the whole buffer.
        self._written: list[list[NDArray[np.int64]]] = [[] for _ in self._patches]

    @staticmethod
    def pays(sigmas_px: tuple[float, ...]) -> bool:
        """Whether impulses with these blurs are small enough for it to be faster."""
        filled = [(response_table(one).astype(np.float32) != 0).mean(axis=1) for one in sigmas_px]
        return float(np.square(filled).mean()) < _MOST_FILLED

    def draw(
        self,
        positions: NDArray[np.integer],
        present: NDArray[np.bool_],
        sigma_index: NDArray[np.integer] | None = None,
    ) -> NDArray[np.float32]:
        """Heatmaps of keypoints at whole pixels: ``heatmap.render`` of each sigma, bit for bit.

        Parameters
        ----------
        positions : integer (..., 2) as (x, y) in 0 ... 55; read only where present, and not
            checked there.
        present : bool (...), the leading axis no longer than the buffer's; where False the heatmap
            is all zeros.
        sigma_index : integer (...), which of the sigmas; None is the first for all.

        Returns
        -------
        float32 (..., 56 y, 56 x), the first rows of the buffer; valid until the next call.
        """
        self._clear()
        here = np.flatnonzero(present)
        x, y = positions.reshape(-1, 2).T
        pixel = (y * SIZE + x).take(here).astype(np.int64, copy=False)
        if sigma_index is None:
            self._write(0, here, pixel)
        else:
            of_sigma = sigma_index.reshape(-1)[here]
            for index in range(len(self._patches)):
                own = np.flatnonzero(of_sigma == index)
                self._write(index, here[own], pixel[own])
        return self._maps[: len(present)]

    def _clear(self) -> None:
        for rows, written in zip(self._rows, self._written, strict=True):
            nothing = np.zeros(1, rows.dtype)
            for begin in written:
                rows[begin] = nothing
            written.clear()

    def _write(self, sigma_index: int, maps: NDArray[np.int64], pixel: NDArray[np.int64]) -> None:
        """Put the rectangles of impulses with one sigma into their maps."""
        patches, rows = self._patches[sigma_index], self._rows[sigma_index]
        start = maps * _MAP_GRAINS + patches.start[pixel]
        number = patches.number[pixel]
        at_once = max(1, _BYTES_AT_ONCE // (4 * patches.n_pixels))
        for first in range(0, len(maps), at_once):
            some = slice(first, first + at_once)
            begin = (start[some, None] + patches.row).reshape(-1)
            rows[begin] = patches.rectangle.take(number[some]).view(rows.dtype)
            self._written[sigma_index].append(begin)


def _rows_of(maps: NDArray[np.float32], n_columns: int) -> NDArray[Any]:
    """A view of a buffer: for each of its grains the pixels from there on, as one element."""
    pixels = maps.reshape(-1)
    n = max(0, (pixels.size - n_columns) // _GRAIN_PIXELS + 1)
    return np.ndarray((n,), f"V{4 * n_columns}", pixels, strides=(4 * _GRAIN_PIXELS,))
