"""The residual network of coordinates: what it starts as, mirrors, and says of itself."""

import pytest
import torch
from torch import nn

from pose_smoother.skeleton import MIRROR
from trainer.data.batch import Batch
from trainer.models.resmlp import LOG_SCALES, ResidualMLP, build, likelihood_loss

K = 25


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build().eval()


@pytest.fixture(scope="module")
def trained(model):
    """One whose last layer is no longer zero."""
    torch.manual_seed(1)
    made = build().eval()
    torch.nn.init.normal_(made.leave.weight, std=0.01)
    return made


def windows(n=4):
    torch.manual_seed(2)
    poses = 2 * torch.rand(n, 5, K, 2) - 1
    poses[torch.rand(n, 5, K) < 0.3] = 0
    return poses.flatten(2)


def test_a_new_model_is_the_mean_over_the_frames_that_have_the_keypoint(model):
    coordinates = windows()
    poses = coordinates.unflatten(2, (K, 2))
    there = (poses != 0).any(dim=-1, keepdim=True)
    mean = (poses * there).sum(1, keepdim=True) / there.sum(1, keepdim=True).clamp(min=1)
    expected = mean.expand(-1, 5, -1, -1).flatten(2)
    torch.testing.assert_close(model(coordinates), expected)


def mirrored(coordinates):
    poses = coordinates.unflatten(2, (K, 2))[:, :, list(MIRROR)]
    return (poses * torch.tensor([-1.0, 1.0])).flatten(2)


def test_predictions_of_mirrored_windows_are_mirrored(trained):
    coordinates = windows()
    estimate, log_scale = trained.forward_both(coordinates)
    other, other_scale = trained.forward_both(mirrored(coordinates))
    torch.testing.assert_close(other, mirrored(estimate))
    torch.testing.assert_close(other_scale, log_scale[:, :, list(MIRROR)])


def test_in_training_the_window_is_read_once(trained):
    coordinates = windows()
    predicted = trained(coordinates)
    once = trained.train()(coordinates)
    trained.eval()
    assert not torch.equal(once, predicted)
    twice = (once + mirrored(trained.train()(mirrored(coordinates)))) / 2
    trained.eval()
    torch.testing.assert_close(twice, predicted)


def test_scales_are_bounded(trained):
    _, log_scale = trained.forward_both(1e4 * windows())
    assert log_scale.min() >= LOG_SCALES[0]
    assert log_scale.max() <= LOG_SCALES[1]


def test_a_window_of_another_shape_is_reported(model):
    with pytest.raises(ValueError, match=r"expected coordinates \(B, 5, 50\), got \(1, 5, 26\)"):
        model(torch.zeros(1, 5, 26))


def test_a_skeleton_without_mirror_images_is_refused():
    with pytest.raises(ValueError, match="the first 2 keypoints lack some mirror images"):
        ResidualMLP(2, 5)


def test_other_window_lengths():
    assert build(n_frames=9)(torch.zeros(2, 9, 2 * K)).shape == (2, 9, 2 * K)


class Both(nn.Module):
    """Answers with its own parameters."""

    def __init__(self, estimate, log_scale):
        super().__init__()
        self.estimate, self.log_scale = nn.Parameter(estimate), nn.Parameter(log_scale)

    def forward_both(self, coordinates):
        del coordinates
        return self.estimate, self.log_scale


def test_the_scale_learns_from_the_error_and_the_error_not_from_the_scale():
    """Loss and gradients by definition: the likelihood pulls at the scale alone."""
    torch.manual_seed(4)
    keypoints = torch.randint(0, 56, (2, 5, K, 2))
    annotated = torch.rand(2, 5, K) > 0.3
    index, labelled = torch.arange(2), torch.ones(2, K, dtype=torch.bool)
    noisy = keypoints.float()
    batch = Batch(index, index, keypoints, annotated, labelled, annotated, noisy, None, None)
    model = Both(2 * torch.rand(2, 5, 2 * K) - 1, torch.rand(2, 5, K))
    loss, _ = likelihood_loss(model, batch)
    loss.backward()

    apart = (model.estimate.detach() - (keypoints / 27.5 - 1).flatten(2)).double()
    apart = torch.where(annotated.repeat_interleave(2, dim=2), apart, 0.0)
    square = apart.abs() < 0.05
    smooth = torch.where(square, apart**2 / 0.1, apart.abs() - 0.025)
    slope = 27.5 * torch.where(square, apart / 0.05, apart.sign()) / apart.numel()
    torch.testing.assert_close(model.estimate.grad.double(), slope, rtol=1e-4, atol=1e-8)

    scale = model.log_scale.detach().double()
    distance = apart.unflatten(2, (-1, 2)).norm(dim=-1) * 27.5
    surprise = torch.where(annotated, scale + distance * torch.exp(-scale), 0.0)
    expected = 27.5 * smooth.mean() + 0.1 * surprise.mean()
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-5)
    pull = 0.1 * torch.where(annotated, 1 - distance * torch.exp(-scale), 0.0) / scale.numel()
    torch.testing.assert_close(model.log_scale.grad.double(), pull, rtol=1e-4, atol=1e-8)
