"""The noise of experiment ``real``: what a detector of humans would have given for a run of frames.

A detector is drawn for every run of consecutive frames, near one of the measured groups of human
detectors or near the one of a noise file, and its output for the complete run at once: slow noise,
bursts and offsets last longer than a window of 5 frames, and windows that share a frame must see
the same detection on it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pose_smoother.skeleton import MIRROR
from trainer.noise.detector_profiles import PROFILES, DetectorProfile, draw_parameters
from trainer.noise.realistic import simulate

#: The measured groups that are human.
HUMAN_PROFILES = tuple(name for name in PROFILES if name not in ("mouse", "paw", "pupil"))


@dataclass(frozen=True)
class SimulatedNoise:
    """Noise of simulated detectors.

    Attributes
    ----------
    sigma_in_px : the one blur that heatmaps are rendered with.
    frozen : every epoch has the draws of the first.
    detector : of a noise file; None draws near one of `HUMAN_PROFILES`.
    """

    sigma_in_px: tuple[float, ...]
    frozen: bool = False
    detector: DetectorProfile | None = None


def detected_run(
    positions: NDArray[np.floating],
    rng: np.random.Generator,
    detector: DetectorProfile | None = None,
) -> NDArray[np.float32]:
    """A simulated detector's output for the annotated keypoints of one run of frames.

    Parameters
    ----------
    positions : float array, shape (T, 25, 2), source pixels; T at least 2, NaN where not annotated.
    rng : numpy.random.Generator
        The only source of randomness.
    detector : DetectorProfile, optional
        Draw near it, not near one of `HUMAN_PROFILES`.

    Returns
    -------
    float32 array, shape (T, 25, 2), source pixels; NaN where not annotated or missed.
    """
    annotated = np.isfinite(positions).all(axis=-1)
    columns = np.flatnonzero(annotated.any(axis=0))
    out = np.full(positions.shape, np.nan, dtype=np.float32)
    if not len(columns):
        return out
    at = {int(column): index for index, column in enumerate(columns)}
    mirror = np.array([at.get(MIRROR[column], index) for column, index in at.items()])
    frames = np.arange(len(positions))
    clean = np.empty((len(positions), len(columns), 2), dtype=np.float32)
    for index, column in enumerate(columns):
        known = annotated[:, column]
        for axis in range(2):
            clean[:, index, axis] = np.interp(frames, frames[known], positions[known, column, axis])
    profile = detector or PROFILES[HUMAN_PROFILES[rng.integers(len(HUMAN_PROFILES))]]
    made = simulate(clean, rng, draw_parameters(rng, profile), mirror)
    out[:, columns] = made.noisy
    out[~annotated] = np.nan
    return out
