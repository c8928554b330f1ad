"""A detector of known noise: what calibration must find again.

Drawn as ``trainer.noise.detector`` draws for training, but unrounded and unclipped like a real
detector's output, and correlated over complete runs of frames rather than within a window.
"""

import numpy as np
from numpy.typing import NDArray

from pose_smoother.skeleton import MIRROR
from trainer.noise.noise_file import DetectorNoise


def simulate(
    truth: NDArray[np.float64],
    follows: NDArray[np.bool_],
    noise: DetectorNoise,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Detections of known ground truth.

    Parameters
    ----------
    truth : float64 (n, 25, 2), heatmap pixels; NaN where not annotated.
    follows : bool (n,), whether a row is the next frame of the one before it.

    Returns
    -------
    float64 (n, 25, 2), heatmap pixels; NaN where not annotated or missed.
    """
    rows = noise.keypoints
    n, n_keypoints = truth.shape[:2]
    rho = np.array([row.correlation for row in rows])[:, None]
    normal = generator.standard_normal((n, n_keypoints, 2))
    for i in range(1, n):
        if follows[i]:
            normal[i] = rho * normal[i - 1] + np.sqrt(1.0 - rho**2) * normal[i]
    draw = generator.random((3, n, n_keypoints))
    is_outlier = draw[0] < [row.outliers for row in rows]
    missed = draw[1] < [row.missing for row in rows]
    mirror = np.array(MIRROR)
    of_pair = draw[2][:, np.minimum(mirror, np.arange(n_keypoints))]
    both = np.isfinite(truth[..., 0]) & np.isfinite(truth[:, mirror, 0])
    swapped = both & (of_pair < noise.swapped_by_keypoint)
    centre = np.where(swapped[..., None], truth[:, mirror], truth)
    spread = np.where(
        is_outlier[..., None],
        [row.outlier_spread_px for row in rows],
        [row.spread_px for row in rows],
    )
    detected = centre + [row.bias_px for row in rows] + spread * normal
    return np.where(missed[..., None], np.nan, detected)
