"""The box around a person, and positions in source pixels and in heatmap pixels."""

import numpy as np
from numpy.typing import NDArray

from pose_smoother.heatmap import SIZE

LAST_PIXEL = SIZE - 1
DEFAULT_EXPAND = 0.10


def boxes_around(
    keypoints: NDArray[np.float64], expand: float = DEFAULT_EXPAND, keep_aspect: bool = False
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.bool_]]]:
    """The expanded tight box of each frame's annotated keypoints.

    Parameters
    ----------
    keypoints : float64 (n, 25, 2), source pixels; NaN where not annotated.
    expand : share by which each side's length grows about its centre.
    keep_aspect : grow the shorter side until the box is square.

    Returns
    -------
    boxes : float64 (n, 4) as x0, y0, x1, y1 in source pixels; NaN in frames without a box.
    missing : reason -> bool (n,), the frames without a box for that reason.

    Source: thesis section 1.1; DESIGN section 5.
    """
    annotated = ~np.isnan(keypoints[..., 0])
    few = annotated.sum(axis=1) < 2
    low = np.where(annotated[..., None], keypoints, np.inf).min(axis=1)
    high = np.where(annotated[..., None], keypoints, -np.inf).max(axis=1)
    low[few] = high[few] = np.nan
    side = high - low
    flat = ~few & (side == 0).any(axis=1)
    centre = (low + high) / 2
    if keep_aspect:
        side = np.broadcast_to(side.max(axis=1, keepdims=True), side.shape)
    half = side * (1 + expand) / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    boxes[few | flat] = np.nan
    return boxes, {
        "frames: fewer than two annotated keypoints": few,
        "frames: box of zero width or height": flat,
    }


def to_heatmap(keypoints: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float32]:
    """Positions in heatmap pixels: the box maps onto 0 ... 55 on each axis by itself.

    Parameters
    ----------
    keypoints : float64 (n, 25, 2), source pixels; NaN where not annotated.
    boxes : float64 (n, 4).

    Returns
    -------
    float32 (n, 25, 2); NaN where not annotated. Positions may be outside 0 ... 55 where the
    box was not made from these keypoints (see ``jittered``).
    """
    corner, far = boxes[:, None, :2], boxes[:, None, 2:]
    return ((keypoints - corner) / (far - corner) * LAST_PIXEL).astype(np.float32)


def to_source(positions: NDArray[np.floating], boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    """The inverse of ``to_heatmap``: (n, ..., 2) heatmap pixels to float64 source pixels."""
    shape = (len(boxes),) + (1,) * (positions.ndim - 2) + (2,)
    corner = boxes[:, :2].astype(np.float64).reshape(shape)
    far = boxes[:, 2:].astype(np.float64).reshape(shape)
    return positions.astype(np.float64) / LAST_PIXEL * (far - corner) + corner


def nearest_pixel(exact: NDArray[np.float32]) -> NDArray[np.int16]:
    """Whole heatmap pixels, halves upwards; -1 where not annotated or outside 0 ... 55.

    The outermost keypoints of every frame are at exactly 2.5 and 52.5. In float32 these ties are
    exact; in float64 rounding noise would decide them.
    """
    pixel = np.floor(exact + np.float32(0.5))
    inside = ((pixel >= 0) & (pixel <= LAST_PIXEL)).all(axis=-1, keepdims=True)
    return np.where(inside, pixel, -1).astype(np.int16)
