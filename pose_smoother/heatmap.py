"""Ground-truth heatmaps: an impulse of 255, blurred by a Gaussian, as an outer product of two rows.

``scipy.ndimage.gaussian_filter`` is separable, so the response to an impulse at (x, y) is the
product of two one-dimensional responses. A 56 x 56 table of those gives every heatmap
(thesis section 1.1; DESIGN section 5).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

SIZE = 56
IMPULSE = 255.0
SIGMA_OUT_PX = 1.0


@cache
def response_table(sigma_px: float) -> NDArray[np.float64]:
    """One-dimensional responses: row p holds the Gaussian of a unit impulse at pixel p.

    Parameters
    ----------
    sigma_px : standard deviation in pixels; scipy's reflecting border, truncated at 4 sigma.

    Returns
    -------
    float64 (56 impulse position, 56 pixel), read-only; every row sums to 1.
    """
    from scipy.ndimage import gaussian_filter1d  # slow to import, and few need it

    table = gaussian_filter1d(np.eye(SIZE), sigma_px, axis=1, mode="reflect", truncate=4.0)
    table.setflags(write=False)
    return table


def render(
    keypoints: NDArray[np.integer],
    annotated: NDArray[np.bool_],
    sigma_px: float = SIGMA_OUT_PX,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Heatmaps of keypoints at whole pixels.

    Parameters
    ----------
    keypoints : integer (..., 2) as (x, y) in 0 ... 55; read only where annotated.
    annotated : bool (...); where False the heatmap is all zeros.
    sigma_px : standard deviation of the blur, in pixels.
    out : float32 (..., 56, 56), written in place when given.

    Returns
    -------
    float32 (..., 56 y, 56 x), within float32 rounding of ``scipy.ndimage.gaussian_filter``
    (reflect, truncate 4) of a 255 impulse.

    Raises
    ------
    IndexError : an annotated keypoint is outside 0 ... 55.
    """
    at = np.where(annotated[..., None], keypoints, 0)
    if at.size and (at.min() < 0 or at.max() >= SIZE):
        raise IndexError(f"keypoints must lie in 0 ... {SIZE - 1}, got {at.min()} ... {at.max()}")
    table = response_table(sigma_px)
    rows_x = table.astype(np.float32)[at[..., 0]]
    rows_y = (IMPULSE * table).astype(np.float32)[at[..., 1]] * annotated[..., None]
    return np.multiply(rows_y[..., :, None], rows_x[..., None, :], out=out)
