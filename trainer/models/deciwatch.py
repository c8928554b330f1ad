"""DeciWatch: denoise a few sampled frames, then recover the frames between them.

Source: Zeng et al., "DeciWatch: A Simple Baseline for 10x Efficient 2D and 3D Pose Estimation",
ECCV 2022, in the configuration of its official code for 2D JHMDB, which the thesis follows; Vaswani
et al. 2017 for attention; Glorot & Bengio 2010 for the weights. The module works on coordinates.

DenoiseNet (linear in, encoder, linear out + its input) sees frames 0, N, 2N, ... of a window of
N * Q + 1 frames. RecoverNet interpolates the denoised poses linearly, embeds that (Conv1d over
time) and decodes it with cross-attention to the encoder's features (linear out + interpolation).

The official code runs the encoder on all frames, with the unseen ones zeroed and barred as keys.
Nothing then ever reads the encoder's output at an unseen frame, so here the encoder runs on the
sampled frames alone: the same numbers (a test compares both), less work, and no way to leak.
"""

import math
from collections.abc import Callable
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from pose_smoother.errors import InvalidInputError
from trainer.data.batch import Batch
from trainer.models.codec import model_input, model_target
from trainer.models.glorot import initialise
from trainer.models.masked_loss import masked_l1

NAME = "deciwatch"
CONSUMES: Literal["heatmaps", "coordinates"] = "coordinates"

N_CHANNELS = 128
N_HEADS = 4
N_LAYERS = 5
N_FEED_FORWARD = 256
N_EMBED_FRAMES = 5
DROPOUT = 0.1
#: N: frames from one sampled frame to the next. The thesis's "every 5th" of 5 frames (DESIGN 7).
INTERVAL_FRAMES = 4
#: Weights of the official loss (configuration for 2D JHMDB).
DENOISE_WEIGHT, RECOVER_WEIGHT = 1.0, 5.0


class Attention(nn.Module):
    """Multi-head attention; positions are added to queries and keys, not to values."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(N_CHANNELS, N_CHANNELS)
        self.key = nn.Linear(N_CHANNELS, N_CHANNELS)
        self.value = nn.Linear(N_CHANNELS, N_CHANNELS)
        self.out = nn.Linear(N_CHANNELS, N_CHANNELS)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None) -> Tensor:
        """Attend from (B, Tq, C) to (B, Tk, C); ``seen`` bool (Tq, Tk), None for all."""
        mixed = functional.scaled_dot_product_attention(
            _split_heads(self.query(query)),
            _split_heads(self.key(key)),
            _split_heads(self.value(value)),
            attn_mask=seen,
            dropout_p=DROPOUT if self.training else 0.0,
        )
        joined: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return joined


def _split_heads(features: Tensor) -> Tensor:
    """(B, T, C) to (B, heads, T, C / heads)."""
    return features.unflatten(-1, (N_HEADS, -1)).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Linear 256, LeakyReLU, dropout, linear 128."""

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(N_CHANNELS, N_FEED_FORWARD),
            nn.LeakyReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(N_FEED_FORWARD, N_CHANNELS),
        )


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward; each is added to its input and then normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.feed_forward = FeedForward()
        self.norms = nn.ModuleList(nn.LayerNorm(N_CHANNELS) for _ in range(2))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, features: Tensor, code: Tensor, seen: Tensor) -> Tensor:
        """(B, S, C) to the same; ``code`` is the position code (S, C)."""
        placed = features + code
        mixed = self.attention(placed, placed, features, seen)
        features = self.norms[0](features + self.dropout(mixed))
        return self.norms[1](features + self.dropout(self.feed_forward(features)))


class DecoderLayer(nn.Module):
    """Self-attention, attention to the encoder's features, feed-forward; post-norm as above."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.cross_attention = Attention()
        self.feed_forward = FeedForward()
        self.norms = nn.ModuleList(nn.LayerNorm(N_CHANNELS) for _ in range(3))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, features: Tensor, code: Tensor, memory: Tensor, placed: Tensor) -> Tensor:
        """(B, T, C) to the same; ``placed`` is ``memory`` (B, S, C) with its position code."""
        at = features + code
        features = self.norms[0](features + self.dropout(self.attention(at, at, features, None)))
        mixed = self.cross_attention(features + code, placed, memory, None)
        features = self.norms[1](features + self.dropout(mixed))
        return self.norms[2](features + self.dropout(self.feed_forward(features)))


class DeciWatch(nn.Module):
    """DenoiseNet and RecoverNet.

    Attributes
    ----------
    sampled : indices of the frames that are read: 0, N, 2N, ..., T - 1.
    """

    # Constants that move with the model between devices but belong to no checkpoint.
    others: Tensor  # bool (S, S), False on the diagonal
    frame_code: Tensor  # (T, C)
    sampled_code: Tensor  # (S, C)
    interpolation: Tensor  # (T, S)

    def __init__(self, n_keypoints: int, n_frames: int, interval: int = INTERVAL_FRAMES) -> None:
        if n_frames <= interval or (n_frames - 1) % interval:
            raise InvalidInputError(
                f"DeciWatch samples every {interval}th frame, first and last included: expected "
                f"{interval} * Q + 1 frames with Q >= 1, got {n_frames}"
            )
        super().__init__()
        self.n_frames = n_frames
        self.n_coordinates = 2 * n_keypoints
        self.sampled = range(0, n_frames, interval)
        self.denoise_in = nn.Linear(self.n_coordinates, N_CHANNELS)
        self.encoder = nn.ModuleList(EncoderLayer() for _ in range(N_LAYERS))
        self.denoise_out = nn.Linear(N_CHANNELS, self.n_coordinates)
        self.recover_in = nn.Conv1d(
            self.n_coordinates, N_CHANNELS, N_EMBED_FRAMES, padding=N_EMBED_FRAMES // 2
        )
        self.decoder = nn.ModuleList(DecoderLayer() for _ in range(N_LAYERS))
        self.decoder_norm = nn.LayerNorm(N_CHANNELS)  # the encoder has none: it is post-norm
        self.recover_out = nn.Linear(N_CHANNELS, self.n_coordinates)
        initialise(self)

        n_seen = len(self.sampled)
        # A sampled pose is denoised by the others: no frame attends to itself in the encoder.
        others = ~torch.eye(n_seen, dtype=torch.bool)
        code = position_code(n_frames, N_CHANNELS)
        self.register_buffer("others", others, persistent=False)
        self.register_buffer("frame_code", code, persistent=False)
        self.register_buffer("sampled_code", code[::interval], persistent=False)
        matrix = interpolation_matrix(n_frames, interval)
        self.register_buffer("interpolation", matrix, persistent=False)

    def forward(self, coordinates: Tensor) -> Tensor:
        """Recovered coordinates, float32 (B, T, 2K); see ``forward_both``."""
        return self.forward_both(coordinates)[1]

    def forward_both(self, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        """The output of DenoiseNet for the sampled frames, and of RecoverNet for the window.

        Parameters
        ----------
        coordinates : float32 (B, T, 2K); only the frames ``sampled`` are read.

        Returns
        -------
        denoised : float32 (B, S, 2K), the frames ``sampled``.
        recovered : float32 (B, T, 2K).

        Raises
        ------
        ValueError : another number of frames or coordinates than the model was made for.
        """
        if coordinates.shape[1:] != (self.n_frames, self.n_coordinates):
            raise ValueError(
                f"expected coordinates (B, {self.n_frames}, {self.n_coordinates}), "
                f"got {tuple(coordinates.shape)}"
            )
        poses = coordinates[:, :: self.sampled.step]
        memory = self.denoise_in(poses)
        for layer in self.encoder:
            memory = layer(memory, self.sampled_code, self.others)
        denoised = self.denoise_out(memory) + poses
        return denoised, self._recover(denoised, memory)

    def _recover(self, denoised: Tensor, memory: Tensor) -> Tensor:
        between = self.interpolation @ denoised
        features = self.recover_in(between.transpose(1, 2)).transpose(1, 2)
        placed = memory + self.sampled_code
        for layer in self.decoder:
            features = layer(features, self.frame_code, memory, placed)
        return self.recover_out(self.decoder_norm(features)) + between


def position_code(n_frames: int, n_channels: int) -> Tensor:
    """Sines (even channels) and cosines (odd) of the frames' positions in the window.

    Positions run from 0 to 2 pi whatever the window's length; the i-th frequency is
    10000 ** (-2 i / (C / 2)), as in the official code. (Vaswani et al. count frames from 0 and have
    half that exponent.)

    Returns
    -------
    float32 (T, C).
    """
    n_pairs = n_channels // 2
    position = torch.arange(n_frames) / (n_frames - 1) * 2 * math.pi
    frequency = 10_000.0 ** (-2 * torch.arange(n_pairs) / n_pairs)
    angle = position[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


def interpolation_matrix(n_frames: int, interval: int) -> Tensor:
    """Linear interpolation from every ``interval``-th frame to all, as a constant matrix.

    The same as ``interpolate(mode="linear", align_corners=True)``, whose gradient is not
    deterministic on a GPU.

    Returns
    -------
    float32 (T, S): row t weighs the sampled frames around frame t.
    """
    sampled = torch.arange(0, n_frames, interval)
    distance = (torch.arange(n_frames)[:, None] - sampled).abs()
    return (1 - distance / interval).clamp(min=0)


def build(n_keypoints: int = 25, n_frames: int = 5) -> nn.Module:
    """A new DeciWatch for windows of ``n_frames`` = 4 Q + 1 frames.

    Raises
    ------
    ValueError : ``n_frames`` is not of that form.
    """
    return DeciWatch(n_keypoints, n_frames)


def official_loss(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """DeciWatch's masked L1: 1 x the denoised sampled frames + 5 x the recovered window."""
    both = cast(DeciWatch, model)
    denoised, recovered = both.forward_both(model_input(batch, CONSUMES))
    target, has_target = model_target(batch, CONSUMES)
    seen = list(both.sampled)
    denoise = masked_l1(denoised, target[:, seen], has_target[:, seen])
    recover = masked_l1(recovered, target, has_target)
    return DENOISE_WEIGHT * denoise + RECOVER_WEIGHT * recover, recovered


#: The model's own losses by name: (model, batch) -> (scalar loss, the model's output).
LOSSES: dict[str, Callable[[nn.Module, Batch], tuple[Tensor, Tensor]]] = {"official": official_loss}
