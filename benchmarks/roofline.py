"""What a training step must cost on this machine: operations, bytes, the floor, the share reached.

    python -m benchmarks.roofline --out benchmarks/results/roofline.csv

Operations are counted by torch in forward and backward; bytes are those of every tensor that an
operator of forward, loss, backward and Adam reads or writes (views are free), as if nothing stayed
in a cache. The machine's own limits are measured in the same run: the largest rate of its matrix
products and of its 3 x 3 convolutions, and of a copy in memory. The floor is the longer of
operations / rate and compulsory bytes / rate: compulsory are input, target, output, their
gradients, weights, gradients and Adam's state, each once. One thread. About two minutes.
"""

import argparse
import csv
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from pose_smoother.bench.goals import machine_words, versions_words
from trainer.models import model_module, models, preset
from trainer.training.malloc import disable_malloc_trim
from trainer.training.step import make_optimizer

COLUMNS = (
    "model",
    "batch",
    "precision",
    "gflop",
    "gbytes_of_operators",
    "gbytes_compulsory",
    "floor_operations_ms",
    "floor_bytes_ms",
    "measured_ms",
    "achieved_share",
    "peak_gflop_per_s",
    "conv_gflop_per_s",
    "copy_gbytes_per_s",
    "conditions",
)


class Bytes(TorchDispatchMode):
    """Counts the bytes of tensors that operators read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one operator, and count it unless it only views."""
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [t for t in tree_leaves((args, kwargs, result)) if isinstance(t, Tensor)]
            self.total += sum(t.numel() * t.element_size() for t in tensors)
        return result


def best_s(run: Callable[[], object], seconds: float = 3.0) -> float:
    """The fastest of several runs: a limit, not a usual time."""
    run()
    times, until = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < until:
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return min(times)


def machine_limits(precision: str) -> dict[str, float]:
    """GFLOP/s of matrix products and convolutions, GB/s of a copy (read and written)."""
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    square = torch.rand(2048, 2048, dtype=kind)
    maps = torch.rand(16, 128, 56, 56, dtype=kind).contiguous(memory_format=torch.channels_last)
    kernel = torch.rand(128, 128, 3, 3, dtype=kind).contiguous(memory_format=torch.channels_last)
    conv_flop = 2 * 16 * 56 * 56 * 128 * 128 * 9
    source, target = torch.rand(64 * 2**20), torch.empty(64 * 2**20)
    with torch.inference_mode():
        return {
            "peak_gflop_per_s": 2 * 2048**3 / best_s(lambda: square @ square) / 1e9,
            "conv_gflop_per_s": conv_flop
            / best_s(lambda: functional.conv2d(maps, kernel, padding=1))
            / 1e9,
            "copy_gbytes_per_s": 2
            * 4
            * source.numel()
            / best_s(lambda: target.copy_(source))
            / 1e9,
        }


def step_of(model: nn.Module, given: Tensor, precision: str) -> Callable[[], None]:
    """Forward, mean squared error, backward, Adam."""
    optimizer, wanted = make_optimizer(model, 1e-3), torch.rand_like(given)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            output = model(given)
        functional.mse_loss(output.float(), wanted).backward()
        optimizer.step()

    return step


def counted(model: nn.Module, given: Tensor, precision: str) -> tuple[float, float, float]:
    """GFLOP, gigabytes operator by operator, and gigabytes that can't be avoided."""
    step = step_of(model, given, precision)
    step()  # Adam's state exists from now on
    with FlopCounterMode(display=False) as flops:
        step()
    with Bytes() as moved:
        step()
    n_weights = sum(p.numel() for p in model.parameters())
    # Input, target, output, its gradient; weights read twice and written, gradient written and
    # read, Adam's two moments read and written.
    compulsory = 4 * (4 * given.numel() + 9 * n_weights)
    return flops.get_total_flops() / 1e9, moved.total / 1e9, compulsory / 1e9


def row(name: str, n_batch: int, precision: str, repeats: int) -> dict[str, object]:
    """One model's line."""
    heatmaps = model_module(name).CONSUMES == "heatmaps"
    given = torch.rand((n_batch, 5, 25, 56, 56) if heatmaps else (n_batch, 5, 50))
    model = model_module(name).build().train()
    gflop, moved, compulsory = counted(model, given, precision)
    limits = machine_limits(precision)
    step, times = step_of(model, given, precision), []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        step()
        times.append(time.perf_counter() - begun)
    measured_ms = 1e3 * statistics.median(times[1:])
    by_operations = 1e3 * gflop / limits["peak_gflop_per_s"]
    by_bytes = 1e3 * compulsory / limits["copy_gbytes_per_s"]
    numbers = {
        "gflop": gflop,
        "gbytes_of_operators": moved,
        "gbytes_compulsory": compulsory,
        "floor_operations_ms": by_operations,
        "floor_bytes_ms": by_bytes,
        "measured_ms": measured_ms,
        "achieved_share": max(by_operations, by_bytes) / measured_ms,
        **limits,
    }
    about = f"1 thread, freed memory kept; {machine_words()}; {versions_words('torch')}"
    rounded = {key: f"{value:.4g}" for key, value in numbers.items()}
    head = {"model": name, "batch": n_batch, "precision": precision}
    return {**head, **rounded, "conditions": about}


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(models()))
    parser.add_argument("--precisions", nargs="+", default=["float32"])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    disable_malloc_trim()
    rows = []
    for name in args.models:
        for precision in args.precisions:
            n_batch = preset(name).get("batch_size", args.batch)
            rows.append(row(name, n_batch, precision, args.repeats))
            print({key: rows[-1][key] for key in COLUMNS[:-1]}, flush=True)
    if args.out:
        with args.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
