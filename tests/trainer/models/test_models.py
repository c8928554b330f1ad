"""What holds for every registered model, and the registry itself."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pose_smoother.errors import InvalidInputError
from trainer.models import ModelModule, model_module, models

K = 3
ROOT = Path(__file__).parents[3]
heatmap_models = [name for name, m in models().items() if m.CONSUMES == "heatmaps"]


def small(name: str) -> tuple[nn.Module, Tensor]:
    """A model of three keypoints, in evaluation mode, and three windows of noise for it."""
    torch.manual_seed(0)
    model = model_module(name).build(n_keypoints=K).eval()
    if model_module(name).CONSUMES == "coordinates":
        return model, 2 * torch.rand(3, 5, 2 * K) - 1
    return model, 40 * (torch.rand(3, 5, K, 56, 56) - 0.9).clamp(min=0)


def test_the_folder_is_the_registry() -> None:
    assert {"biconvlstm-s", "deciwatch", "resmlp", "smoothnet"} <= set(models())
    assert {"3dconv", "biconvlstm-c", "biconvlstm-s"} <= set(heatmap_models)
    assert all(name == module.NAME for name, module in models().items())


@pytest.mark.parametrize("name", models())
def test_the_page_of_models_has_its_row(name: str) -> None:
    with torch.device("meta"):
        n_parameters = sum(p.numel() for p in model_module(name).build().parameters())
    row = f"| `{name}` | {model_module(name).CONSUMES} | {n_parameters:,} |"
    assert row in (ROOT / "docs/models.md").read_text(), f"docs/models.md lacks a row: {row} ... |"


def test_an_unknown_model_lists_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match=f"'unet'; known: {', '.join(models())}"):
        model_module("unet")


@pytest.mark.parametrize("module", models().values(), ids=models())
def test_shapes_at_full_size(module: ModelModule) -> None:
    shape = (1, 5, 25, 56, 56) if module.CONSUMES == "heatmaps" else (1, 5, 50)
    with torch.no_grad():
        output = module.build()(torch.rand(shape))
    assert output.shape == shape
    assert output.dtype == torch.float32
    assert output.is_contiguous()
    assert output.isfinite().all()


@pytest.mark.parametrize("name", models())
def test_windows_do_not_see_their_batch(name: str) -> None:
    model, windows = small(name)
    with torch.no_grad():
        together = model(windows[:2])
        alone = torch.cat([model(window[None]) for window in windows[:2]])
    # Float32 sums of another batch are rounded differently, through ten layers: 1e-5 of the largest
    # output. A model that mixes windows is off by much more.
    largest = float(alone.abs().max())
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-4 * largest)


@pytest.mark.parametrize("name", models())
def test_the_same_input_gives_the_same_output_and_gradient(name: str) -> None:
    model, windows = small(name)
    model.train()
    runs = []
    for _ in range(2):
        torch.manual_seed(1)  # dropout draws from torch's generator
        output = model(windows[:1])
        runs.append([output, *torch.autograd.grad(output.square().sum(), model.parameters())])
    assert all(torch.equal(first, second) for first, second in zip(*runs, strict=True))


@pytest.mark.parametrize("name", heatmap_models)
def test_the_gradient_reaches_every_parameter(name: str) -> None:
    model, windows = small(name)
    model(windows[:1]).square().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize("name", heatmap_models)
def test_heatmaps_are_never_negative(name: str) -> None:
    model, windows = small(name)
    with torch.no_grad():
        output = model(-windows[:1])
    assert output.min() >= 0


@pytest.mark.parametrize("name", models())
def test_it_exports_with_a_dynamic_batch(name: str) -> None:
    model, windows = small(name)
    exported = torch.export.export(model, (windows,), dynamic_shapes=({0: torch.export.Dim("B")},))
    with torch.no_grad():
        torch.testing.assert_close(exported.module()(windows[:2]), model(windows[:2]))
