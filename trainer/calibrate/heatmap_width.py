"""The widths of the peaks of a detector's own heatmaps."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.plain import Budget, open_plain
from pose_smoother.heatmap import SIZE

Floats = NDArray[np.float64]

GRID_PX = 0.25
MOST_WIDTHS = 8
LEAST_SHARE = 0.01
_REACH = 2  # pixels each side of the peak that are fitted
#: Peaks nearer to the border are left out, whatever their width: there a blur is cut or reflected,
#: and were wide ones alone left out, their share would be too small.
_MARGIN = 9
_CHUNK = 256  # frames read at once: 80 MB of 25 keypoints
_LARGEST_PX = 28.0
_NAME = "heatmaps"
_MAX_NPZ_BYTES = 16 << 30


@dataclass(frozen=True)
class Widths:
    """The blurs to draw from.

    Attributes
    ----------
    sigma_px : ascending, at most ``MOST_WIDTHS``.
    share : how often each; they sum to 1.
    """

    sigma_px: tuple[float, ...]
    share: tuple[float, ...]


def read_widths(path: Path) -> Floats:
    """The width of every heatmap of a file that has a peak, float64 (m,) px.

    Parameters
    ----------
    path : NPZ, HDF5 or Zarr whose array ``heatmaps``, or whose only array, is (n, K, 56, 56).

    Raises
    ------
    InvalidInputError : no such array, another shape, or no heatmap with a peak to measure.
    """
    found = [fitted_widths(part) for part in _parts(path)]
    widths = np.concatenate([np.empty(0), *found])
    widths = widths[np.isfinite(widths)]
    if not len(widths):
        raise InvalidInputError(f"{path}: no heatmap has a peak whose width can be measured")
    return widths


def fitted_widths(heatmaps: NDArray[np.floating]) -> Floats:
    """Standard deviation of the Gaussian at each heatmap's peak.

    A Gaussian's logarithm is a parabola: its curvature along x and y through the peak is fitted by
    least squares, weighted by the squared values (Guo 2011, "A simple algorithm for fitting a
    Gaussian function"), and the two variances are averaged.

    Parameters
    ----------
    heatmaps : floating (..., 56 y, 56 x).

    Returns
    -------
    float64 (...,), flattened: px; NaN without a peak, or with one within 9 px of the border.
    """
    maps = heatmaps.reshape(-1, SIZE, SIZE).astype(np.float64)
    peak = maps.reshape(len(maps), -1).argmax(axis=1)
    y, x = peak // SIZE, peak % SIZE
    rows = np.arange(len(maps))
    reach = np.arange(-_REACH, _REACH + 1)
    inside = (np.minimum(x, y) >= _MARGIN) & (np.maximum(x, y) < SIZE - _MARGIN)
    inside &= maps[rows, y, x] > 0
    across, down = (np.clip(at[:, None] + reach, 0, SIZE - 1) for at in (x, y))
    variances = [
        _variance(maps[rows[:, None], y[:, None], across], reach),
        _variance(maps[rows[:, None], down, x[:, None]], reach),
    ]
    with np.errstate(invalid="ignore"):
        width = np.sqrt(np.mean(variances, axis=0))
    return np.where(inside & (width < _LARGEST_PX), width, np.nan)


def as_set(widths_px: Floats) -> Widths:
    """Measured widths as a few to draw from: shares on a grid, the closest joined until few."""
    steps, counts = np.unique(np.maximum(np.rint(widths_px / GRID_PX), 1), return_counts=True)
    sigma, share = steps * GRID_PX, counts / counts.sum()
    while len(sigma) > 1 and (len(sigma) > MOST_WIDTHS or share.min() < LEAST_SHARE):
        least = int(np.argmin(share))
        other = min(
            (i for i in (least - 1, least + 1) if 0 <= i < len(sigma)),
            key=lambda i: abs(sigma[i] - sigma[least]),
        )
        share[other] += share[least]
        sigma, share = np.delete(sigma, least), np.delete(share, least)
    return Widths(tuple(sigma.tolist()), tuple(share.tolist()))


def _variance(values: Floats, reach: NDArray[np.int64]) -> Floats:
    """Variance of the Gaussian through (m, 5) values; NaN where they don't bend like one."""
    log = np.log(np.maximum(values, 1e-300))
    weight = np.square(values / values.max(axis=1, keepdims=True).clip(1e-300))
    weight = np.where(values > 0, weight, 0.0)
    basis = np.stack([np.ones(len(reach)), reach, reach**2], axis=1).astype(np.float64)
    gram = np.einsum("mr,ri,rj->mij", weight, basis, basis)
    right = np.einsum("mr,ri,mr->mi", weight, basis, np.where(values > 0, log, 0.0))
    gram += 1e-12 * np.eye(3)
    bend = np.linalg.solve(gram, right[..., None])[:, 2, 0]
    with np.errstate(divide="ignore"):
        return np.where(bend < 0, -0.5 / bend, np.nan)


def _parts(path: Path) -> Iterator[NDArray[np.floating]]:
    """The file's heatmaps, some frames at a time."""
    if not path.exists():
        raise InvalidInputError(f"{path}: no such file or folder")
    with ExitStack() as opened:
        try:
            arrays = open_arrays(path, opened)
        except (OSError, ValueError, KeyError) as error:
            raise InvalidInputError(
                f"{path}: cannot be read as NPZ, HDF5 or Zarr ({error})"
            ) from None
        if _NAME not in arrays and len(arrays) != 1:
            held = ", ".join(map(repr, arrays)) or "nothing"
            raise InvalidInputError(f"{path}: expected an array {_NAME!r}, found {held}")
        array = arrays.get(_NAME, next(iter(arrays.values())))
        if len(array.shape) != 4 or tuple(array.shape[2:]) != (SIZE, SIZE):
            expected = f"(frames, keypoints, {SIZE}, {SIZE})"
            raise InvalidInputError(
                f"{path}: expected heatmaps of shape {expected}, found {array.shape}"
            )
        for start in range(0, array.shape[0], _CHUNK):
            yield np.asarray(array[start : start + _CHUNK])


def open_arrays(path: Path, opened: ExitStack) -> dict[str, Any]:
    """Top-level arrays by name: lazy for HDF5 and Zarr."""
    if path.is_dir():
        import zarr

        node = zarr.open(str(path), mode="r")
        return {_NAME: node} if isinstance(node, zarr.Array) else dict(node.arrays())
    if path.suffix.lower() == ".npz":
        raw = opened.enter_context(open_plain(path, _MAX_NPZ_BYTES))
        file = opened.enter_context(np.load(raw, allow_pickle=False))
        size = sum(info.file_size for info in file.zip.infolist())
        Budget(os.fstat(raw.fileno()).st_size, _MAX_NPZ_BYTES).spend(size, str(path))
        return {name: file[name] for name in file.files}
    import h5py
    import hdf5plugin  # noqa: F401  (registers the compressors of such files)

    from pose_smoother.files.hdf5_damage import check_numbers
    from pose_smoother.files.hdf5_file import open_file

    file = opened.enter_context(open_file(path))
    inside = [name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
    arrays = {
        name: file[name]
        for name in inside
        if isinstance(file[name], h5py.Dataset)
        and not (file[name].external or file[name].is_virtual)
    }
    for array in arrays.values():
        check_numbers(array.id.get_type())
    return arrays
