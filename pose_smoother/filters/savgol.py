"""Savitzky-Golay: a polynomial fitted to the frames around each frame."""

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.filters.base import Floats, Params, Run, Windows
from pose_smoother.filters.missing import present_frames
from pose_smoother.filters.parameters import MOST_FRAMES, Parameter

NAME = "savgol"
LABEL = "Savitzky–Golay"
PARAMETERS = {
    "width_frames": Parameter(5, "frames fitted", most=MOST_FRAMES, whole=True, odd=True),
    "polyorder": Parameter(1, "order of the polynomial", zero=True, whole=True),
}
TABLE_ROW = 4
# Order 0 is a moving mean, and the mean has its own row.
GRID: tuple[Params, ...] = (
    {"width_frames": 3, "polyorder": 1},
    *({"width_frames": 5, "polyorder": p} for p in (1, 2, 3)),
)

_CHUNK = 1 << 16  # pairs of a frame and a keypoint; bounds memory


def check(params: Params) -> None:
    """Refuse a polynomial that passes through every frame."""
    if params["polyorder"] >= params["width_frames"]:
        raise InvalidInputError(
            f"polyorder of {NAME} must be below width_frames, which is {params['width_frames']}"
        )


def smooth_windows(noisy: Windows, *, width_frames: int, polyorder: int) -> Windows:
    """A polynomial fitted to the annotated frames around each frame; NaN stays NaN.

    With nothing missing, ``scipy.signal.savgol_filter(..., mode="interp")``: near the ends of the
    window the fit of its first or last ``width_frames`` is read off. Where no more frames are
    annotated than the polynomial has terms, it passes through them all and nothing is smoothed.

    Parameters
    ----------
    noisy : float32 (N, T, K, 2).
    width_frames : odd number of frames fitted, at most T.
    polyorder : order of the polynomial, below ``width_frames``.

    Raises
    ------
    ValueError : the window is shorter than ``width_frames``.
    """
    if width_frames > noisy.shape[1]:
        raise ValueError(f"can't fit {width_frames} frames of a window of {noisy.shape[1]}")
    present = present_frames(noisy)[..., 0]  # (N, T, K)
    # A few patterns of missing frames make all series: one matrix of weights for each.
    bits = (1 << np.arange(noisy.shape[1])).astype(np.min_scalar_type(1 << noisy.shape[1]))
    codes = (present * bits[:, None]).sum(axis=1, dtype=bits.dtype)
    patterns, pattern = np.unique(codes, return_inverse=True)
    annotated = (patterns[:, None] & bits) != 0
    weights = _window_weights(annotated, width_frames, polyorder).astype(np.float32)
    values = np.where(present[..., None], noisy, np.float32(0)).transpose(0, 2, 1, 3)
    smoothed = weights[pattern.reshape(codes.shape)] @ values  # (N, K, T, 2)
    return np.where(present[..., None], smoothed.transpose(0, 2, 1, 3), np.float32(np.nan))


def _window_weights(
    annotated: NDArray[np.bool_], width_frames: int, polyorder: int
) -> NDArray[np.float64]:
    """Weights (patterns, T out, T in) of each pattern (patterns, T) of annotated frames.

    Rows of frames that aren't annotated are of no use.
    """
    n_patterns, n_frames = annotated.shape
    weights = np.zeros((n_patterns, n_frames, n_frames))
    for t in range(n_frames):
        start = min(max(0, t - width_frames // 2), n_frames - width_frames)
        frames = slice(start, start + width_frames)
        powers = np.vander(
            np.arange(start, start + width_frames) - t, polyorder + 1, increasing=True
        )
        design = powers * annotated[:, frames, None]
        # The fit at frame t is its constant term: the first row of the pseudo-inverse.
        weights[:, t, frames] = np.linalg.pinv(design)[:, 0]
    return weights


def smooth_run(run: Run, *, width_frames: int, polyorder: int) -> Floats:
    """A polynomial fitted to the known frames around each frame of a run.

    At the run's ends the fit of its first or last ``width_frames`` is read off; a shorter run is
    fitted whole. Where no more frames are known than the polynomial has terms, nothing is smoothed.
    """
    n_frames, n_keypoints, n_axes = run.positions.shape
    width = min(width_frames, n_frames)
    start = np.clip(np.arange(n_frames) - width // 2, 0, n_frames - width)
    frames = start[:, None] + np.arange(width)  # (T, width)
    present = run.present
    values = np.where(present[..., None], run.positions, 0.0)
    smoothed = run.positions.copy()
    for i in range(0, n_frames, max(_CHUNK // n_keypoints, 1)):
        rows = slice(i, i + max(_CHUNK // n_keypoints, 1))
        known = np.moveaxis(present[frames[rows]], 1, 2)  # (t, K, width)
        offset = np.repeat(np.arange(n_frames)[rows] - start[rows], n_keypoints)
        weights = _pattern_weights(known.reshape(-1, width), offset, polyorder)
        near = np.moveaxis(values[frames[rows]], 1, 2).reshape(-1, width, n_axes)
        found = np.einsum("nw,nwa->na", weights, near).reshape(-1, n_keypoints, n_axes)
        enough = known.sum(axis=-1) > polyorder + 1
        smoothed[rows] = np.where(enough[..., None], found, smoothed[rows])
    return smoothed


def _pattern_weights(
    known: NDArray[np.bool_], offset: NDArray[np.int64], polyorder: int
) -> NDArray[np.float64]:
    """Weights (n, width) of the fit at each window's ``offset``; one fit for equal patterns."""
    width = known.shape[1]
    keys = np.concatenate([np.packbits(known, axis=1), offset[:, None].astype(np.uint8)], axis=1)
    key = np.ascontiguousarray(keys).view(np.dtype((np.void, keys.shape[1])))[:, 0]
    _, first, pattern = np.unique(key, return_index=True, return_inverse=True)
    powers = np.arange(polyorder + 1)
    time = (np.arange(width) - offset[first, None]) / max(width, 1)
    design = time[..., None] ** powers * known[first][..., None]
    return np.asarray(np.linalg.pinv(design)[:, 0][pattern.reshape(-1)])
