"""Calibrated uncertainty: regions that hold a stated share of the ground truth.

A model with an uncertainty gives a scale for every keypoint of every frame. On validation windows
the ratio of the distance from the ground truth to that scale is collected; its quantiles, by
keypoint with left and right pooled, turn a scale into the radius of a region that holds 50 or 90 %
of the ground truth, whatever the shape of the errors.

Source: split conformal prediction with a scaled score (Lei et al. 2018, "Distribution-free
predictive inference for regression", section 5.2), by keypoint. Windows of a clip are no
independent draws, so the usual guarantee for a finite sample does not hold: coverage is measured on
the test split, and is part of the results.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pose_smoother.errors import RunError
from pose_smoother.files.atomic import write_json
from pose_smoother.skeleton import N_KEYPOINTS, POOLED_NAMES
from trainer.data.stream import Batch, WindowStream
from trainer.metrics.scores import keypoint_mask
from trainer.models import model_module
from trainer.models.codec import from_coordinates, model_input
from trainer.runs.folder import REGIONS
from trainer.runs.results_io import read_json
from trainer.runs.schema import REGIONS_SCHEMA

SHARES = (0.5, 0.9)
#: A keypoint seen less often gets the quantiles of all keypoints together.
_LEAST_SEEN = 1_000


@dataclass(frozen=True)
class Regions:
    """The factors that turn scales into radii.

    Attributes
    ----------
    factor : float64 (S, K); by share of ``SHARES`` and keypoint, the radius of its region over the
        model's scale.
    """

    factor: NDArray[np.float64]

    def save(self, folder: Path) -> None:
        """Write into a run's folder."""
        write_json(folder / REGIONS, {"shares": list(SHARES), "factor": self.factor.tolist()})

    @classmethod
    def load(cls, folder: Path) -> "Regions":
        """Read what ``save`` wrote.

        Raises
        ------
        RunError : the file is absent or not what it should be.
        """
        saved = read_json(folder / REGIONS, "has no regions of uncertainty", REGIONS_SCHEMA)
        shape = [N_KEYPOINTS] * len(SHARES)
        if tuple(saved["shares"]) != SHARES or [len(row) for row in saved["factor"]] != shape:
            raise RunError(f"{folder / REGIONS} is not a file of this program")
        factor = np.array(saved["factor"], dtype=np.float64)
        return cls(factor)


def has_uncertainty(model: str) -> bool:
    """Whether a model estimates its uncertainty: its module has ``UNCERTAIN = True``."""
    return bool(getattr(model_module(model), "UNCERTAIN", False))


def fit_regions(model: nn.Module, stream: WindowStream) -> Regions:
    """Regions from the windows of a split that the model was not trained on."""
    parts = [
        (ratio[batch.annotated].cpu().numpy(), keypoint)
        for batch, ratio in _ratios(model, stream)
        for keypoint in (batch.annotated.nonzero()[:, 2].cpu().numpy(),)
    ]
    ratio = np.concatenate([ratio for ratio, _ in parts])
    keypoint = np.concatenate([keypoint for _, keypoint in parts])
    factor = np.empty((len(SHARES), N_KEYPOINTS))
    factor[:] = np.quantile(ratio, SHARES)[:, None]
    for name in POOLED_NAMES:
        mask = keypoint_mask(name)
        seen = ratio[mask[keypoint]]
        if len(seen) >= _LEAST_SEEN:
            factor[:, mask] = np.quantile(seen, SHARES)[:, None]
    return Regions(factor)


def coverage_rows(
    model: nn.Module, stream: WindowStream, regions: Regions, metadata: dict[str, Any]
) -> list[dict[str, Any]]:
    """Tidy rows: the share of the ground truth inside the regions, in percent.

    Parameters
    ----------
    metadata : ``model``, ``experiment``, ``seed`` and ``split``, copied into each row.

    Returns
    -------
    Rows with ``metric`` "coverage" and ``alpha`` the share that the regions are made for, for all
    keypoints and each pooled name, over all datasets.
    """
    factor = torch.from_numpy(regions.factor).to(stream.device)
    hits = torch.zeros((len(SHARES), N_KEYPOINTS), dtype=torch.int64, device=stream.device)
    n = torch.zeros(N_KEYPOINTS, dtype=torch.int64, device=stream.device)
    for batch, ratio in _ratios(model, stream):
        n += batch.annotated.sum(dim=(0, 1))
        inside = ratio <= factor[:, None, None]
        hits += (inside & batch.annotated).sum(dim=(1, 2))
    inside_count, count = hits.cpu().numpy(), n.cpu().numpy()
    found = []
    for row, share in enumerate(SHARES):
        for name in ("all", *POOLED_NAMES):
            mask = keypoint_mask(name)
            if total := int(count[mask].sum()):
                value = 100.0 * int(inside_count[row, mask].sum()) / total
                cell = {"metric": "coverage", "alpha": share, "value": value, "n": total}
                found.append({**metadata, "dataset": "all", "keypoint": name, **cell})
    return found


def estimate_with_scale(model: nn.Module, coordinates: Tensor) -> tuple[Tensor, Tensor]:
    """A model's estimate in heatmap pixels (B, T, K, 2) and its scale in pixels (B, T, K)."""
    forward_both: Any = model.forward_both
    estimate, log_scale = forward_both(coordinates)
    return from_coordinates(estimate), log_scale.exp()


def _ratios(model: nn.Module, stream: WindowStream) -> Iterator[tuple[Batch, Tensor]]:
    """Each batch, and the distance from truth to estimate over the scale, (B, T, K)."""
    model.eval()
    with torch.inference_mode():
        for batch in stream.epoch(0):
            estimate_px, scale_px = estimate_with_scale(model, model_input(batch, stream.consumes))
            distance_px = (estimate_px - batch.keypoints).norm(dim=-1)
            yield batch, distance_px.double() / scale_px
