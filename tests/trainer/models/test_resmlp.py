"""The residual network of coordinates: what it starts as, mirrors, and says of itself."""

import pytest
import torch

from pose_smoother.skeleton import MIRROR
from trainer.models.resmlp import LOG_SCALES, ResidualMLP, build

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


def test_a_window_of_another_shape_is_told(model):
    with pytest.raises(ValueError, match=r"expected coordinates \(B, 5, 50\), got \(1, 5, 26\)"):
        model(torch.zeros(1, 5, 26))


def test_a_skeleton_without_mirror_images_is_refused():
    with pytest.raises(ValueError, match="the first 2 keypoints lack some mirror images"):
        ResidualMLP(2, 5)


def test_other_window_lengths():
    assert build(n_frames=9)(torch.zeros(2, 9, 2 * K)).shape == (2, 9, 2 * K)
