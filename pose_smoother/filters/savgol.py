"""Savitzky-Golay: a polynomial fitted to the frames around each frame."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.filters.base import Floats, Params, Run, Windows
from pose_smoother.filters.missing import present_frames
from pose_smoother.filters.parameters import MOST_FRAMES, Parameter
from pose_smoother.filters.weighted_sums import weighted_sums

NAME = "savgol"
LABEL = "Savitzky–Golay"
PARAMETERS = {
    "width_frames": Parameter(5, "frames fitted", most=MOST_FRAMES, whole=True, odd=True),
    "polyorder": Parameter(1, "order of the polynomial", zero=True, whole=True),
}
WORKS_IN_BLOCKS = True
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
    n_frames, positions = len(run.positions), run.positions
    width = min(width_frames, n_frames)
    if width <= polyorder + 1:
        return positions.copy()
    present = run.present
    whole = present.all()
    values = positions if whole else np.where(present[..., None], positions, 0.0)
    start = np.clip(np.arange(n_frames) - width // 2, 0, n_frames - width)
    others = np.ones(present.shape, bool)  # windows at the ends, or with a missing frame
    if width < n_frames:
        middle, all_known = np.array([width // 2]), np.ones((1, width), bool)
        smoothed = weighted_sums(values, _pattern_weights(all_known, middle, polyorder)[0])
        others[width // 2 : -(width // 2)] = False if whole else ~_all_known(present, width)
    else:
        smoothed = positions.copy()
    at, keypoint = np.divmod(np.flatnonzero(others), present.shape[1])
    for i in range(0, len(at), _CHUNK):
        t, k = at[i : i + _CHUNK], keypoint[i : i + _CHUNK]
        frames = start[t, None] + np.arange(width)  # (n, width)
        known = present[frames, k[:, None]]
        weights = _pattern_weights(known, t - start[t], polyorder)
        found = np.einsum("nw,nwa->na", weights, values[frames, k[:, None]])
        enough = known.sum(axis=-1) > polyorder + 1
        smoothed[t, k] = np.where(enough[:, None], found, positions[t, k])
    return smoothed


def _all_known(present: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Whether no frame of a window is missing, bool (T - width + 1, K)."""
    n_known = np.cumsum(np.pad(present, ((1, 0), (0, 0))), axis=0, dtype=np.int32)
    return np.asarray(n_known[width:] - n_known[:-width] == width)


def _pattern_weights(
    known: NDArray[np.bool_], offset: NDArray[np.int64], polyorder: int
) -> NDArray[np.float64]:
    """Weights (n, width) of the fit at each window's ``offset``; one fit for equal patterns."""
    width = known.shape[1]
    key: NDArray[Any]
    if width < 40:
        key = known @ (1 << np.arange(width)) + (offset << width)
    else:
        keys = np.concatenate([np.packbits(known, axis=1), offset[:, None].astype("u1")], axis=1)
        key = np.ascontiguousarray(keys).view(np.dtype((np.void, keys.shape[1])))[:, 0]
    _, first, pattern = np.unique(key, return_index=True, return_inverse=True)
    powers = np.arange(polyorder + 1)
    time = (np.arange(width) - offset[first, None]) / max(width, 1)
    design = time[..., None] ** powers * known[first][..., None]
    return np.asarray(np.linalg.pinv(design)[:, 0][pattern.reshape(-1)])
