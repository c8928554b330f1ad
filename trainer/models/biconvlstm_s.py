"""Bi-ConvLSTM, Model S: two branches read the window in opposite orders, and are summed.

Each branch (DESIGN section 7): a convolutional LSTM with K hidden channels (``convlstm.py``), then
for every frame 2-D convolutions 128, 128, 128 (3 x 3), 128, K (1 x 1), each followed by ReLU.
Sources: the thesis; Shi et al. 2015 for the LSTM; Glorot-uniform weights.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from pose_smoother.heatmap import SIZE
from trainer.models.convlstm import ConvLSTM
from trainer.models.glorot import initialise

NAME = "biconvlstm-s"
CONSUMES: Literal["heatmaps", "coordinates"] = "heatmaps"

N_CHANNELS = 128


class BiConvLSTMS(nn.Module):
    """Two ConvLSTM branches with a head each; the heads' outputs are added.

    Attributes
    ----------
    memory_format : layout of the pixels inside; channels-last is the faster one on the CPU
        (``benchmarks/models.py``) and changes results by rounding only.
    """

    memory_format: torch.memory_format = torch.channels_last

    def __init__(self, n_keypoints: int, size_px: int = SIZE) -> None:
        super().__init__()
        self.forward_lstm = ConvLSTM(n_keypoints, n_keypoints, size_px)
        self.backward_lstm = ConvLSTM(n_keypoints, n_keypoints, size_px)
        self.forward_head = _head(n_keypoints)
        self.backward_head = _head(n_keypoints)
        initialise(self)

    def forward(self, heatmaps: Tensor) -> Tensor:
        """Clean heatmaps from noisy ones.

        Parameters
        ----------
        heatmaps : float32 (B, T, K, H, W), H and W as the model was made for; any T.

        Returns
        -------
        float32 (B, T, K, H, W), contiguous, never negative.
        """
        frames = [f.contiguous(memory_format=self.memory_format) for f in heatmaps.unbind(1)]
        ahead = self.forward_lstm(frames)
        back = self.backward_lstm(frames[::-1])[::-1]
        # Time before batch: joining complete frames keeps their memory format.
        summed = self.forward_head(torch.cat(ahead)) + self.backward_head(torch.cat(back))
        return summed.unflatten(0, (len(frames), -1)).transpose(0, 1).contiguous()


def _head(n_keypoints: int) -> nn.Sequential:
    """K -> 128 -> 128 -> 128 (3 x 3) -> 128 -> K (1 x 1), each followed by ReLU."""
    layers: list[nn.Module] = []
    n_in = n_keypoints
    for n_out, kernel in ((N_CHANNELS, 3),) * 3 + ((N_CHANNELS, 1), (n_keypoints, 1)):
        layers += [nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2), nn.ReLU(inplace=True)]
        n_in = n_out
    return nn.Sequential(*layers)


def build(n_keypoints: int = 25, n_frames: int = 5) -> nn.Module:
    """A new Model S. The recurrence takes windows of any length: ``n_frames`` shapes nothing."""
    return BiConvLSTMS(n_keypoints)
