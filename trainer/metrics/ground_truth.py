"""What scoring needs of the ground truth alone: made once, however many predictions are scored.

x and y lie apart, for operations along a last axis of length two take ten times as long; and what
is absent is blanked by its bits, which is faster than selecting and clears a NaN too.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pose_smoother.skeleton import TORSO_SIDES
from trainer.metrics.scores import NORMALISATIONS

_UNITS_PER_PX = 2.0**20


class GroundTruth:
    """The ground truth of a batch of windows, ready to be compared with predictions.

    Parameters
    ----------
    positions : floating or integer (B, T, K, 2), heatmap pixels; read only where annotated.
    annotated : bool (B, T, K).

    Attributes
    ----------
    shape : (B, T, K).
    x, y : float64 (B, T, K); 0 where not annotated.
    speed_x, speed_y : float64 (B, T - 2, K), px a frame, of the frames but the first and the last.
    torso : float64 (B, T), px; the mean over the sides that are annotated.
    scored : for each normalisation (``NORMALISATIONS``) bool (B, T, K): annotated in a frame whose
        torso it knows.
    triple : bool (B, T - 2, K), annotated in the frame, the one before and the one after.
    columns : sums over a window's frames that no prediction changes, int64 (B, K), or a list of
        one for each normalisation.
    """

    def __init__(self, positions: Tensor, annotated: Tensor) -> None:
        if positions.shape != (*annotated.shape, 2):
            raise ValueError(
                f"expected predicted and truth (B, T, K, 2) and annotated (B, T, K), got truth "
                f"{tuple(positions.shape)} and annotated {tuple(annotated.shape)}"
            )
        self.shape = tuple(annotated.shape)
        self._annotated = annotated
        self._all_bits = annotated.to(torch.int64).neg_()
        self.x, self.y = (self.blanked(positions[..., axis]) for axis in (0, 1))
        self.speed_x, self.speed_y = ((p[:, 2:] - p[:, :-2]) / 2.0 for p in (self.x, self.y))
        self.torso, known = _torso(self.x, self.y, annotated)
        self.scored = [one[..., None] & annotated for one in known]
        self.triple = annotated[:, :-2] & annotated[:, 1:-1] & annotated[:, 2:]
        self.columns = self._columns()

    def blanked(self, values: Tensor) -> Tensor:
        """Values (B, T, K) of any real dtype as float64, 0 where not annotated."""
        copy = values.to(torch.float64, copy=True, memory_format=torch.contiguous_format)
        copy.view(torch.int64).bitwise_and_(self._all_bits)
        return copy

    def _columns(self) -> dict[str, Any]:
        torso = in_units(self.torso)[..., None]
        speed_squared = in_units(self.speed_x.square() + self.speed_y.square())
        return {
            "scored": [one.sum(dim=1) for one in self.scored],
            "torso": [(torso * one).sum(dim=1) for one in self.scored],
            "annotated": self._annotated.sum(dim=1),
            "triples": self.triple.sum(dim=1),
            "speed_squared": (speed_squared * self.triple).sum(dim=1),
        }


def in_units(length_px: Tensor) -> Tensor:
    """Lengths as whole numbers of 2^-20 px, whose sums don't depend on their order."""
    return (length_px * _UNITS_PER_PX).round_().to(torch.int64)


def in_px(units: NDArray[np.int64]) -> NDArray[np.float64]:
    """The inverse of ``in_units``."""
    return units / _UNITS_PER_PX


def length(x: Tensor, y: Tensor) -> Tensor:
    """How long vectors are, float64, rounded alike on every device.

    On the CPU torch's own square root is off by a bit now and then; but at whole pixels a length
    often is a threshold exactly.
    """
    square = (x * x).add_(y * y)
    if square.device.type != "cpu":
        return square.sqrt_()
    np.sqrt(square.numpy(), out=square.numpy())
    return square


def _torso(x: Tensor, y: Tensor, annotated: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Torso in px, (B, T), and whether each normalisation knows it: both sides, one at least."""
    # Plain indices, not lists of them: those would be copied to the device in every batch.
    sides = [length(x[:, :, a] - x[:, :, b], y[:, :, a] - y[:, :, b]) for a, b in TORSO_SIDES]
    present = [annotated[:, :, a] & annotated[:, :, b] for a, b in TORSO_SIDES]
    lengths, both = torch.stack(sides, dim=-1), torch.stack(present, dim=-1)
    n_sides = both.sum(dim=-1)
    mean = (lengths * both).sum(dim=-1) / n_sides.clamp(min=1)
    known = [n_sides == len(TORSO_SIDES), n_sides >= 1]
    assert len(known) == len(NORMALISATIONS)
    return mean, known
