"""SmoothNet: each coordinate's window alone through residual blocks of fully connected layers.

The network knows nothing of the body: x and y of every keypoint are independent series of T values,
and all of them go through the same weights. A linear layer maps T values to 512 features, three
residual blocks follow (512 to 256 to 512, LeakyReLU and dropout after each layer), and a linear
layer maps the features to T values. It is trained by ``position_acceleration_loss``.

One addition: a frame without a keypoint is read as the mean of the frames that have it. In the
paper no position is missing; here the codec's 0 would look like a jump to the middle of the box.

Source: Zeng et al., "SmoothNet: A Plug-and-Play Network for Refining Human Poses in Videos", ECCV
2022, section 4; sizes, slopes, dropout and loss weights as its authors published them.
"""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from trainer.data.batch import Batch
from trainer.models.codec import model_input, model_target
from trainer.models.glorot import initialise

NAME = "smoothnet"
CONSUMES: Literal["heatmaps", "coordinates"] = "coordinates"
#: Trained as long and on the same augmented windows as resmlp, so that the two rows compare models.
PRESET: dict[str, Any] = {
    "batch_size": 512,
    "max_epochs": 40,
    "learning_rate": 1e-3,
    "schedule": "one-cycle",
    "loss": "position-acceleration",
    "augment": "poses",
    "precision": "auto",
}

N_CHANNELS = 512
N_BLOCK_CHANNELS = 256
N_BLOCKS = 3
DROPOUT = 0.5
ENCODER_SLOPE, BLOCK_SLOPE = 0.1, 0.2
#: Weights of the loss.
POSITION_WEIGHT, ACCELERATION_WEIGHT = 1.0, 1.0


class Block(nn.Module):
    """Twice linear, dropout, LeakyReLU; then the block's input is added."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(N_CHANNELS, N_BLOCK_CHANNELS)
        self.second = nn.Linear(N_BLOCK_CHANNELS, N_CHANNELS)
        self.dropout = nn.Dropout(DROPOUT)
        self.activation = nn.LeakyReLU(BLOCK_SLOPE)

    def forward(self, features: Tensor) -> Tensor:
        """(..., C) to the same."""
        inner = self.activation(self.dropout(self.first(features)))
        outer: Tensor = self.activation(self.dropout(self.second(inner)))
        return features + outer


class SmoothNet(nn.Module):
    """The network for windows of ``n_frames``; it has no weight that belongs to a keypoint."""

    def __init__(self, n_keypoints: int, n_frames: int) -> None:
        super().__init__()
        self.n_frames, self.n_keypoints = n_frames, n_keypoints
        self.encoder = nn.Sequential(nn.Linear(n_frames, N_CHANNELS), nn.LeakyReLU(ENCODER_SLOPE))
        self.blocks = nn.Sequential(*(Block() for _ in range(N_BLOCKS)))
        self.decoder = nn.Linear(N_CHANNELS, n_frames)
        initialise(self)

    def forward(self, coordinates: Tensor) -> Tensor:
        """Smoothed coordinates.

        Parameters
        ----------
        coordinates : float32 (B, T, 2K), x and y interleaved, -1 ... 1; both exactly 0 where a
            keypoint has no position.

        Returns
        -------
        float32 (B, T, 2K).

        Raises
        ------
        ValueError : another number of frames or keypoints than the model was made for.
        """
        if coordinates.shape[1:] != (self.n_frames, 2 * self.n_keypoints):
            raise ValueError(
                f"expected coordinates (B, {self.n_frames}, {2 * self.n_keypoints}), "
                f"got {tuple(coordinates.shape)}"
            )
        series = fill_missing(coordinates).transpose(1, 2)
        smoothed: Tensor = self.decoder(self.blocks(self.encoder(series)))
        return smoothed.transpose(1, 2).float().contiguous()


def fill_missing(coordinates: Tensor) -> Tensor:
    """Missing positions as the mean of the keypoint's other frames; 0 where it has none.

    Parameters
    ----------
    coordinates : float32 (B, T, 2K), x and y interleaved; both exactly 0 where missing.
    """
    poses = coordinates.unflatten(2, (-1, 2))
    present = (poses != 0).any(dim=-1, keepdim=True)
    n_frames = present.float().sum(dim=1, keepdim=True).clamp(min=1)
    mean = poses.sum(dim=1, keepdim=True) / n_frames
    return torch.where(present, poses, mean).flatten(2)


def build(n_keypoints: int = 25, n_frames: int = 5) -> nn.Module:
    """A new SmoothNet for windows of ``n_frames``."""
    return SmoothNet(n_keypoints, n_frames)


def position_acceleration_loss(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Mean absolute error of positions plus that of second differences over frames.

    Positions without ground truth, and second differences that need one, give no loss and no
    gradient; as in the other losses, the means are over all elements.
    """
    estimate = model(model_input(batch, CONSUMES))
    target, has_target = model_target(batch, CONSUMES)
    nothing = estimate.new_zeros(())
    error = torch.where(has_target, estimate - target, nothing)
    has_acceleration = has_target[:, :-2] & has_target[:, 1:-1] & has_target[:, 2:]
    acceleration = error[:, :-2] - 2 * error[:, 1:-1] + error[:, 2:]
    acceleration = torch.where(has_acceleration, acceleration, nothing)
    loss = POSITION_WEIGHT * error.abs().mean() + ACCELERATION_WEIGHT * acceleration.abs().mean()
    return loss, estimate


#: The model's own losses by name: (model, batch) -> (scalar loss, the model's output).
LOSSES: dict[str, Callable[[nn.Module, Batch], tuple[Tensor, Tensor]]] = {
    "position-acceleration": position_acceleration_loss
}
