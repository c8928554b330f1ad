"""Scoring of predicted positions: PCK, pixel error, acceleration error and lag (DESIGN section 8).

Everything is summed on the device, without waiting for it, as whole numbers (lengths in units of
2^-20 px): whole-number sums don't depend on their order, so the same predictions give the same
scores bit for bit, whatever the batch size, on a GPU too.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.contract.errors import RunError
from pipeline.contract.skeleton import N_KEYPOINTS, TORSO_SIDES
from trainer.results.scores import NORMALISATIONS, Scores, pck
from trainer.results.tidy import rows

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
_UNITS_PER_PX = 2.0**20
_FARTHEST_PX = 1.0e4  # a shift beyond counts as this: whole-number sums must not overflow
_BATCH = 4096  # windows scored at once by ``score``: about 100 MB


def heatmap_positions(heatmaps: Tensor) -> Tensor:
    """Where each heatmap is highest.

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
        if missing_torso not in NORMALISATIONS:
            raise ValueError(f"missing_torso is one of {NORMALISATIONS}, got {missing_torso!r}")
        self._alphas = tuple(alphas)
        self._missing_torso = missing_torso
        self._alphas_on_device = torch.tensor(self._alphas, dtype=torch.float64, device=device)
        n_columns = len(NORMALISATIONS) * (len(self._alphas) + 2) + 6
        self._sums = torch.zeros(
            (n_clips, n_columns, N_KEYPOINTS), dtype=torch.int64, device=device
        )
        self._not_finite = torch.zeros((), dtype=torch.int64, device=device)

    def update(self, predicted: Tensor, truth: Tensor, annotated: Tensor, clip: Tensor) -> None:
        """Add a batch of windows.

        Parameters
        ----------
        predicted : floating (B, T, K, 2), (x, y) in heatmap pixels; must be finite where annotated.
        truth : floating or integer (B, T, K, 2), heatmap pixels; read only where annotated.
        annotated : bool (B, T, K).
        clip : int64 (B,), row of the clips table.

        Raises
        ------
        ValueError : shapes that don't fit together.
        """
        shape = tuple(annotated.shape)
        if not (
            len(shape) == 3
            and shape[2] == N_KEYPOINTS
            and predicted.shape == truth.shape == (*shape, 2)
            and clip.shape == shape[:1]
        ):
            raise ValueError(
                f"expected predicted and truth (B, T, {N_KEYPOINTS}, 2), annotated (B, T, "
                f"{N_KEYPOINTS}) and clip (B,), got {tuple(predicted.shape)}, "
                f"{tuple(truth.shape)}, {shape} and {tuple(clip.shape)}"
            )
        zero = torch.zeros((), dtype=torch.float64, device=truth.device)
        place = torch.where(annotated[..., None], truth.to(torch.float64), zero)
        offset = torch.where(annotated[..., None], predicted.to(torch.float64) - place, zero)
        finite = offset.isfinite()
        self._not_finite += (~finite).any(dim=-1).sum()
        offset = torch.where(finite, offset, zero).clamp(-_FARTHEST_PX, _FARTHEST_PX)
        columns = torch.cat(
            [
                self._pck_columns(offset, place, annotated),
                *_motion_columns(offset, place, annotated),
            ],
            dim=1,
        )
        self._sums.index_add_(0, clip, columns)

    def scores(self) -> Scores:
        """What was counted so far, on the host.

        Raises
        ------
        RunError : a prediction was not finite at an annotated keypoint.
        """
        if bad := int(self._not_finite):
            raise RunError(f"{bad} predicted positions at annotated keypoints are not finite")
        sums = self._sums.cpu().numpy()
        n_norms, n_alphas = len(NORMALISATIONS), len(self._alphas)
        hits, scored, torso, rest = np.split(
            sums, np.cumsum([n_norms * n_alphas, n_norms, n_norms]), axis=1
        )
        annotated, error, triples, acceleration, product, speed = np.moveaxis(rest, 1, 0)
        return Scores(
            alphas=np.array(self._alphas),
            missing_torso=self._missing_torso,
            hits=hits.reshape(len(sums), n_norms, n_alphas, N_KEYPOINTS),
            scored=scored,
            torso_px=torso / _UNITS_PER_PX,
            annotated=annotated.copy(),
            error_px=error / _UNITS_PER_PX,
            triples=triples.copy(),
            acceleration_error_px=acceleration / _UNITS_PER_PX,
            lag_product_px2=product / _UNITS_PER_PX,
            speed_squared_px2=speed / _UNITS_PER_PX,
        )

    def _pck_columns(self, offset: Tensor, place: Tensor, annotated: Tensor) -> Tensor:
        """Hits (N x A), scored (N) and torso (N) as int64 (B, columns, K)."""
        torso, known = _torso(place, annotated)
        scored = known[..., None] & annotated[:, :, None]  # (B, T, N, K)
        allowed = torso[..., None] * self._alphas_on_device  # (B, T, N, A)
        near = offset.norm(dim=-1)[:, :, None, None] <= allowed[..., None]  # (B, T, N, A, K)
        hits = (near & scored[:, :, :, None]).sum(dim=1).flatten(1, 2)
        torsos = (_in_units(torso)[..., None] * scored).sum(dim=1)
        return torch.cat([hits, scored.sum(dim=1), torsos], dim=1)


def score(
    predicted: NDArray[np.floating],
    truth: NDArray[np.floating],
    clip: NDArray[np.integer],
    n_clips: int,
    missing_torso: str = "skip",
) -> Scores:
    """Score whole arrays on the host, in pieces.

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
            piece,
            piece.isfinite().all(dim=-1),
            torch.from_numpy(clip[at : at + _BATCH].astype(np.int64)),
        )
    return scorer.scores()


def _in_units(length_px: Tensor) -> Tensor:
    """Lengths as whole numbers of 2^-20 px, whose sums don't depend on their order."""
    return (length_px * _UNITS_PER_PX).round().to(torch.int64)


def _torso(place: Tensor, annotated: Tensor) -> tuple[Tensor, Tensor]:
    """Torso in px and whether it is known, both (B, T, N): all four keypoints, or one side."""
    # Plain indices, not lists of them: those would be copied to the device in every batch.
    lengths = [(place[:, :, a] - place[:, :, b]).norm(dim=-1) for a, b in TORSO_SIDES]
    both_ends = [annotated[:, :, a] & annotated[:, :, b] for a, b in TORSO_SIDES]
    sides, present = torch.stack(lengths, dim=-1), torch.stack(both_ends, dim=-1)
    n_sides = present.sum(dim=-1)
    mean = (sides * present).sum(dim=-1) / n_sides.clamp(min=1)
    known = torch.stack([n_sides == len(TORSO_SIDES), n_sides >= 1], dim=-1)
    return mean[..., None].expand(known.shape), known


def _motion_columns(offset: Tensor, place: Tensor, annotated: Tensor) -> list[Tensor]:
    """Annotated, error, triples, acceleration error, lag product, speed: int64 (B, 1, K) each."""
    triple = annotated[:, :-2] & annotated[:, 1:-1] & annotated[:, 2:]
    # The difference of the two second differences is the second difference of the offset.
    acceleration = (offset[:, 2:] - 2.0 * offset[:, 1:-1] + offset[:, :-2]).norm(dim=-1)
    speed = (place[:, 2:] - place[:, :-2]) / 2.0
    # predicted(t) ~ truth(t - lag) ~ truth(t) - lag * v: least squares over all triples.
    late = -(offset[:, 1:-1] * speed).sum(dim=-1)
    columns = [
        annotated.to(torch.int64),
        _in_units(offset.norm(dim=-1)),  # an absent keypoint has offset 0
        triple.to(torch.int64),
        _in_units(acceleration) * triple,
        _in_units(late) * triple,
        _in_units(speed.square().sum(dim=-1)) * triple,
    ]
    return [column.sum(dim=1, keepdim=True) for column in columns]
