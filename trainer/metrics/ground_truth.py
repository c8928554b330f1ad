"""The part of scoring that needs the ground truth alone: made once for all predictions.

x and y are separate, because operations along a last axis of length two take ten times as long;
what is absent is blanked by its bits, which is faster than selecting and clears a NaN too.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pose_smoother.skeleton import TORSO_SIDES
from trainer.metrics.units import length
from trainer.settings import MISSING_TORSO


class GroundTruth:
    """The ground truth of a batch of windows, ready to be compared with predictions.

    Parameters
    ----------
    positions : floating or integer (B, T, K, 2), heatmap pixels; read only where annotated.
    annotated : bool (B, T, K).

    Attributes
    ----------
    shape : (B, T, K).
    annotated : bool (B, T, K).
    x, y : float64 (B, T, K); 0 where not annotated.
    speed_x, speed_y : float64 (B, T - 2, K), px a frame, of the frames but the first and the last.
    torso : float64 (B, T), px; the mean over the sides that are annotated.
    scored : for each normalisation (``MISSING_TORSO``) bool (B, T, K): annotated in a frame whose
        torso it has.
    triple : bool (B, T - 2, K), annotated in the frame, the one before and the one after.
    sums : by name, the sums that no prediction changes (``Sum.of_truth``), once they were counted.
    """

    def __init__(self, positions: Tensor, annotated: Tensor) -> None:
        if positions.shape != (*annotated.shape, 2):
            raise ValueError(
                f"expected predicted and truth (B, T, K, 2) and annotated (B, T, K), got truth "
                f"{tuple(positions.shape)} and annotated {tuple(annotated.shape)}"
            )
        self.shape = tuple(annotated.shape)
        self.annotated = annotated
        self._all_bits = annotated.to(torch.int64).neg_()
        self.x, self.y = (self.blanked(positions[..., axis]) for axis in (0, 1))
        self.speed_x, self.speed_y = ((p[:, 2:] - p[:, :-2]) / 2.0 for p in (self.x, self.y))
        self.torso, known = _torso(self.x, self.y, annotated)
        self.scored = [one[..., None] & annotated for one in known]
        self.triple = annotated[:, :-2] & annotated[:, 1:-1] & annotated[:, 2:]
        self.sums: dict[str, list[Tensor]] = {}

    def blanked(self, values: Tensor) -> Tensor:
        """Values (B, T, K) of any real dtype as float64, 0 where not annotated."""
        copy = values.to(torch.float64, copy=True, memory_format=torch.contiguous_format)
        copy.view(torch.int64).bitwise_and_(self._all_bits)
        return copy


@dataclass(frozen=True)
class Shift:
    """Predictions for a batch of windows minus its ground truth.

    Attributes
    ----------
    x, y, length : float64 (B, T, K), px; 0 where not annotated.
    alphas : float64 (A,), the shares of the torso that PCK allows.
    """

    x: Tensor
    y: Tensor
    length: Tensor
    alphas: Tensor


def _torso(x: Tensor, y: Tensor, annotated: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Torso in px, (B, T), and whether each normalisation has it: both sides, one at least."""
    # Plain indices, not lists of them: those would be copied to the device in every batch.
    sides = [length(x[:, :, a] - x[:, :, b], y[:, :, a] - y[:, :, b]) for a, b in TORSO_SIDES]
    present = [annotated[:, :, a] & annotated[:, :, b] for a, b in TORSO_SIDES]
    lengths, both = torch.stack(sides, dim=-1), torch.stack(present, dim=-1)
    n_sides = both.sum(dim=-1)
    mean = (lengths * both).sum(dim=-1) / n_sides.clamp(min=1)
    known = [n_sides == len(TORSO_SIDES), n_sides >= 1]
    assert len(known) == len(MISSING_TORSO)
    return mean, known
