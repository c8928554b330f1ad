"""Boxes as a detector might cut them: moved and scaled at random, for ``--box-jitter``."""

import numpy as np
from numpy.typing import NDArray


def jittered(
    boxes: NDArray[np.float64], share: float, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Boxes as a detector might cut them: moved and scaled at random in every frame.

    Each frame's box moves by U(-share, share) of its side along each axis, and each side's length
    is scaled by 1 + U(-share, share).

    Parameters
    ----------
    boxes : float64 (n, 4); NaN rows stay NaN.
    share : largest move, as a share of the side length; 0 returns the boxes unchanged.
    """
    if share == 0:
        return boxes
    draw = generator.uniform(-share, share, (len(boxes), 2, 2))
    side = boxes[:, 2:] - boxes[:, :2]
    centre = (boxes[:, 2:] + boxes[:, :2]) / 2 + draw[:, 0] * side
    half = side * (1 + draw[:, 1]) / 2
    return np.concatenate([centre - half, centre + half], axis=1)
