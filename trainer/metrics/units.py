"""Lengths as whole numbers, whose sums do not depend on their order."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

_UNITS_PER_PX = 2.0**20


def in_units(length_px: "Tensor") -> "Tensor":
    """Lengths as whole numbers of 2^-20 px, int64."""
    return (length_px * _UNITS_PER_PX).round_().long()


def in_px(units: NDArray[np.int64]) -> NDArray[np.float64]:
    """The inverse of ``in_units``."""
    return units / _UNITS_PER_PX


def length(x: "Tensor", y: "Tensor") -> "Tensor":
    """The length of vectors, float64, rounded alike on every device.

    On the CPU torch's own square root is sometimes off by a bit, and at whole pixels a length often
    equals a threshold exactly.
    """
    square = (x * x).add_(y * y)
    if square.device.type != "cpu":
        return square.sqrt_()
    np.sqrt(square.numpy(), out=square.numpy())
    return square
