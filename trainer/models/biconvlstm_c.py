"""Bi-ConvLSTM, Model C: two branches read the window in opposite orders, and are concatenated.

Each branch (DESIGN section 7): a convolutional LSTM with K hidden channels (``convlstm.py``), then
for every frame three 3 x 3 convolutions of 128 channels. The branches' 256 channels then pass 1 x 1
convolutions 128 and K; each convolution is followed by ReLU. Unlike in Model S, the last layers can
weigh one branch against the other. Sources: the thesis; Shi et al. 2015; Glorot-uniform weights.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from pose_smoother.heatmap import SIZE
from trainer.models.convlstm import ConvLSTM
from trainer.models.glorot import initialise

NAME = "biconvlstm-c"
CONSUMES: Literal["heatmaps", "coordinates"] = "heatmaps"

N_CHANNELS = 128


class BiConvLSTMC(nn.Module):
    """Two ConvLSTM branches whose features are concatenated before the last two convolutions.

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
        self.forward_features = _features(n_keypoints)
        self.backward_features = _features(n_keypoints)
        self.merge = nn.Sequential(
            nn.Conv2d(2 * N_CHANNELS, N_CHANNELS, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(N_CHANNELS, n_keypoints, 1),
            nn.ReLU(inplace=True),
        )
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
        features = [self.forward_features(torch.cat(ahead))]
        features += [self.backward_features(torch.cat(back))]
        merged = self.merge(torch.cat(features, dim=1))
        return merged.unflatten(0, (len(frames), -1)).transpose(0, 1).contiguous()


def _features(n_keypoints: int) -> nn.Sequential:
    """K -> 128 -> 128 -> 128 channels by 3 x 3 convolutions, each followed by ReLU."""
    layers: list[nn.Module] = []
    for n_in in (n_keypoints, N_CHANNELS, N_CHANNELS):
        layers += [nn.Conv2d(n_in, N_CHANNELS, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def build(n_keypoints: int = 25, n_frames: int = 5) -> nn.Module:
    """A new Model C. The recurrence takes windows of any length: ``n_frames`` shapes nothing."""
    return BiConvLSTMC(n_keypoints)
