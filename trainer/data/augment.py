"""Training poses made from training poses: mirrored, reversed, rotated, sheared, and incomplete.

A pose is moved in source pixels, where it keeps its shape, and a new box is cut around it in every
frame, as the pipeline would have cut it; so an augmented window is one that the pipeline could have
stored. Like the noise, what happens to a window is a pure function of (seed, epoch, its first
frame): the same on every device, at every batch size, in every order.
"""

import math

import torch
from torch import Tensor

from pose_smoother.heatmap import SIZE
from pose_smoother.seeds import AUGMENTATION
from pose_smoother.skeleton import MIRROR
from trainer.noise.counter_rng import hashed_bits, low_half
from trainer.settings import Augmentation

_LAST_PX = SIZE - 1
_LEAST_SIDE = 1e-3  # source px; a pose turned edge-on has a box of no width
_N_DRAWS = 5  # mirror, reverse, rotation, shear, whether any keypoint is left out


def augmented(
    exact_px: Tensor,
    annotated: Tensor,
    boxes: Tensor,
    window: Tensor,
    how: Augmentation,
    seed: int,
    epoch: int,
) -> tuple[Tensor, Tensor]:
    """Augmented windows of ground truth.

    Parameters
    ----------
    exact_px : float32 (B, T, K, 2), unrounded positions in heatmap pixels; read only where
        annotated.
    annotated : bool (B, T, K).
    boxes : float32 (B, T, 4) as x0, y0, x1, y1 in source pixels.
    window : int64 (B,), first frame of each window.
    seed, epoch : with ``window`` they decide the draws.

    Returns
    -------
    keypoints : int64 (B, T, K, 2), nearest whole heatmap pixels; -1 where not annotated.
    annotated : bool (B, T, K), without what was left out. A position that the new box does not
        hold is no longer annotated, as in the pipeline (only boxes with jitter leave any out).
    """
    [(placed, annotated)] = move_windows(exact_px, annotated, boxes, window, how, seed, epoch)
    pixel = torch.floor(placed + 0.5)
    return torch.where(annotated[..., None], pixel, -1.0).long(), annotated


def move_windows(
    exact_px: Tensor,
    annotated: Tensor,
    boxes: Tensor,
    window: Tensor,
    how: Augmentation,
    seed: int,
    epoch: int,
    others: tuple[tuple[Tensor, Tensor], ...] = (),
) -> list[tuple[Tensor, Tensor]]:
    """Augmented windows before rounding, and others moved as they are, such as detections.

    Parameters
    ----------
    exact_px, annotated, boxes, window, how, seed, epoch : as of ``augmented``.
    others : float32 (B, T, K, 2) in heatmap pixels and bool (B, T, K), where there is a position.

    Returns
    -------
    Ground truth, then the others, in the same form; a position that is not there is undefined.
    """
    bits = hashed_bits((seed, AUGMENTATION, epoch), window, 1, _N_DRAWS + annotated.shape[2])
    draws = low_half(bits)[:, 0].float() / 2.0**32
    mirrored, reversed_ = draws[:, 0] < how.mirror, draws[:, 1] < how.reverse
    angle_rad = (2 * draws[:, 2] - 1) * math.radians(how.rotate_deg)
    shear = (2 * draws[:, 3] - 1) * how.shear
    chance = how.leave_out * (draws[:, 4:5] < 0.5)
    complete, annotated = annotated, annotated & (draws[:, _N_DRAWS:] >= chance).unsqueeze(1)
    placed = [exact_px, *(positions for positions, _ in others)]
    present = [annotated, *(there for _, there in others)]
    if how.rotate_deg or how.shear or how.leave_out:
        linear = _linear_map(angle_rad, shear)
        placed = _reboxed(exact_px, complete, annotated, boxes, linear, placed)
    back = reversed_[:, None, None]
    moved = []
    for positions, there in zip(placed, present, strict=True):
        positions, there = _mirrored(positions, there, mirrored)
        there = torch.where(back, there.flip(1), there)
        moved.append((torch.where(back[..., None], positions.flip(1), positions), there))
    exact_px, annotated = moved[0]
    pixel = torch.floor(exact_px + 0.5)
    inside = ((pixel >= 0) & (pixel <= _LAST_PX)).all(dim=-1)
    return [(exact_px, annotated & inside), *moved[1:]]


def _linear_map(angle_rad: Tensor, shear: Tensor) -> Tensor:
    """Shear, then rotation: float32 (B, 2, 2)."""
    cos, sin = angle_rad.cos(), angle_rad.sin()
    first = torch.stack([cos, cos * shear - sin], dim=-1)
    second = torch.stack([sin, sin * shear + cos], dim=-1)
    return torch.stack([first, second], dim=-2)


def _reboxed(
    exact_px: Tensor,
    complete: Tensor,
    annotated: Tensor,
    boxes: Tensor,
    linear: Tensor,
    positions: list[Tensor],
) -> list[Tensor]:
    """Each of ``positions`` in the heatmap pixels of new boxes, (B, T, K, 2).

    The old boxes were cut around the keypoints ``complete``, the new ones are cut around those
    still ``annotated``. A new box keeps the margins that the old one had around its pose, as shares
    of the sides; so it is expanded, and off centre, as the store's boxes are.
    """
    low, high = _extent(exact_px, complete)
    per_px = ((boxes[..., 2:] - boxes[..., :2]) / _LAST_PX).unsqueeze(2)  # source px
    side = (high - low).clamp(min=_LEAST_SIDE)
    before, after = low / side, (_LAST_PX - high) / side
    moved = (exact_px * per_px) @ linear.unsqueeze(1).transpose(-1, -2)
    low, high = _extent(moved, annotated)
    side = (high - low).clamp(min=_LEAST_SIDE)
    corner, new_side = low - before * side, side * (1 + before + after)
    turn = linear.unsqueeze(1).transpose(-1, -2)
    return [((one * per_px) @ turn - corner) / new_side * _LAST_PX for one in positions]


def _extent(positions: Tensor, annotated: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest coordinates of the annotated keypoints, (B, T, 1, 2) each."""
    absent = ~annotated.unsqueeze(-1)
    low = positions.masked_fill(absent, math.inf).amin(dim=2, keepdim=True)
    return low, positions.masked_fill(absent, -math.inf).amax(dim=2, keepdim=True)


def _mirrored(placed: Tensor, annotated: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror the windows ``where`` (bool, (B,)) about the heatmap's middle column."""
    order = torch.tensor(MIRROR, device=placed.device)
    other = torch.stack([_LAST_PX - placed[..., 0], placed[..., 1]], dim=-1)[:, :, order]
    chosen = where[:, None, None]
    return (
        torch.where(chosen[..., None], other, placed),
        torch.where(chosen, annotated[:, :, order], annotated),
    )
