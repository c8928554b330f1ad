"""Forward and backward of the bi-ConvLSTMs against the paper's equations, gate by gate."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from pose_smoother.bench.timing import Timings
from pose_smoother.heatmap import SIZE
from pose_smoother.skeleton import N_KEYPOINTS
from pose_smoother.store.names import WINDOW_FRAMES
from trainer.bench.measure import interleaved_on
from trainer.bench.plain_convlstm import plain_model_c, plain_model_s
from trainer.models import model_module
from trainer.models.torch_seed import initial_model

PLAIN: dict[str, Callable[..., Tensor]] = {
    "biconvlstm-s": plain_model_s,
    "biconvlstm-c": plain_model_c,
}


def recurrent_timings(
    name: str, device: torch.device, n_batch: int, repeats: int, budget_s: float
) -> Timings:
    """Forward, mean squared error and backward: "fast" as trained, "plain" as written."""
    shape = (n_batch, WINDOW_FRAMES, N_KEYPOINTS, SIZE, SIZE)
    given, wanted = torch.rand(shape, device=device), torch.rand(shape, device=device)
    model = initial_model(model_module(name).build, 0).to(device).train()

    def both_passes(forward: Callable[[Tensor], Tensor]) -> Callable[[], None]:
        def run() -> None:
            model.zero_grad(set_to_none=True)
            functional.mse_loss(forward(given), wanted).backward()

        return run

    plain = PLAIN[name]
    sides = {"fast": both_passes(model), "plain": both_passes(lambda maps: plain(model, maps))}
    return interleaved_on(device, sides, repeats, budget_s=budget_s)
