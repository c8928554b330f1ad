"""The One-Euro filter (Casiez, Roussel and Vogel, CHI 2012): causal, smoother where slower."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters.base import Floats, Params, Run
from pose_smoother.filters.missing import present_frames
from pose_smoother.filters.parameters import Parameter
from pose_smoother.heatmap import SIZE

_Float = TypeVar("_Float", np.float32, np.float64)

NAME = "one-euro"
LABEL = "One-Euro"
PARAMETERS = {
    "min_cutoff_per_frame": Parameter(0.05, "cutoff at rest, cycles a frame"),
    "beta_per_px": Parameter(
        0.03, "rise of the cutoff with speed; a px is 1/47 of the person", zero=True
    ),
    "speed_cutoff_per_frame": Parameter(0.2, "cutoff of the speed, cycles a frame"),
}
READS_THE_BODY = True
TABLE_ROW = 5
GRID: tuple[Params, ...] = tuple(
    {
        "min_cutoff_per_frame": cutoff,
        "beta_per_px": beta,
        "speed_cutoff_per_frame": speed_cutoff,
    }
    for cutoff in (0.02, 0.05, 0.1, 0.2)
    for beta in (0.0, 0.01, 0.03, 0.1)
    for speed_cutoff in (0.04, 0.2)
)

#: The person's larger side in a heatmap: its box has a margin of a tenth on each side.
_PERSON_PX = SIZE / 1.2


def smooth_windows(
    noisy: NDArray[_Float],
    *,
    min_cutoff_per_frame: float,
    beta_per_px: float,
    speed_cutoff_per_frame: float,
) -> NDArray[_Float]:
    """Exponential smoothing whose cutoff rises with speed, each axis alone, from the past only.

    Time is counted in window frames, so nothing depends on a frame rate; across missing frames the
    recursion advances by the time that passed.

    Parameters
    ----------
    noisy : float32 (N, T, K, 2), heatmap pixels; NaN where not annotated.
    min_cutoff_per_frame : cutoff at rest, cycles a frame (the paper's f_cmin).
    beta_per_px : rise of the cutoff, (cycles / frame) / (px / frame).
    speed_cutoff_per_frame : cutoff of the speed's own smoothing, cycles a frame (f_cd).

    Returns
    -------
    float32 (N, T, K, 2), NaN where not annotated; the first annotated frame is unchanged.

    Source
    ------
    Algorithm 1 and equations 1 to 7 of the paper: speed is measured from the last estimate, and is
    0 at the first frame.
    """
    present = present_frames(noisy)
    smoothed = np.full_like(noisy, np.nan)
    last, speed = np.zeros_like(noisy[:, 0]), np.zeros_like(noisy[:, 0])
    elapsed = np.full_like(noisy[:, 0, :, :1], np.inf)  # frames since the last annotated one
    for t in range(noisy.shape[1]):
        here, started = present[:, t], np.isfinite(elapsed)
        moved = np.where(here & started, (noisy[:, t] - last) / elapsed, np.float32(0))
        faster = speed + _share(speed_cutoff_per_frame, elapsed) * (moved - speed)
        cutoff = np.float32(min_cutoff_per_frame) + np.float32(beta_per_px) * np.abs(faster)
        # With nothing before it (infinite time elapsed) a position is taken as it is.
        estimate = last + _share(cutoff, elapsed) * (noisy[:, t] - last)
        smoothed[:, t] = np.where(here, estimate, np.float32(np.nan))
        last, speed = np.where(here, estimate, last), np.where(here, faster, speed)
        elapsed = np.where(here, np.float32(1), elapsed + np.float32(1))
    return smoothed


def smooth_run(
    run: Run, *, min_cutoff_per_frame: float, beta_per_px: float, speed_cutoff_per_frame: float
) -> Floats:
    """The recursion along a run, in pixels of a heatmap in which the person is 47 px large.

    So the result doesn't depend on the unit of the file, and parameters mean what tuning chose.
    """
    px = run.size / _PERSON_PX if run.size > 0 else 1.0
    smoothed = smooth_windows(
        (run.positions / px)[None],
        min_cutoff_per_frame=min_cutoff_per_frame,
        beta_per_px=beta_per_px,
        speed_cutoff_per_frame=speed_cutoff_per_frame,
    )
    return np.asarray(smoothed[0] * px, dtype=np.float64)


def _share(cutoff_per_frame: Any, elapsed_frames: NDArray[Any]) -> NDArray[Any]:
    """Weight of the new value: 1 / (1 + tau / T) with tau = 1 / (2 pi cutoff), equation 4."""
    cycles = np.float32(2.0 * np.pi) * cutoff_per_frame * elapsed_frames
    return np.asarray(1.0 / (1.0 + 1.0 / cycles))
