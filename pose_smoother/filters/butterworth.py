"""A Butterworth low-pass filter, run forward and backward so that nothing lags."""

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.filters.base import Floats, Params, Run, Windows
from pose_smoother.filters.missing import stretches
from pose_smoother.filters.parameters import Parameter
from pose_smoother.filters.window_runs import smooth_as_runs
from pose_smoother.points import known_points

NAME = "butterworth"
LABEL = "Butterworth"
PARAMETERS = {
    "cutoff_hz": Parameter(6.0, "cutoff frequency, Hz; needs the frame rate"),
    "order": Parameter(2, "order of one pass; both passes have twice of it", most=10, whole=True),
}
WORKS_IN_BLOCKS = True
TABLE_ROW = 6
# Windows have no frame rate: cutoffs are cycles a frame, 0.5 being the highest that there is.
GRID: tuple[Params, ...] = tuple(
    {"cutoff_per_frame": cutoff, "order": order}
    for order in (1, 2)
    for cutoff in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
)

_BLOCK_FRAMES = 2048


def smooth_run(run: Run, *, cutoff_hz: float, order: int) -> Floats:
    """Filter each stretch between long gaps; short gaps are interpolated inside the filter.

    Parameters
    ----------
    cutoff_hz : where one pass has half the power; the two passes together have a quarter.
    order : of one pass; the common "fourth-order zero-lag" filter is order 2.

    Raises
    ------
    InvalidInputError : no frame rate is known, or the cutoff is not below half of it.

    Source
    ------
    ``scipy.signal.butter`` and ``scipy.signal.sosfiltfilt`` with its odd extension, bit for bit.
    """
    from scipy.signal import butter

    if run.fps is None:
        raise InvalidInputError(
            f"cutoff_hz of {NAME} needs the frame rate: give fps (--fps), or the cutoff as "
            "cutoff_per_frame"
        )
    if cutoff_hz >= run.fps / 2:
        raise InvalidInputError(
            f"cutoff_hz of {NAME} must be below half the frame rate, {run.fps / 2:g} Hz, got "
            f"{cutoff_hz:g}"
        )
    sections = butter(order, cutoff_hz, fs=run.fps, output="sos")
    most = 3 * (2 * len(sections) + 1)  # at least scipy's own choice
    if run.present.all() and len(run.positions) > 1:
        return forward_and_backward(sections, run.positions, most)
    smoothed = run.positions.copy()
    for keypoints, frames in stretches(run.present):
        every = len(keypoints) == run.positions.shape[1]
        values = interpolated(run.positions[frames] if every else run.positions[frames, keypoints])
        if len(values) > 1:
            found = forward_and_backward(sections, values, most)
            smoothed[frames, slice(None) if every else keypoints] = found
    return smoothed


def forward_and_backward(sections: Floats, values: Floats, most_padding: int) -> Floats:
    """``scipy.signal.sosfiltfilt`` over axis 0, in blocks of frames that stay in the cache.

    Parameters
    ----------
    sections : second-order sections, float64 (n, 6).
    values : float64 (T, ...) of at least two frames, no NaN.
    most_padding : frames of the odd extension at each end; fewer where T is smaller.
    """
    from scipy.signal import sosfilt, sosfilt_zi

    n_frames = len(values)
    pad = min(most_padding, n_frames - 1)
    padded = np.empty((n_frames + 2 * pad, *values.shape[1:]))
    padded[pad : pad + n_frames] = values
    padded[:pad] = 2 * values[0] - values[pad:0:-1]
    padded[pad + n_frames :] = 2 * values[-1] - values[-2 : -pad - 2 : -1]
    steady = sosfilt_zi(sections).reshape(len(sections), 2, *[1] * (values.ndim - 1))
    for frames in (padded, padded[::-1]):
        state = steady * frames[0]
        for start in range(0, len(frames), _BLOCK_FRAMES):
            block = frames[start : start + _BLOCK_FRAMES]
            block[:], state = sosfilt(sections, block, axis=0, zi=state)
    return padded[pad : pad + n_frames]


def smooth_windows(noisy: Windows, *, cutoff_per_frame: float, order: int) -> Windows:
    """Windows through the filter; NaN stays NaN.

    Parameters
    ----------
    cutoff_per_frame : cycles a frame, below 0.5.
    """
    return smooth_as_runs(noisy, smooth_run, cutoff_hz=cutoff_per_frame, order=order)


def interpolated(values: Floats) -> Floats:
    """Keypoints (n, K, axes) of one pattern, missing frames on the line between their neighbours.

    The first and the last frame are known.
    """
    known = known_points(values[:, 0])
    if known.all():
        return values
    at = np.flatnonzero(known)
    frame = np.arange(len(values))
    later = np.searchsorted(at, frame).clip(1, max(len(at) - 1, 1))
    low, high = at[later - 1], at[later]
    share = ((frame - low) / (high - low))[:, None, None]
    return np.where(
        known[:, None, None], values, values[low] + share * (values[high] - values[low])
    )
