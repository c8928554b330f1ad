"""The search's data: training windows augmented and made noisy at random, validation ones once.

Plain torch draws, one after the other, instead of the trainer's counters: a variant is repeatable
from its seed, and shares no code with what it was to decide on.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.resmlp_search.variants import Variant
from pose_smoother.heatmap import SIZE
from pose_smoother.skeleton import MIRROR, TORSO_SIDES
from pose_smoother.store.names import WINDOW_FRAMES
from pose_smoother.store.store import Store

LAST_PX = SIZE - 1
NOISE_PX = 3.0  # k = 1
BATCH = 512
MOST_VAL_WINDOWS = 8000
ALPHAS = (0.05, 0.1, 0.2)
_MIRRORED = 0.5
_EXPAND = 1.1  # a box's sides, of the keypoints' extent
_FAR = 1e9
_VAL_PICK_SEED, _VAL_NOISE_SEED = 7, 12345


@dataclass(frozen=True)
class Poses:
    """A split's frames, of the K keypoints that its datasets label.

    Attributes
    ----------
    source_px : float32 (n, K, 2); 0 where not annotated.
    keypoints_px : float32 (n, K, 2), whole heatmap pixels; -1 where not annotated.
    annotated : bool (n, K).
    windows : int64 (w,), first frames.
    mirror : int64 (K,), each keypoint's mirror image.
    torso : (shoulder, hip) on either side.
    """

    source_px: Tensor
    keypoints_px: Tensor
    annotated: Tensor
    windows: Tensor
    mirror: Tensor
    torso: tuple[tuple[int, int], ...]


def read_poses(store: Store, split: str) -> Poses:
    """Read a split."""
    used = np.flatnonzero(store.labelled(split).any(axis=0)).tolist()
    exact = torch.from_numpy(store.read(split, "keypoints_exact")[:, used])
    boxes = torch.from_numpy(store.read(split, "boxes"))
    annotated = torch.from_numpy(store.read(split, "annotated")[:, used])
    corner = boxes[:, None, :2]
    source = exact / LAST_PX * (boxes[:, None, 2:] - corner) + corner
    return Poses(
        torch.where(annotated[..., None], source, torch.zeros(())),
        torch.from_numpy(store.read(split, "keypoints")[:, used].astype(np.float32)),
        annotated,
        torch.from_numpy(store.windows(split, 1).astype(np.int64)),
        torch.tensor([used.index(MIRROR[k]) for k in used]),
        tuple((used.index(shoulder), used.index(hip)) for shoulder, hip in TORSO_SIDES),
    )


def noisy(position_px: Tensor) -> Tensor:
    """Whole-pixel shifts of white noise, clipped to the heatmap."""
    return (position_px + torch.round(torch.randn(position_px.shape) * NOISE_PX)).clamp(0, LAST_PX)


def mirrored(position_px: Tensor, mirror: Tensor) -> Tensor:
    """Left and right change places, in positions (B, T, K, 2)."""
    return torch.stack([LAST_PX - position_px[..., 0], position_px[..., 1]], -1)[:, :, mirror]


def draw_batch(poses: Poses, how: Variant, n_windows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Training windows: noisy and true positions (B, T, K, 2), and which are there (B, T, K)."""
    first = poses.windows[torch.randint(len(poses.windows), (n_windows,))]
    frames = first[:, None] + torch.arange(WINDOW_FRAMES)
    there = poses.annotated[frames]
    if how.moves_poses:
        position, there = _moved(poses.source_px[frames], there, how)
    else:
        position = poses.keypoints_px[frames]
    turned = (torch.rand(n_windows) < _MIRRORED)[:, None, None]
    position = torch.where(turned[..., None], mirrored(position, poses.mirror), position)
    there = torch.where(turned, there[:, :, poses.mirror], there)
    if how.reverse:
        back = (torch.rand(n_windows) < how.reverse)[:, None, None]
        position = torch.where(back[..., None], position.flip(1), position)
        there = torch.where(back, there.flip(1), there)
    return noisy(position), position, there


def _moved(source_px: Tensor, there: Tensor, how: Variant) -> tuple[Tensor, Tensor]:
    """Rotated, sheared and incomplete poses, in whole pixels of the boxes cut around them."""
    n = len(source_px)
    angle_rad = (torch.rand(n) * 2 - 1) * how.rotate_deg * math.pi / 180
    cos, sin = angle_rad.cos(), angle_rad.sin()
    rotation = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    shear = torch.eye(2).repeat(n, 1, 1)
    shear[:, 0, 1] = (torch.rand(n) * 2 - 1) * how.shear
    moved = torch.einsum("bij,btkj->btki", rotation @ shear, source_px)
    if how.leave_out:
        chance = torch.rand(n, 1, there.shape[2])
        there = there & (chance > how.leave_out * (torch.rand(n, 1, 1) < 0.5))
    low = torch.where(there[..., None], moved, torch.tensor(_FAR)).amin(-2, keepdim=True)
    high = torch.where(there[..., None], moved, torch.tensor(-_FAR)).amax(-2, keepdim=True)
    half = ((high - low) * _EXPAND / 2).clamp(min=1e-3)
    placed = (moved - ((low + high) / 2 - half)) / (2 * half) * LAST_PX
    return torch.floor(placed + 0.5).clamp(0, LAST_PX), there


@dataclass(frozen=True)
class Validation:
    """Windows of the validation split, each made noisy once, whatever is tried on them."""

    truth: Tensor
    there: Tensor
    noisy: Tensor
    torso_px: Tensor
    has_torso: Tensor

    @classmethod
    def of(cls, poses: Poses) -> "Validation":
        """Pick windows and draw their noise; torch's generator is left seeded with a constant."""
        pick = torch.Generator().manual_seed(_VAL_PICK_SEED)
        order = torch.randperm(len(poses.windows), generator=pick)[:MOST_VAL_WINDOWS]
        frames = poses.windows[order][:, None] + torch.arange(WINDOW_FRAMES)
        truth, there = poses.keypoints_px[frames], poses.annotated[frames]
        torch.manual_seed(_VAL_NOISE_SEED)
        sides = [(truth[..., a, :] - truth[..., b, :]).norm(dim=-1) for a, b in poses.torso]
        ends = [keypoint for side in poses.torso for keypoint in side]
        return cls(truth, there, noisy(truth), sum(sides) / 2, there[..., ends].all(-1))

    def scores(self, estimate: Tensor) -> list[float]:
        """PCK at ``ALPHAS`` in percent, then the mean error in px, of estimates (B, T, K, 2)."""
        distance = (estimate - self.truth).norm(dim=-1)
        scored = self.has_torso[..., None] & self.there
        n = scored.sum().item()
        within = [(distance <= a * self.torso_px[..., None]) & scored for a in ALPHAS]
        return [100 * hit.sum().item() / n for hit in within] + [distance[self.there].mean().item()]
