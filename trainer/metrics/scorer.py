"""Scoring of predicted positions: PCK, pixel error, acceleration error and lag (DESIGN section 8).

Everything is summed on the device, without waiting for it, as whole numbers (lengths in units of
2^-20 px): whole-number sums don't depend on their order, so the same predictions give the same
scores bit for bit, whatever the batch size, on a GPU too.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pose_smoother.errors import RunError
from pose_smoother.skeleton import N_KEYPOINTS
from trainer.metrics.ground_truth import GroundTruth, Shift
from trainer.metrics.scores import Scores, pck
from trainer.metrics.table import SUMS, Sum
from trainer.metrics.tidy_rows import rows
from trainer.metrics.units import in_px, length
from trainer.settings import MISSING_TORSO

__all__ = [
    "ALPHAS",
    "Scorer",
    "Scores",
    "heatmap_positions",
    "identity_pck",
    "pck",
    "rows",
    "score",
]

ALPHAS = (0.05, 0.1, 0.2)
_FARTHEST_PX = 1.0e4  # a shift beyond counts as this: whole-number sums must not overflow
_BATCH = 4096  # windows scored at once by ``score``: about 100 MB


def heatmap_positions(heatmaps: Tensor) -> Tensor:
    """The position of the maximum of each heatmap.

    Parameters
    ----------
    heatmaps : floating (B, T, K, H, W), index [y, x].

    Returns
    -------
    float32 (B, T, K, 2), (x, y) in pixels. Among equal maxima the first in reading order wins (an
    all-zero heatmap gives 0, 0); a heatmap with a NaN gives NaN.
    """
    highest, index = _highest(heatmaps.flatten(-2))
    width = heatmaps.shape[-1]
    positions = torch.stack([index % width, index // width], dim=-1).to(torch.float32)
    return torch.where(highest.isnan()[..., None], torch.nan, positions)


def _highest(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The first maximum, or the first NaN, along the last axis, and its index."""
    if pixels.device.type == "cpu" and pixels.dtype == torch.float32:
        # numpy's takes a third of the time of torch's, where both can be had
        index = torch.from_numpy(np.argmax(pixels.detach().numpy(), axis=-1))
        return pixels.gather(-1, index.unsqueeze(-1)).squeeze(-1), index
    highest, index = pixels.max(dim=-1)
    return highest, index


def identity_pck(threshold_px: float, sigma_px: float) -> float:
    """PCK in percent of untouched positions under N(0, sigma^2) noise per axis.

    The length of such a shift is Rayleigh distributed: 1 - exp(-r^2 / 2 sigma^2).
    """
    return float(-100.0 * np.expm1(-(threshold_px**2) / (2.0 * sigma_px**2)))


class Scorer:
    """Collects sums and counts by (clip row, keypoint), batch by batch, on one device.

    Parameters
    ----------
    n_clips : rows of the store's clips table.
    device : where the batches are.
    alphas : shares of the torso that PCK allows.
    missing_torso : ``skip`` scores frames with all four torso keypoints; ``one-side`` takes the
        mean over the annotated sides, at least one. Both are always counted; this one carries the
        plain metric names.
    """

    def __init__(
        self,
        n_clips: int,
        device: torch.device | str = "cpu",
        alphas: Sequence[float] = ALPHAS,
        missing_torso: str = "skip",
    ) -> None:
        if missing_torso not in MISSING_TORSO:
            raise ValueError(f"missing_torso is one of {MISSING_TORSO}, got {missing_torso!r}")
        self._alphas = tuple(alphas)
        self._missing_torso = missing_torso
        self._alphas_on_device = torch.tensor(self._alphas, dtype=torch.float64, device=device)
        self._widths = [math.prod(self._shape(one)) for one in SUMS]
        self._sums = torch.zeros(
            (n_clips, sum(self._widths), N_KEYPOINTS), dtype=torch.int64, device=device
        )
        self._not_finite = torch.zeros((), dtype=torch.int64, device=device)

    def update(self, predicted: Tensor, truth: GroundTruth, clip: Tensor) -> None:
        """Add a batch of windows.

        Parameters
        ----------
        predicted : floating (B, T, K, 2), (x, y) in heatmap pixels; must be finite where annotated.
        truth : of the same windows; several predictions may be compared with one.
        clip : int64 (B,), row of the clips table.

        Raises
        ------
        ValueError : shapes that don't fit together.
        """
        shape = truth.shape
        fits = len(shape) == 3 and shape[2] == N_KEYPOINTS and clip.shape == shape[:1]
        if not fits or predicted.shape != (*shape, 2):
            raise ValueError(
                f"expected predicted and truth (B, T, {N_KEYPOINTS}, 2) and clip (B,), got "
                f"{tuple(predicted.shape)}, {(*shape, 2)} and {tuple(clip.shape)}"
            )
        x, y = truth.blanked(predicted[..., 0]), truth.blanked(predicted[..., 1])
        x, y = x.sub_(truth.x), y.sub_(truth.y)
        nothing = x * 0.0 + y * 0.0  # not a number where either is not finite
        self._not_finite += (nothing != nothing).sum()
        x, y = (shift.clamp_(-_FARTHEST_PX, _FARTHEST_PX) for shift in (x, y))
        shift = Shift(x, y, length(x, y), self._alphas_on_device)
        columns: list[Tensor] = []
        for one in SUMS:
            if one.of_truth and one.name not in truth.sums:
                truth.sums[one.name] = one.count(truth, shift)
            columns += truth.sums[one.name] if one.of_truth else one.count(truth, shift)
        self._sums.index_add_(0, clip, torch.stack(columns, dim=1))

    def scores(self) -> Scores:
        """The sums so far, on the host.

        Raises
        ------
        RunError : a prediction was not finite at an annotated keypoint.
        """
        if bad := int(self._not_finite):
            raise RunError(f"{bad} predicted positions at annotated keypoints are not finite")
        sums = self._sums.cpu().numpy()
        parts = np.split(sums, np.cumsum(self._widths)[:-1], axis=1)
        found = {}
        for one, part in zip(SUMS, parts, strict=True):
            part = part.reshape(len(sums), *self._shape(one), N_KEYPOINTS)
            found[one.name] = in_px(part) if one.is_length else part.copy()
        return Scores(np.array(self._alphas), self._missing_torso, found)

    def _shape(self, one: Sum) -> tuple[int, ...]:
        """The lengths of a sum's axes between clips and keypoints."""
        lengths = {"N": len(MISSING_TORSO), "A": len(self._alphas)}
        return tuple(lengths[axis] for axis in one.axes)


def score(
    predicted: NDArray[np.floating],
    truth: NDArray[np.floating],
    clip: NDArray[np.integer],
    n_clips: int,
    missing_torso: str = "skip",
) -> Scores:
    """Score arrays on the host, in pieces.

    Parameters
    ----------
    predicted, truth : float (N, T, K, 2), heatmap pixels; the truth is NaN where not annotated.
    clip : integer (N,), row of the clips table.
    n_clips, missing_torso : as in ``Scorer``.
    """
    scorer = Scorer(n_clips, missing_torso=missing_torso)
    for at in range(0, len(truth), _BATCH):
        piece = torch.from_numpy(np.ascontiguousarray(truth[at : at + _BATCH]))
        scorer.update(
            torch.from_numpy(np.ascontiguousarray(predicted[at : at + _BATCH])),
            GroundTruth(piece, piece.isfinite().all(dim=-1)),
            torch.from_numpy(clip[at : at + _BATCH].astype(np.int64)),
        )
    return scorer.scores()
