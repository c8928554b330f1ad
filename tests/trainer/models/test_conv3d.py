"""3DConv against a plain correlation."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from trainer.models.conv3d import Conv3D, build


def test_parameter_count() -> None:
    assert sum(p.numel() for p in build().parameters()) == 25 * 25 * 5 * 5 * 5 + 25 == 78_150


def test_it_is_a_zero_padded_correlation_and_relu() -> None:
    torch.manual_seed(0)
    model = Conv3D(2, 5)
    torch.nn.init.uniform_(model.conv.bias, -0.5, 0.5)
    heatmaps = torch.randn(3, 5, 2, 9, 8)
    found = model(heatmaps).detach().numpy()
    weight = model.conv.weight.detach().double().numpy()
    expected = np.zeros((3, 5, 2, 9, 8))
    for b, k in np.ndindex(3, 2):
        volume = sum(
            correlate(heatmaps[b, :, c].double().numpy(), weight[k, c], mode="constant")
            for c in range(2)
        )
        expected[b, :, k] = np.maximum(volume + model.conv.bias[k].item(), 0)
    assert expected.max() > 1
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_the_memory_format_changes_rounding_only() -> None:
    torch.manual_seed(0)
    model = Conv3D(3, 5)
    heatmaps = 40 * torch.rand(2, 5, 3, 12, 12)
    channels_last = model(heatmaps)
    model.memory_format = torch.contiguous_format
    torch.testing.assert_close(model(heatmaps), channels_last, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n_frames", [1, 3, 9])
def test_other_window_lengths(n_frames: int) -> None:
    model = build(n_keypoints=2, n_frames=n_frames)
    assert model.conv.weight.shape == (2, 2, n_frames, 5, 5)
    assert model(torch.rand(1, n_frames, 2, 8, 8)).shape == (1, n_frames, 2, 8, 8)


@pytest.mark.parametrize("n_frames", [0, 4])
def test_a_window_without_a_middle_is_refused(n_frames: int) -> None:
    with pytest.raises(ValueError, match=f"odd number of frames, got {n_frames}"):
        build(n_frames=n_frames)
