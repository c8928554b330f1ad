"""Between positions in heatmap pixels and what a model reads and gives (DESIGN section 7)."""

import torch
from torch import Tensor

from pose_smoother.heatmap import SIZE
from trainer.data.batch import Batch
from trainer.metrics.scorer import heatmap_positions

#: Half the heatmap's extent: coordinate models see ``px / 27.5 - 1``, so 0 ... 55 is -1 ... 1.
HALF_PX = (SIZE - 1) / 2


def to_coordinates(positions_px: Tensor, present: Tensor) -> Tensor:
    """Positions as a coordinate model reads them.

    Parameters
    ----------
    positions_px : any real dtype (B, T, K, 2) as (x, y) in heatmap pixels.
    present : bool (B, T, K); where False the keypoint is at 0, the middle.

    Returns
    -------
    float32 (B, T, 2K), x and y interleaved, -1 ... 1.
    """
    scaled = (positions_px.float() / HALF_PX - 1.0).contiguous()
    # x and y are cleared together by their bits: selecting along an axis of two takes seven times
    # as long, and a product keeps a NaN.
    scaled.view(torch.int64).bitwise_and_(present.to(torch.int64).neg_()[..., None])
    return scaled.flatten(2)


def from_coordinates(coordinates: Tensor) -> Tensor:
    """The inverse of ``to_coordinates``: (B, T, 2K) -> float32 (B, T, K, 2) in pixels."""
    return (coordinates.float().unflatten(2, (-1, 2)) + 1.0) * HALF_PX


def model_input(batch: Batch, consumes: str) -> Tensor:
    """The input of a model that consumes "heatmaps" or "coordinates"."""
    if consumes == "heatmaps":
        assert batch.input is not None  # the stream renders it
        return batch.input
    return to_coordinates(batch.noisy, batch.detected)


def model_target(batch: Batch, consumes: str) -> tuple[Tensor, Tensor]:
    """The ground truth in the model's terms, and where it gives a loss.

    Returns
    -------
    target : float32, shaped as the model's output.
    has_target : bool, broadcastable to it. Heatmaps: keypoints that the clip's dataset labels (an
        empty heatmap is a target too). Coordinates: keypoints annotated in that frame, for one
        without a position has no target.
    """
    if consumes == "heatmaps":
        assert batch.target is not None  # the stream renders it
        return batch.target, batch.labelled[:, None, :, None, None]
    target = to_coordinates(batch.keypoints, batch.annotated)
    return target, batch.annotated.repeat_interleave(2, dim=2)


def positions_px(output: Tensor, consumes: str) -> Tensor:
    """A model's output as float32 (B, T, K, 2) positions in heatmap pixels."""
    return heatmap_positions(output) if consumes == "heatmaps" else from_coordinates(output)
