"""A model that learns in a second: tests here are about finetuning, not about models."""

from types import SimpleNamespace

from torch import nn


class Tiny(nn.Module):
    """A linear map of a frame's coordinates, with dropout, so that resuming is put to the test."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(50, 50)
        self.dropout = nn.Dropout(0.1)

    def forward(self, coordinates):
        return coordinates + self.dropout(self.linear(coordinates))


MODULE = SimpleNamespace(
    NAME="tiny", CONSUMES="coordinates", build=lambda n_keypoints, n_frames: Tiny()
)
