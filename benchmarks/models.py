"""Forward pass and training step of every model, and of the plain bi-ConvLSTMs kept as oracle.

    python -m benchmarks.models --out benchmarks/results/models.csv

A step is forward, MSE, backward and Adam on a resident batch. Ways: ``fast`` is the model as
trained; ``channels-first`` the same in the default memory format; ``plain`` the paper's equations
gate by gate and frame by frame. The ways take turns, so that a noisy neighbour slows them all; read
the ratios.
"""

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from trainer.bench.plain_convlstm import plain_branches, plain_model_c, plain_model_s
from trainer.models import model_module, models
from trainer.models.biconvlstm_s import BiConvLSTMS

COLUMNS = ("what", "model", "threads", "batch", "median_ms", "repeats")
PLAIN: dict[str, Callable[..., Tensor]] = {
    "biconvlstm-s": plain_model_s,
    "biconvlstm-c": plain_model_c,
}
LAYERS = "convlstm layers alone"

#: (what, what to time)
Way = tuple[str, Callable[[], object]]


def model_ways(name: str, n_batch: int) -> Iterator[Way]:
    """Forward and step of one model, in each of its ways."""
    heatmaps = model_module(name).CONSUMES == "heatmaps"
    batch = torch.rand((n_batch, 5, 25, 56, 56) if heatmaps else (n_batch, 5, 50))
    yield from _ways("fast", model := model_module(name).build(), model, batch)
    if heatmaps:
        other = model_module(name).build()
        other.memory_format = torch.contiguous_format  # type: ignore[assignment]
        yield from _ways("channels-first", other, other, batch)
    if name in PLAIN:
        plain = model_module(name).build()
        yield from _ways("plain", plain, lambda maps: PLAIN[name](plain, maps), batch)


def layer_ways(n_batch: int) -> Iterator[Way]:
    """The two ConvLSTM layers of a bi-ConvLSTM without their heads."""
    batch = torch.rand(n_batch, 5, 25, 56, 56)
    model = BiConvLSTMS(25)
    model.forward_head = model.backward_head = nn.Sequential()
    yield from _ways("fast", model, model, batch)

    def plain(maps: Tensor) -> Tensor:
        ahead, back = plain_branches(model, maps)
        return torch.stack(ahead, dim=1) + torch.stack(back, dim=1)

    yield from _ways("plain", model, plain, batch)


def _ways(
    way: str, model: nn.Module, forward: Callable[[Tensor], Tensor], batch: Tensor
) -> Iterator[Way]:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    target = torch.rand_like(batch)

    def forward_only() -> None:
        with torch.no_grad():
            forward(batch)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.mse_loss(forward(batch), target).backward()
        optimizer.step()

    yield f"forward, {way}", forward_only
    yield f"step, {way}", step


def measure(ways: list[Way], repeats: int) -> dict[str, float]:
    """Median milliseconds of each way; all are warmed up once, then take turns."""
    times: dict[str, list[float]] = {what: [] for what, _ in ways}
    for repeat in range(repeats + 1):
        for what, run in ways:
            start = time.perf_counter()
            run()
            if repeat:
                times[what].append(1e3 * (time.perf_counter() - start))
    return {what: statistics.median(values) for what, values in times.items()}


def main() -> None:
    """Print the CSV, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=[*models(), LAYERS])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--batch", type=int, default=16, help="windows a batch (default 16)")
    parser.add_argument("--repeats", type=int, default=5, help="timings a way (default 5)")
    parser.add_argument("--out", type=Path, help="CSV file to write besides printing")
    options = parser.parse_args()
    lines = [COLUMNS]
    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)
    for name in options.models:
        for threads in options.threads:
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            ways = layer_ways(options.batch) if name == LAYERS else model_ways(name, options.batch)
            for what, median_ms in measure(list(ways), options.repeats).items():
                row = (what, name, threads, options.batch, f"{median_ms:.2f}", options.repeats)
                lines.append(row)
                writer.writerow(row)
                sys.stdout.flush()
    if options.out:
        with options.out.open("w", newline="") as file:
            csv.writer(file).writerows(lines)


if __name__ == "__main__":
    main()
