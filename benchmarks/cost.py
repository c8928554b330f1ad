"""What each model costs to use: parameters, operations a window, windows a second.

    python -m benchmarks.cost --out benchmarks/results/cost.csv

Operations are multiplications and additions of matrix products, convolutions and attention, counted
by torch while one window goes through a model in evaluation mode (resmlp reads it twice: as it is
and mirrored). Speed is float32, one thread, the median of several batches; models take turns, so
that a noisy neighbour slows them all: read the ratios.
"""

import argparse
import csv
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from trainer.models import model_module, models

COLUMNS = ("model", "parameters", "mflop_per_window", "batch", "windows_per_s", "cpu_us_per_window")
_BATCHES = {"heatmaps": 4, "coordinates": 512}


def windows(name: str, n: int) -> Tensor:
    """Random input for a model."""
    if model_module(name).CONSUMES == "heatmaps":
        return torch.rand(n, 5, 25, 56, 56)
    return 2 * torch.rand(n, 5, 50) - 1


def operations(model: nn.Module, one: Tensor) -> int:
    """Multiplications and additions of one window's way through a model."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(one)
    return int(counter.get_total_flops())


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    made = {name: model_module(name).build().eval() for name in models()}
    batches = {name: windows(name, _BATCHES[model_module(name).CONSUMES]) for name in made}
    clock: dict[str, list[float]] = {name: [] for name in made}
    cpu: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(args.repeats + 1):  # the first is warming up
        for name, model in made.items():
            started, started_cpu = time.perf_counter(), time.process_time()
            with torch.inference_mode():
                model(batches[name])
            clock[name].append(time.perf_counter() - started)
            cpu[name].append(time.process_time() - started_cpu)
    rows = []
    for name, model in made.items():
        n = len(batches[name])
        rows.append(
            {
                "model": name,
                "parameters": sum(p.numel() for p in model.parameters()),
                "mflop_per_window": round(operations(model, windows(name, 1)) / 1e6, 2),
                "batch": n,
                "windows_per_s": round(n / statistics.median(clock[name][1:]), 1),
                "cpu_us_per_window": round(1e6 * statistics.median(cpu[name][1:]) / n, 1),
            }
        )
        print(rows[-1])
    if args.out:
        with args.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
