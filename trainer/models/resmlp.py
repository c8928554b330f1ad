"""A residual network of dense layers over a window's coordinates, with an uncertainty.

All coordinates of a window, and flags of which are there, go through a stack of residual blocks;
out come, for every keypoint of every frame, a correction to the keypoint's mean over the window and
the logarithm of how far off the estimate will be. Dense layers see every keypoint of every frame at
once, so limb lengths and motion can both be used; and they are the cheapest form of computing there
is: a step of 512 windows is a few large matrix products.

When it predicts, the network also reads the window mirrored and averages both answers.

Both are trained by ``likelihood_loss``.

Source: residual blocks for poses as in Martinez et al. 2017, "A simple yet effective baseline for
3d human pose estimation", in the pre-norm form of Xiong et al. 2020, "On layer normalization in the
transformer architecture". The task and its floor: the smoothing protocol of DESIGN sections 6, 8.
"""

from collections.abc import Callable
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from pose_smoother.heatmap import SIZE
from pose_smoother.skeleton import MIRROR
from trainer.data.batch import Batch
from trainer.models.codec import HALF_PX, model_input, model_target
from trainer.models.glorot import initialise
from trainer.models.masked_loss import masked_target

NAME = "resmlp"
CONSUMES: Literal["heatmaps", "coordinates"] = "coordinates"
#: ``forward_both`` gives an uncertainty, too (``trainer.evaluation.uncertainty``).
UNCERTAIN = True
#: Chosen on validation windows of the nine actions: docs/experiments.md.
PRESET: dict[str, Any] = {
    "batch_size": 512,
    "max_epochs": 40,
    "learning_rate": 1e-3,
    "schedule": "one-cycle",
    "loss": "likelihood",
    "augment": "poses",
    "precision": "auto",
}

N_CHANNELS = 1024
N_BLOCKS = 4
#: What a correction of 1 means, in the model's coordinates: about two standard deviations at k = 1.
CORRECTION_SCALE = 6.0 / ((SIZE - 1) / 2)
#: Bounds of the log scale: from a fiftieth of a pixel to the width of the heatmap.
LOG_SCALES = (-4.0, 4.0)
#: Of the likelihood loss: where smooth L1 turns from square to straight, in coordinates (1.4 px),
#: and the weight of the scale's likelihood.
SMOOTH_L1_BETA, SCALE_WEIGHT = 0.05, 0.1


class Block(nn.Module):
    """Normalise, dense, GELU, dense, add; it starts as the identity."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(n_channels)
        self.first = nn.Linear(n_channels, n_channels)
        self.second = nn.Linear(n_channels, n_channels)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C) to the same."""
        inner: Tensor = functional.gelu(self.first(self.norm(features)))
        return features + self.second(inner)


class ResidualMLP(nn.Module):
    """The network; ``forward`` gives the estimate alone, as every model of coordinates does.

    A keypoint without a position is at exactly (0, 0), the middle; no heatmap pixel is.
    """

    mirror: Tensor  # int64 (K,), each keypoint's mirror image

    def __init__(self, n_keypoints: int, n_frames: int) -> None:
        super().__init__()
        if sorted(MIRROR[:n_keypoints]) != list(range(n_keypoints)):
            raise ValueError(f"the first {n_keypoints} keypoints lack some mirror images")
        self.n_frames, self.n_keypoints = n_frames, n_keypoints
        n_positions = n_frames * n_keypoints
        self.enter = nn.Linear(3 * n_positions, N_CHANNELS)
        blocks = [Block(N_CHANNELS) for _ in range(N_BLOCKS)]
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(N_CHANNELS)
        self.leave = nn.Linear(N_CHANNELS, 3 * n_positions)
        initialise(self)
        for layer in (self.leave, *(block.second for block in blocks)):
            nn.init.zeros_(layer.weight)  # the network starts as the mean over the window
        self.register_buffer("mirror", torch.tensor(MIRROR[:n_keypoints]), persistent=False)

    def forward(self, coordinates: Tensor) -> Tensor:
        """Estimated coordinates, float32 (B, T, 2K); see ``forward_both``."""
        return self.forward_both(coordinates)[0]

    def forward_both(self, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        """An estimate and how far off it is likely to be.

        Parameters
        ----------
        coordinates : float32 (B, T, 2K), x and y interleaved, -1 ... 1.

        Returns
        -------
        estimate : float32 (B, T, 2K). In training that of the window as it is; otherwise the mean
            of it and of the mirrored window's.
        log_scale : float32 (B, T, K), natural logarithm of the expected distance from the truth to
            the estimate, in heatmap pixels.

        Raises
        ------
        ValueError : another number of frames or keypoints than the model was made for.
        """
        if coordinates.shape[1:] != (self.n_frames, 2 * self.n_keypoints):
            raise ValueError(
                f"expected coordinates (B, {self.n_frames}, {2 * self.n_keypoints}), "
                f"got {tuple(coordinates.shape)}"
            )
        poses = coordinates.unflatten(2, (self.n_keypoints, 2))
        estimate, log_scale = self._estimate(poses)
        if not self.training:
            other, other_scale = self._estimate(self._mirrored(poses))
            estimate = (estimate + self._mirrored(other)) / 2
            log_scale = (log_scale + other_scale[:, :, self.mirror]) / 2
        return estimate.flatten(2), log_scale

    def _estimate(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        """Float32 (B, T, K, 2) to an estimate of the same shape and a log scale (B, T, K)."""
        present = (poses != 0).any(dim=-1, keepdim=True).float()
        n_frames = present.sum(dim=1, keepdim=True).clamp(min=1)
        window_mean = (poses * present).sum(dim=1, keepdim=True) / n_frames
        features = torch.cat([poses.flatten(1), present.flatten(1)], dim=1)
        out = self.leave(self.norm(self.blocks(self.enter(features)))).float()
        out = out.unflatten(1, (self.n_frames, self.n_keypoints, 3))
        return window_mean + CORRECTION_SCALE * out[..., :2], out[..., 2].clamp(*LOG_SCALES)

    def _mirrored(self, poses: Tensor) -> Tensor:
        """Left and right keypoints change places, and x its sign."""
        x, y = poses[:, :, self.mirror].unbind(dim=-1)
        return torch.stack([-x, y], dim=-1)


def build(n_keypoints: int = 25, n_frames: int = 5) -> nn.Module:
    """A new network.

    Raises
    ------
    ValueError : the first ``n_keypoints`` of the skeleton are not closed under mirroring.
    """
    return ResidualMLP(n_keypoints, n_frames)


def likelihood_loss(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Smooth L1 of the estimate, in px, and the likelihood of its distance from the ground truth.

    The distance is taken to be exponentially distributed, and as given: so the scale learns what
    the estimate's errors are, and can't make a keypoint that is hard count for less. (With the
    likelihood of both together, estimates were worse: docs/experiments.md.)
    """
    both = cast(ResidualMLP, model)
    estimate, log_scale = both.forward_both(model_input(batch, CONSUMES))
    target, has_target = model_target(batch, CONSUMES)
    aim = masked_target(estimate, target, has_target)
    correction = functional.smooth_l1_loss(estimate, aim, beta=SMOOTH_L1_BETA) * HALF_PX
    distance_px = (aim - estimate.detach()).unflatten(2, (-1, 2)).norm(dim=-1) * HALF_PX
    surprise = log_scale + distance_px * torch.exp(-log_scale)
    no_loss = surprise.new_zeros(())
    scale = torch.where(has_target[..., ::2], surprise, no_loss).mean()
    return correction + SCALE_WEIGHT * scale, estimate


#: The model's own losses by name: (model, batch) -> (scalar loss, the model's output).
LOSSES: dict[str, Callable[[nn.Module, Batch], tuple[Tensor, Tensor]]] = {
    "likelihood": likelihood_loss
}
