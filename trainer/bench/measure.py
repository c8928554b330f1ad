"""Timing on a device: what ``pose_smoother.bench.timing`` does, waiting for a GPU to finish."""

from collections.abc import Callable, Mapping

import torch

from pose_smoother.bench.timing import Timings, interleaved

__all__ = ["Timings", "interleaved", "interleaved_on"]


def interleaved_on(
    device: torch.device,
    sides: Mapping[str, Callable[[], object]],
    repeats: int,
    *,
    warmups: int = 1,
    budget_s: float | None = None,
) -> Timings:
    """``interleaved``, each side timed until the device has finished."""
    if device.type != "cuda":
        return interleaved(sides, repeats, warmups=warmups, budget_s=budget_s)

    def waiting(side: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            side()
            torch.cuda.synchronize(device)

        return run

    waits = {name: waiting(side) for name, side in sides.items()}
    torch.cuda.synchronize(device)
    return interleaved(waits, repeats, warmups=warmups, budget_s=budget_s)
