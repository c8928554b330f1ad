"""3DConv: one three-dimensional convolution over the window, then ReLU (DESIGN section 7).

K filters of T x 5 x 5, zero padding: for 25 keypoints and 5 frames 25 * 25 * 5 * 5 * 5 weights and
25 biases, 78,150 parameters. Source: the thesis; its weights are Glorot-uniform.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from trainer.models.glorot import initialise

NAME = "3dconv"
CONSUMES: Literal["heatmaps", "coordinates"] = "heatmaps"

KERNEL_PX = 5


class Conv3D(nn.Module):
    """One 3-D convolution and ReLU.

    Attributes
    ----------
    memory_format : layout of the pixels inside; channels-last is the faster one on the CPU
        (``benchmarks/models.py``) and changes results by rounding only.
    """

    memory_format: torch.memory_format = torch.channels_last_3d

    def __init__(self, n_keypoints: int, n_frames: int) -> None:
        if n_frames % 2 == 0:
            raise ValueError(f"3DConv needs an odd number of frames, got {n_frames}")
        super().__init__()
        kernel = (n_frames, KERNEL_PX, KERNEL_PX)
        padding = (n_frames // 2, KERNEL_PX // 2, KERNEL_PX // 2)
        self.conv = nn.Conv3d(n_keypoints, n_keypoints, kernel, padding=padding)
        initialise(self)

    def forward(self, heatmaps: Tensor) -> Tensor:
        """Clean heatmaps from noisy ones.

        Parameters
        ----------
        heatmaps : float32 (B, T, K, H, W).

        Returns
        -------
        float32 (B, T, K, H, W), contiguous, never negative.
        """
        volume = heatmaps.transpose(1, 2).contiguous(memory_format=self.memory_format)
        return torch.relu(self.conv(volume)).transpose(1, 2).contiguous()


def build(n_keypoints: int = 25, n_frames: int = 5) -> nn.Module:
    """A new 3DConv for windows of ``n_frames``.

    Raises
    ------
    ValueError : ``n_frames`` is even.
    """
    return Conv3D(n_keypoints, n_frames)
