"""SmoothNet: its size, what it knows of keypoints and missing frames, and its loss."""

import pytest
import torch
from torch import nn

from trainer.data.batch import Batch
from trainer.models.smoothnet import SmoothNet, build, fill_missing, position_acceleration_loss

K = 3


@pytest.fixture(scope="module")
def model() -> SmoothNet:
    torch.manual_seed(0)
    return SmoothNet(K, 5).eval()


def windows(n: int = 4, n_frames: int = 5) -> torch.Tensor:
    """Float32 (n, T, 2K), -1 ... 1."""
    torch.manual_seed(2)
    return 2 * torch.rand(n, n_frames, 2 * K) - 1


@pytest.mark.parametrize("n_frames", [5, 9, 32])
def test_number_of_parameters_is_the_published_one(n_frames: int) -> None:
    """Of the published sizes, whatever the number of keypoints: 0.80 M at nine frames."""
    block = 512 * 256 + 256 + 256 * 512 + 512
    expected = n_frames * 512 + 512 + 3 * block + 512 * n_frames + n_frames
    for n_keypoints in (K, 25):
        made = build(n_keypoints, n_frames)
        assert sum(p.numel() for p in made.parameters()) == expected
    if n_frames == 9:
        assert expected == 798_473


def test_every_coordinate_is_smoothed_alone_by_the_same_weights(model: SmoothNet) -> None:
    given = windows()
    changed = given.clone()
    changed[:, :, 3] += 0.1
    smoothed, other = model(given), model(changed)
    same = torch.arange(2 * K) != 3
    torch.testing.assert_close(other[..., same], smoothed[..., same])
    assert (other[..., 3] - smoothed[..., 3]).abs().min() > 0
    order = [4, 5, 0, 1, 2, 3]  # keypoints in another order
    torch.testing.assert_close(model(given[..., order]), smoothed[..., order])


def test_forward_equals_the_layers_written_out(model: SmoothNet) -> None:
    given = windows()
    smoothed = model(given)
    for b in range(len(given)):
        for c in range(2 * K):
            first = model.encoder[0]
            features = leaky(first.weight @ given[b, :, c] + first.bias, 0.1)
            for block in model.blocks:
                inner = leaky(block.first.weight @ features + block.first.bias, 0.2)
                features = features + leaky(block.second.weight @ inner + block.second.bias, 0.2)
            expected = model.decoder.weight @ features + model.decoder.bias
            torch.testing.assert_close(smoothed[b, :, c], expected, rtol=1e-4, atol=1e-5)


def leaky(values: torch.Tensor, slope: float) -> torch.Tensor:
    return torch.where(values > 0, values, slope * values)


def test_missing_frames_are_read_as_the_mean_of_the_others() -> None:
    given = windows()
    given[0, 1, 2:4] = 0
    given[1, :, 0:2] = 0
    filled = fill_missing(given)
    for c in (2, 3):
        assert filled[0, 1, c] == pytest.approx(float(given[0, [0, 2, 3, 4], c].mean()), abs=1e-6)
    assert (filled[1, :, 0:2] == 0).all()
    known = given != 0
    assert torch.equal(filled[known], given[known])


def test_a_window_of_another_shape_is_refused(model: SmoothNet) -> None:
    with pytest.raises(ValueError, match=r"expected coordinates \(B, 5, 6\), got \(1, 7, 6\)"):
        model(torch.zeros(1, 7, 6))


class Given(nn.Module):
    """Answers with its own parameter."""

    def __init__(self, estimate: torch.Tensor) -> None:
        super().__init__()
        self.estimate = nn.Parameter(estimate)

    def forward(self, coordinates: torch.Tensor) -> torch.Tensor:
        del coordinates
        return self.estimate


def batch(annotated: torch.Tensor) -> Batch:
    """Windows with random whole positions."""
    n, n_frames = annotated.shape[:2]
    torch.manual_seed(4)
    keypoints = torch.randint(0, 56, (n, n_frames, K, 2))
    index = torch.arange(n)
    labelled = torch.ones(n, K, dtype=torch.bool)
    noisy = keypoints.float()
    return Batch(index, index, keypoints, annotated, labelled, annotated, noisy, None, None)


def loop_loss(estimate, keypoints, annotated):
    """The loss as sums over windows, frames and coordinates; float64."""
    n, n_frames, _, _ = keypoints.shape
    truth = keypoints.double().flatten(2) / 27.5 - 1
    known = annotated.repeat_interleave(2, dim=2)
    position = acceleration = torch.zeros((), dtype=torch.float64)
    for b in range(n):
        for c in range(2 * K):
            for t in range(n_frames):
                if known[b, t, c]:
                    position = position + (estimate[b, t, c] - truth[b, t, c]).abs()
            for t in range(1, n_frames - 1):
                if known[b, t - 1 : t + 2, c].all():
                    own = estimate[b, t - 1, c] - 2 * estimate[b, t, c] + estimate[b, t + 1, c]
                    true = truth[b, t - 1, c] - 2 * truth[b, t, c] + truth[b, t + 1, c]
                    acceleration = acceleration + (own - true).abs()
    return position / (n * n_frames * 2 * K) + acceleration / (n * (n_frames - 2) * 2 * K)


def test_loss_and_gradient_equal_a_loop() -> None:
    torch.manual_seed(3)
    annotated = torch.rand(2, 6, K) > 0.25
    assert not annotated.all()
    estimate = 2 * torch.rand(2, 6, 2 * K) - 1
    model, data = Given(estimate), batch(annotated)
    loss, output = position_acceleration_loss(model, data)
    loss.backward()
    assert output is model.estimate
    reference = estimate.double().requires_grad_()
    expected = loop_loss(reference, data.keypoints, annotated)
    expected.backward()
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    torch.testing.assert_close(model.estimate.grad, reference.grad.float())
    assert (model.estimate.grad[~annotated.repeat_interleave(2, dim=2)] == 0).all()
