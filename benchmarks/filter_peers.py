"""What else would filter an array: scipy, loops over columns or numbers, SmoothNet under torch."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import keypoint_files

Floats = NDArray[np.float64]
SEEN_FRAMES = 95  # by the network that ships: 47 on each side


def one_euro_loop(values: Floats, fps: float = 30.0) -> Floats:
    """The One-Euro filter as it is usually written: a number at a time."""
    import math

    def share(cutoff_hz: float) -> float:
        r = 2 * math.pi * cutoff_hz / fps
        return r / (r + 1)

    columns = values.reshape(len(values), -1).T.tolist()
    out = []
    for column in columns:
        x, speed, smooth = column[0], 0.0, [column[0]]
        for value in column[1:]:
            speed += share(1.0) * ((value - x) * fps - speed)
            x += share(1.0 + 0.01 * abs(speed)) * (value - x)
            smooth.append(x)
        out.append(smooth)
    return np.array(out).T.reshape(values.shape)


def smoothnet_windows(values: Floats) -> Floats:
    """SmoothNet at every window as long as the shipped network sees, its estimates averaged.

    The weights are random; one thread, 256 windows at once.
    """
    import torch

    from trainer.models.smoothnet import SmoothNet

    torch.set_num_threads(1)
    model = SmoothNet(values.shape[1] // 2, SEEN_FRAMES).eval()
    windows = torch.from_numpy(values.astype(np.float32)).unfold(0, SEEN_FRAMES, 1).mT
    total, count = np.zeros(values.shape, np.float32), np.zeros((len(values), 1), np.float32)
    first = 0
    with torch.inference_mode():
        for part in windows.split(256):
            for estimate in model(part).numpy():
                total[first : first + SEEN_FRAMES] += estimate
                count[first : first + SEEN_FRAMES] += 1
                first += 1
    return np.asarray(total / count, np.float64)


def scipy_filter(name: str) -> Callable[[Floats], Floats]:
    """scipy's own filter of the same name, with the parameters that `FILTERS` give ours."""
    from scipy import ndimage, signal

    sections = signal.butter(2, 6.0, fs=30.0, output="sos")
    known: dict[str, Callable[[Floats], Any]] = {
        "median": lambda x: ndimage.median_filter(x, size=(5, 1, 1)),
        "savgol": lambda x: signal.savgol_filter(x, 5, 1, axis=0),
        "gaussian": lambda x: ndimage.gaussian_filter1d(x, 1.5, axis=0),
        "butterworth": lambda x: signal.sosfiltfilt(sections, x, axis=0),
        "mean": lambda x: ndimage.uniform_filter1d(
            ndimage.uniform_filter1d(x, 5, axis=0), 5, axis=0
        ),
    }
    return known[name]


#: Our filter -> its parameters beyond the defaults, as in `scipy_filter`.
FILTERS: dict[str, dict[str, float]] = {
    "median": {},
    "savgol": {},
    "gaussian": {},
    "butterworth": {"fps": 30.0},
    "mean": {},
}


def with_gaps(n_frames: int, n_keypoints: int) -> Floats:
    """Positions (T, K, 2), a tenth of the points missing in gaps of 1 to 3."""
    values = keypoint_files.motion(n_frames, n_keypoints)[..., :2].copy()
    rng = np.random.default_rng(1)
    starts = rng.random((n_frames, n_keypoints)) < 0.05
    gone = starts | np.roll(starts, 1, axis=0) & (rng.random(starts.shape) < 0.7)
    gone[:2] = gone[-2:] = False
    values[gone] = np.nan
    return values


def median_column(column: Floats) -> Floats:
    out = np.full(len(column), np.nan)
    for t in range(len(column)):
        if np.isfinite(column[t]):
            out[t] = np.nanmedian(column[max(0, t - 2) : t + 3])
    return out


def savgol_column(column: Floats) -> Floats:
    out = column.copy()
    for t in range(len(column)):
        start = min(max(0, t - 2), len(column) - 5)
        near = column[start : start + 5]
        known = np.flatnonzero(np.isfinite(near))
        if np.isfinite(column[t]) and len(known) > 2:
            line = np.polynomial.polynomial.polyfit(known + start - t, near[known], 1)
            out[t] = line[0]
    return out


def kalman_column(column: Floats, ratio: float = 0.03) -> Floats:
    """Constant velocity, then Rauch, Tung and Striebel's backward pass."""
    step, noise = np.array([[1.0, 1.0], [0.0, 1.0]]), ratio * np.array([[1 / 3, 0.5], [0.5, 1.0]])
    mean, spread = np.array([column[0], 0.0]), 1e6 * np.eye(2)
    means, spreads, ahead = [], [], []
    for value in column:
        mean, spread = step @ mean, step @ spread @ step.T + noise
        ahead.append((mean, spread))
        if np.isfinite(value):
            gain = spread[:, 0] / (spread[0, 0] + 1.0)
            mean = mean + gain * (value - mean[0])
            spread = spread - np.outer(gain, spread[0])
        means.append(mean)
        spreads.append(spread)
    for t in range(len(column) - 2, -1, -1):
        gain = spreads[t] @ step.T @ np.linalg.inv(ahead[t + 1][1])
        means[t] = means[t] + gain @ (means[t + 1] - ahead[t + 1][0])
    return np.where(np.isfinite(column), np.array(means)[:, 0], np.nan)


def spline_column(column: Floats) -> Floats:
    from scipy.interpolate import make_smoothing_spline

    at = np.flatnonzero(np.isfinite(column))
    out = np.full(len(column), np.nan)
    out[at] = make_smoothing_spline(at.astype(float), column[at])(at.astype(float))
    return out


#: Our filter -> its parameters, the loop over a column, and frames.
LOOPS: dict[str, tuple[dict[str, float], Callable[[Floats], Floats], int]] = {
    "median": ({}, median_column, 2000),
    "savgol": ({}, savgol_column, 1000),
    "kalman": ({"noise_ratio": 0.03}, kalman_column, 2000),
    "gcv-spline": ({}, spline_column, 300),
}
