"""Sums of the frames around each frame with fixed weights, as products with a banded matrix."""

import numpy as np

from pose_smoother.filters.base import Floats

_LEAST_BLOCK = 16  # frames of a product: more would multiply by more zeros of the band
_FEWEST_COLUMNS = 4
_LARGEST_REACH = 64  # of a band: beyond, it takes much memory at the ends


def weighted_sums(values: Floats, weights: Floats) -> Floats:
    """For each frame the sum over the frames around it, which count 0 beyond the ends.

    Parameters
    ----------
    values : float64 (T, ...), no NaN.
    weights : float64 (2 r + 1,), of the frames r before to r after.

    Returns
    -------
    float64 (T, ...)
    """
    n, r = len(values), len(weights) // 2
    if not values.size:
        return np.zeros_like(values)
    flat = np.ascontiguousarray(values).reshape(n, -1)
    if r > _LARGEST_REACH or flat.shape[1] < _FEWEST_COLUMNS:
        return _by_lags(flat, weights).reshape(values.shape)
    sums = np.empty_like(flat)
    ends: tuple[tuple[slice, slice], ...]
    if n > 4 * r:
        _inner_sums(flat, weights, sums[r : n - r])
        ends = ((slice(0, 2 * r), slice(0, r)), (slice(n - 2 * r, n), slice(n - r, n)))
    else:
        ends = ((slice(0, n), slice(0, n)),)
    for around, rows in ends:
        frame = np.arange(n)
        lag = frame[around] - frame[rows, None]
        band = np.where(np.abs(lag) <= r, weights[np.clip(lag, -r, r) + r], 0.0)
        sums[rows] = band @ flat[around]
    return sums.reshape(values.shape)


def _by_lags(flat: Floats, weights: Floats) -> Floats:
    n, r = len(flat), len(weights) // 2
    sums = weights[r] * flat
    for lag in range(1, min(r, n - 1) + 1):
        sums[:-lag] += weights[r + lag] * flat[lag:]
        sums[lag:] += weights[r - lag] * flat[:-lag]
    return sums


def _inner_sums(flat: Floats, weights: Floats, sums: Floats) -> None:
    """The sums of frames that are far enough from both ends, (T - 2 r, C)."""
    around = len(weights) - 1
    block = max(_LEAST_BLOCK, around)
    band = np.zeros((block, block + around))
    for row in range(block):
        band[row, row : row + len(weights)] = weights
    n_blocks, rest = divmod(len(sums), block)
    step, item = flat.strides
    shape, strides = (n_blocks, block + around, flat.shape[1]), (block * step, step, item)
    windows = np.lib.stride_tricks.as_strided(flat, shape, strides, writeable=False)
    whole = sums[: n_blocks * block]
    np.matmul(band, windows, out=whole.reshape(n_blocks, block, flat.shape[1]))
    if rest:
        part = flat[len(sums) - rest : len(sums) + around]
        np.matmul(band[:rest, : rest + around], part, out=sums[len(sums) - rest :])
