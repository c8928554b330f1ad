"""A perspective camera that pans slowly and may jump from shot to shot."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.motion import wander


@dataclass(frozen=True)
class View:
    """How a shot is taken.

    Attributes
    ----------
    azimuth, elevation : from where the person is seen, radians; azimuth 0 is from the front.
    distance_m : of the camera from the person.
    px_per_m : size of the picture of a metre at that distance.
    centre_px : (x, y) of the picture where the person stands.
    pan_px : standard deviation of the slow movement of the picture.
    """

    azimuth: float
    elevation: float
    distance_m: float
    px_per_m: float
    centre_px: tuple[float, float]
    pan_px: float


def project(
    points_m: NDArray[np.float64],
    times_s: NDArray[np.float64],
    view: View,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Keypoints in the picture.

    Parameters
    ----------
    points_m : float64 (n, K, 3), x and z about the point that the camera looks at, y up.
    times_s : float64 (n,).
    view : the shot.

    Returns
    -------
    float64 (n, K, 2), (x, y) in pixels, y downwards; not rounded, may be outside the picture.
    """
    cos_a, sin_a = np.cos(view.azimuth), np.sin(view.azimuth)
    cos_e, sin_e = np.cos(view.elevation), np.sin(view.elevation)
    x, y, z = np.moveaxis(points_m, -1, 0)
    # Seen from the front, the person's left is to the right of the picture.
    across = cos_a * x - sin_a * z
    towards = sin_a * x + cos_a * z
    up = cos_e * y - sin_e * towards
    towards = cos_e * towards + sin_e * y
    scale = view.px_per_m * view.distance_m / np.maximum(view.distance_m - towards, 0.5)
    picture = np.stack([across * scale, -up * scale], axis=-1)
    pan = view.pan_px * wander(generator, times_s, (2,), 0.05, 0.4)
    return picture + view.centre_px + pan[:, None]
