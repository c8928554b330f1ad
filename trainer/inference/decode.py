"""From heatmaps to positions finer than a pixel.

Source: Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation",
CVPR 2020: near its highest pixel the logarithm of a smoothed heatmap is taken for a parabola, whose
top is the position (their equations 4 to 10).
"""

import torch
from torch import Tensor

from pose_smoother.heatmap import SIGMA_OUT_PX, SIZE, response_table
from trainer.metrics.scorer import heatmap_positions

_FARTHEST_PX = 1.0  # a top farther from the highest pixel is not a peak's
_FLOOR = 1e-6  # of the highest value: what the logarithm takes zeros for


def positions_in(heatmaps: Tensor, decoder: str) -> Tensor:
    """The positions of the peaks of heatmaps.

    Parameters
    ----------
    heatmaps : floating (B, T, K, 56, 56), index [y, x].
    decoder : ``subpixel``, or ``argmax`` for the highest pixel, as in training's scores.

    Returns
    -------
    float32 (B, T, K, 2), (x, y) in heatmap pixels; NaN where a heatmap is nowhere above zero.
    """
    highest = heatmaps.flatten(-2).amax(dim=-1)
    positions = _refined(heatmaps) if decoder == "subpixel" else heatmap_positions(heatmaps)
    return torch.where((highest > 0)[..., None], positions, torch.nan)


def _refined(heatmaps: Tensor) -> Tensor:
    """The top of the parabola through the log of the smoothed heatmap at its highest pixel."""
    table = torch.from_numpy(response_table(SIGMA_OUT_PX).astype("float32")).to(heatmaps.device)
    smooth = table.T @ heatmaps.clamp(min=0).float() @ table
    peak = heatmap_positions(smooth)
    floor = _FLOOR * smooth.flatten(-2).amax(dim=-1).clamp(min=1e-30)
    log = torch.maximum(smooth, floor[..., None, None]).log().flatten(-2)
    # At the border the parabola is taken one pixel further in, where it has both neighbours.
    centre = peak.long().clamp(1, SIZE - 2)

    def at(dx: int, dy: int) -> Tensor:
        index = (centre[..., 1] + dy) * SIZE + centre[..., 0] + dx
        return log.gather(-1, index[..., None])[..., 0]

    gradient = torch.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], dim=-1) / 2
    xx, yy = at(1, 0) - 2 * at(0, 0) + at(-1, 0), at(0, 1) - 2 * at(0, 0) + at(0, -1)
    xy = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    determinant = xx * yy - xy * xy
    inverse = torch.stack([yy, -xy, -xy, xx], dim=-1).unflatten(-1, (2, 2))
    offset = -(inverse @ gradient[..., None])[..., 0] / determinant[..., None]
    top = centre + offset
    is_peak = (determinant > 0) & (xx < 0) & ((top - peak).abs() <= _FARTHEST_PX).all(dim=-1)
    return torch.where(is_peak[..., None], top, peak)
