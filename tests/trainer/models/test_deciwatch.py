"""DeciWatch: masks, interpolation, position code, and the whole against the masked arrangement."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.trainer.models.deciwatch_oracle import masked_deciwatch
from trainer.data.batch import Batch
from trainer.models.deciwatch import (
    Attention,
    DeciWatch,
    EncoderLayer,
    build,
    interpolation_matrix,
    official_loss,
    position_code,
)

WINDOWS = [5, 9, 13]


def made(n_frames: int, n_keypoints: int = 4) -> tuple[DeciWatch, torch.Tensor]:
    """A model in evaluation mode whose biases and norms show, and two windows."""
    torch.manual_seed(n_frames)
    model = DeciWatch(n_keypoints, n_frames).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.empty_like(parameter).uniform_(-0.3, 0.3))
    return model, 2 * torch.rand(2, n_frames, 2 * n_keypoints) - 1


@pytest.mark.parametrize("n_frames", WINDOWS)
def test_it_equals_the_masked_arrangement(n_frames: int) -> None:
    model, coordinates = made(n_frames)
    model, coordinates = model.double(), coordinates.double()  # so that rounding is 1e-16 of sums
    denoised, recovered = model.forward_both(coordinates)
    all_denoised, expected = masked_deciwatch(model, coordinates)
    torch.testing.assert_close(denoised, all_denoised[:, ::4], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(recovered, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(model(coordinates), recovered, rtol=0, atol=0)


@pytest.mark.parametrize("n_frames", WINDOWS)
def test_frames_between_never_leak(n_frames: int) -> None:
    model, coordinates = made(n_frames)
    assert list(model.sampled) == list(range(0, n_frames, 4))
    unseen = [t for t in range(n_frames) if t not in model.sampled]
    for value in (0.0, 1e6, math.nan):
        changed = coordinates.clone()
        changed[:, unseen] = value
        assert torch.equal(model(changed), model(coordinates))


@pytest.mark.parametrize("n_frames", WINDOWS)
def test_every_sampled_frame_reaches_every_output(n_frames: int) -> None:
    model, coordinates = made(n_frames)
    coordinates.requires_grad_()
    for t in range(n_frames):
        (gradient,) = torch.autograd.grad(model(coordinates)[0, t].sum(), coordinates)
        reached = gradient[0].abs().amax(dim=1) > 0
        assert reached.nonzero().flatten().tolist() == list(model.sampled)


def test_no_frame_attends_to_itself_in_the_encoder() -> None:
    model, _ = made(13)
    attention = model.encoder[0].attention
    features = torch.randn(1, 4, 128)
    for t in range(4):
        values = features.clone()
        values[:, t] += 1
        before = attention(features, features, features, model.others)
        after = attention(features, features, values, model.others)
        changed = ~torch.isclose(before, after, atol=1e-5).all(dim=-1)[0]
        assert changed.tolist() == [s != t for s in range(4)]


def test_positions_are_added_to_queries_and_keys_only() -> None:
    torch.manual_seed(0)
    layer = EncoderLayer().eval()
    code = torch.randn(3, 128)
    features = torch.randn(1, 2, 128)
    others = ~torch.eye(2, dtype=torch.bool)
    # With one key a query has no choice: only the values could carry the positions on.
    assert torch.equal(layer(features, code[:2], others), layer(features, code[1:], others))
    features = torch.randn(1, 3, 128)
    others = ~torch.eye(3, dtype=torch.bool)
    assert not torch.allclose(layer(features, code, others), layer(features, code.flip(0), others))


def test_attention_is_softmax_of_scaled_products() -> None:
    torch.manual_seed(0)
    attention = Attention().eval()
    query, key, value = (torch.randn(n, 128) for n in (3, 5, 5))
    heads = []
    for h in range(4):
        part = slice(32 * h, 32 * h + 32)
        q, k = attention.query(query)[:, part], attention.key(key)[:, part]
        weights = torch.softmax(q @ k.T / math.sqrt(32), dim=-1)
        heads.append(weights @ attention.value(value)[:, part])
    expected = attention.out(torch.cat(heads, dim=-1))
    found = attention(query[None], key[None], value[None], None)[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_frames", WINDOWS)
def test_the_interpolation_is_linear_with_aligned_corners(n_frames: int) -> None:
    poses = torch.randn(2, 6, (n_frames - 1) // 4 + 1)
    expected = functional.interpolate(poses, n_frames, mode="linear", align_corners=True)
    found = interpolation_matrix(n_frames, 4) @ poses.transpose(1, 2)
    torch.testing.assert_close(found, expected.transpose(1, 2))


def test_the_position_code() -> None:
    code = position_code(5, 128)
    assert code.shape == (5, 128)
    torch.testing.assert_close(code[0], torch.tensor([0.0, 1.0]).repeat(64))
    for t, i in ((1, 0), (2, 1), (3, 7), (4, 63)):
        angle = 2 * math.pi * t / 4 / 10_000 ** (2 * i / 64)
        assert code[t, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
        assert code[t, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)
    # The ends of a window have the same codes whatever its length.
    torch.testing.assert_close(position_code(13, 128)[-1], code[-1])


@pytest.mark.parametrize("n_frames", [1, 4, 6, 8, 10])
def test_other_windows_are_refused(n_frames: int) -> None:
    with pytest.raises(ValueError, match=rf"4 \* Q \+ 1 frames with Q >= 1, got {n_frames}"):
        build(n_frames=n_frames)


@pytest.mark.parametrize("shape", [(2, 4, 8), (2, 9, 8), (2, 5, 6), (5, 8)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    model, _ = made(5)
    with pytest.raises(ValueError, match=r"expected coordinates \(B, 5, 8\), got \("):
        model(torch.zeros(shape))


def test_parameter_count() -> None:
    attention = 4 * (128 * 128 + 128)
    feed_forward = (128 * 256 + 256) + (256 * 128 + 128)
    norm = 2 * 128
    encoder = 5 * (attention + feed_forward + 2 * norm)  # no last norm
    decoder = 5 * (2 * attention + feed_forward + 3 * norm) + norm
    ends = 2 * (128 * 50 + 50) + (50 * 128 + 128) + (50 * 128 * 5 + 128)
    count = sum(p.numel() for p in build().parameters())
    assert count == encoder + decoder + ends == 1_708_132


@pytest.mark.parametrize("n_frames", WINDOWS)
def test_the_gradient_reaches_every_parameter_that_it_can(n_frames: int) -> None:
    model, coordinates = made(n_frames)
    # In float64 rounding is 1e-16 of the terms that cancel: far from both sides of the bound, on
    # every processor.
    denoised, recovered = model.double().forward_both(coordinates.double())
    (denoised.square().sum() + recovered.square().sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        largest = float(parameter.grad.abs().max())
        one_key = n_frames == 5 and name.startswith("encoder") and ".query." in name
        one_key |= n_frames == 5 and name.startswith("encoder") and ".key." in name
        if one_key:  # of two sampled frames each sees just the other: nothing to weigh
            assert largest < 1e-10, name
        elif not name.endswith("key.bias"):  # a shift of all keys cancels in the softmax
            assert largest > 1e-5, name


def test_dropout_acts_in_training_only() -> None:
    model, coordinates = made(5)
    assert torch.equal(model(coordinates), model(coordinates))
    model.train()
    assert not torch.allclose(model(coordinates), model(coordinates))


class Both(nn.Module):
    """Answers with fixed poses of the sampled frames and of the window."""

    sampled = range(0, 5, 4)

    def __init__(self, denoised: torch.Tensor, recovered: torch.Tensor) -> None:
        super().__init__()
        self.both = denoised, recovered

    def forward_both(self, coordinates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        del coordinates
        return self.both


def test_the_official_loss_weighs_recovery_five_times_as_much_as_denoising() -> None:
    torch.manual_seed(1)
    n, n_keypoints = 3, 4
    keypoints = torch.randint(0, 56, (n, 5, n_keypoints, 2))
    annotated = torch.rand(n, 5, n_keypoints) > 0.3
    index, noisy = torch.arange(n), keypoints.float()
    labelled = torch.ones(n, n_keypoints, dtype=torch.bool)
    batch = Batch(index, index, keypoints, annotated, labelled, annotated, noisy, None, None)
    denoised, recovered = torch.rand(n, 2, 2 * n_keypoints), torch.rand(n, 5, 2 * n_keypoints)
    loss, output = official_loss(Both(denoised, recovered), batch)
    truth = keypoints.double().flatten(2) / 27.5 - 1
    known = annotated.repeat_interleave(2, dim=2)
    sums = {"denoise": 0.0, "recover": 0.0}
    for b, t, c in torch.cartesian_prod(*map(torch.arange, recovered.shape)).tolist():
        if known[b, t, c]:
            sums["recover"] += abs(float(recovered[b, t, c] - truth[b, t, c]))
            if t in (0, 4):
                sums["denoise"] += abs(float(denoised[b, t // 4, c] - truth[b, t, c]))
    expected = sums["denoise"] / denoised.numel() + 5 * sums["recover"] / recovered.numel()
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert output is recovered


@pytest.mark.parametrize(("training", "expected"), [(True, 0.1), (False, 0.0)])
def test_attention_drops_out_in_training_alone(
    training: bool, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = []
    real = functional.scaled_dot_product_attention

    def spy(*arguments: torch.Tensor, dropout_p: float = 0.0, **named: object) -> torch.Tensor:
        shares.append(dropout_p)
        return real(*arguments, dropout_p=dropout_p, **named)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", spy)
    model, coordinates = made(5)
    model.train(training)(coordinates)
    assert len(shares) == 5 + 2 * 5  # self-attention of 5 + 5 layers, cross-attention of 5
    assert set(shares) == {expected}
