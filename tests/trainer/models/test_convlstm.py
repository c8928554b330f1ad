"""The ConvLSTM layer and both bi-ConvLSTM models against the plain equations."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from trainer.bench.plain_convlstm import plain_convlstm, plain_model_c, plain_model_s
from trainer.models import biconvlstm_c, biconvlstm_s
from trainer.models.biconvlstm_c import BiConvLSTMC
from trainer.models.biconvlstm_s import BiConvLSTMS
from trainer.models.convlstm import ConvLSTM

SIZE = 12
MODELS = [(BiConvLSTMS, plain_model_s), (BiConvLSTMC, plain_model_c)]


def random_heatmaps(n_batch: int = 2, n_keypoints: int = 3, dtype: torch.dtype = torch.float32):
    """Sparse peaks of about a heatmap's height."""
    maps = torch.rand(n_batch, 5, n_keypoints, SIZE, SIZE, dtype=dtype)
    return 40 * (maps - 0.8).clamp(min=0)


def with_random_offsets(module: nn.Module) -> nn.Module:
    """Biases and peepholes large enough to be seen in the output."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith(("bias", "peephole")):
                parameter.uniform_(-0.5, 0.5)
    return module


def gradients(module: nn.Module, output: Tensor) -> list[Tensor]:
    weight = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    return list(torch.autograd.grad((weight * output).sum(), list(module.parameters())))


def assert_close(found: Tensor, expected: Tensor, rounding: float) -> None:
    assert found.shape == expected.shape
    largest = expected.detach().abs().max().item()
    assert largest > 0
    assert (found - expected).detach().abs().max().item() <= rounding * largest


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float32, 2e-5), (torch.float64, 1e-13)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_layer_is_the_papers_equations(
    dtype: torch.dtype, rounding: float, memory_format: torch.memory_format
) -> None:
    torch.manual_seed(1)
    layer = with_random_offsets(ConvLSTM(3, 4, SIZE)).to(dtype)
    frames = list(random_heatmaps(dtype=dtype).unbind(1))
    laid_out = [frame.contiguous(memory_format=memory_format) for frame in frames]
    fast, plain = torch.stack(layer(laid_out)), torch.stack(plain_convlstm(layer, frames))
    assert_close(fast, plain, rounding)
    pairs = zip(gradients(layer, fast), gradients(layer, plain), strict=True)
    for found, expected in pairs:
        assert_close(found, expected, 10 * rounding)  # sums over all pixels


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float32, 2e-5), (torch.float64, 1e-13)])
@pytest.mark.parametrize(("model_class", "plain_model"), MODELS)
def test_the_models_are_the_papers_equations(
    model_class: type[nn.Module],
    plain_model: Callable[..., Tensor],
    dtype: torch.dtype,
    rounding: float,
) -> None:
    torch.manual_seed(2)
    model = with_random_offsets(model_class(3, SIZE)).to(dtype)
    heatmaps = random_heatmaps(dtype=dtype)
    fast, plain = model(heatmaps), plain_model(model, heatmaps)
    assert_close(fast, plain, rounding)
    pairs = zip(gradients(model, fast), gradients(model, plain), strict=True)
    for found, expected in pairs:
        assert_close(found, expected, 10 * rounding)  # sums over all pixels


@pytest.mark.parametrize("model_class", [BiConvLSTMS, BiConvLSTMC])
def test_swapping_the_branches_reverses_time(model_class: type[nn.Module]) -> None:
    torch.manual_seed(3)
    model = with_random_offsets(model_class(3, SIZE))
    swapped = model_class(3, SIZE)
    weights = {}
    for name, value in model.state_dict().items():
        branch, _, rest = name.partition("_")
        other = {"forward": "backward", "backward": "forward"}.get(branch)
        weights[f"{other}_{rest}" if other else name] = value
    if model_class is BiConvLSTMC:  # the branches' places in the concatenation swap too
        first, second = weights["merge.0.weight"].chunk(2, dim=1)
        weights["merge.0.weight"] = torch.cat([second, first], dim=1)
    swapped.load_state_dict(weights)
    heatmaps = random_heatmaps()
    expected = model(heatmaps).flip(1)
    assert not torch.allclose(model(heatmaps.flip(1)), expected, atol=1e-3)
    torch.testing.assert_close(swapped(heatmaps.flip(1)), expected, rtol=1e-4, atol=1e-4)


def test_each_branch_reads_on_from_its_own_end() -> None:
    torch.manual_seed(4)
    layer = ConvLSTM(3, 3, SIZE)
    frames = list(random_heatmaps().unbind(1))
    changed = [*frames[:3], frames[3] + 1, frames[4]]
    before, after = layer(frames), layer(changed)
    unchanged = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert unchanged == [True, True, True, False, False]


def test_parameter_counts() -> None:
    gates = 4 * (25 * 9 * (25 + 25) + 25)
    lstm = gates + 3 * 25 * 56 * 56  # the peepholes have the shape of the state
    features = 25 * 128 * 9 + 128 + 2 * (128 * 128 * 9 + 128)
    head = features + (128 * 128 + 128) + (128 * 25 + 25)
    merge = (256 * 128 + 128) + (128 * 25 + 25)
    counts = [
        sum(p.numel() for p in module.build().parameters())
        for module in (biconvlstm_s, biconvlstm_c)
    ]
    assert sum(p.numel() for p in ConvLSTM(25, 25, 56).parameters()) == lstm == 280_300
    assert counts == [2 * (lstm + head), 2 * (lstm + features) + merge] == [1_248_266, 1_244_913]


@pytest.mark.parametrize("model_class", [BiConvLSTMS, BiConvLSTMC])
def test_the_memory_format_changes_rounding_only(model_class: type[nn.Module]) -> None:
    torch.manual_seed(5)
    model = model_class(3, SIZE)
    heatmaps = random_heatmaps()
    channels_last = model(heatmaps)
    model.memory_format = torch.contiguous_format
    torch.testing.assert_close(model(heatmaps), channels_last, rtol=1e-4, atol=1e-4)
