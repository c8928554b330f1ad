"""Ways to render a batch of heatmaps, against a copy of a finished batch of the same bytes.

    python benchmarks/render.py --out benchmarks/results/render.csv

One batch is 16 windows x 5 frames x 25 keypoints. Every way is checked against the renderer in use
before it is timed. The ways take turns, so that a noisy neighbour slows them all; read the ratios.
"""

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import torch
from torch import Tensor

from pose_smoother.heatmap import SIZE
from trainer.data.heatmap_buffer import HeatmapBuffer
from trainer.data.render import render, response_tables
from trainer.experiments import RANDOM_SIGMA_PX

BATCH, FRAMES, KEYPOINTS = 16, 5, 25
ABSENT = SIZE


def make_batch(device: torch.device, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Positions, presence (10 of the 25 never, a tenth of the others not) and sigmas."""
    generator = torch.Generator().manual_seed(seed)
    shape = (BATCH, FRAMES, KEYPOINTS)
    positions = torch.randint(0, SIZE, (*shape, 2), generator=generator)
    present = torch.rand(shape, generator=generator) > 0.1
    present[..., 15:] = False
    sigma_index = torch.randint(0, len(RANDOM_SIGMA_PX), shape, generator=generator)
    return positions.to(device), present.to(device), sigma_index.to(device)


def make_ways(device: torch.device) -> dict[str, Callable[[], Tensor]]:
    """Every way to fill one batch, by name."""
    positions, present, sigma_index = make_batch(device)
    tables = response_tables(RANDOM_SIGMA_PX, device)
    out = torch.empty((BATCH, FRAMES, KEYPOINTS, SIZE, SIZE), device=device)
    flat = out.view(-1, SIZE, SIZE)
    finished = render(positions, present, sigma_index, tables)
    rows_per_sigma = SIZE + 1
    maps = torch.stack(
        [
            tables.y[rows_per_sigma * s + y, :, None] * tables.x[rows_per_sigma * s + x]
            for s in range(len(RANDOM_SIGMA_PX))
            for y in range(SIZE)
            for x in range(SIZE)
        ]
        + [torch.zeros(SIZE, SIZE, device=device)]
    )

    def rows() -> tuple[Tensor, Tensor]:
        at = torch.where(present.unsqueeze(-1), positions, ABSENT)
        at = (at + rows_per_sigma * sigma_index.unsqueeze(-1)).reshape(-1, 2)
        return tables.x[at[:, 0]], tables.y[at[:, 1]]

    def bmm() -> Tensor:
        x, y = rows()
        return torch.bmm(y.unsqueeze(2), x.unsqueeze(1), out=flat).view_as(out)

    def einsum() -> Tensor:
        x, y = rows()
        return torch.einsum("ni,nj->nij", y, x).view_as(out)

    def look_up() -> Tensor:
        at = (sigma_index * SIZE + positions[..., 1]) * SIZE + positions[..., 0]
        at = torch.where(present, at, len(maps) - 1).reshape(-1)
        return torch.index_select(maps, 0, at, out=flat).view_as(out)

    def outer_each() -> Tensor:
        x, y = rows()
        for i in range(len(flat)):
            torch.outer(y[i], x[i], out=flat[i])
        return out

    def present_only() -> Tensor:
        x, y = rows()
        there = present.reshape(-1).nonzero().squeeze(1)
        flat.zero_()
        flat[there] = y[there].unsqueeze(2) * x[there].unsqueeze(1)
        return out

    canvas = HeatmapBuffer((BATCH, FRAMES), RANDOM_SIGMA_PX, torch.ones(KEYPOINTS).bool(), device)
    batches = cycle([(positions, present, sigma_index), make_batch(device, seed=1)])

    def over_the_batch_before() -> Tensor:
        return canvas.draw(*next(batches))

    return {
        "copy of a resident batch (ceiling)": lambda: out.copy_(finished),
        "broadcast multiply, out=": lambda: render(positions, present, sigma_index, tables, out),
        "broadcast multiply, fresh": lambda: render(positions, present, sigma_index, tables),
        "bmm, out=": bmm,
        "einsum, fresh": einsum,
        "look-up of finished maps, out=": look_up,
        "torch.outer per map, out=": outer_each,
        "zero, then present maps": present_only,
        "what impulses fill, over the batch before": over_the_batch_before,
    }


def seconds(way: Callable[[], Tensor], device: torch.device) -> float:
    """Wall time of one batch."""
    start = time.perf_counter()
    way()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="CSV file to write (default: print)")
    parser.add_argument("--repeats", type=int, default=51, help="batches per way [51]")
    parser.add_argument("--device", default="cpu", help="torch device [cpu]")
    options = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(options.device)
    ways = make_ways(device)
    positions, present, sigma_index = make_batch(device)
    expected = render(positions, present, sigma_index, response_tables(RANDOM_SIGMA_PX, device))
    taken: dict[str, list[float]] = {}
    for name, way in ways.items():
        torch.testing.assert_close(way(), expected, rtol=0, atol=1e-5)
        taken[name] = []
    for _ in range(options.repeats):
        for name, way in ways.items():
            taken[name].append(seconds(way, device))
    rates = {name: BATCH / statistics.median(times) for name, times in taken.items()}
    ceiling = next(iter(rates.values()))
    target = options.out.open("w", newline="") if options.out else sys.stdout
    writer = csv.writer(target)
    writer.writerow(["way", "device", "windows_per_s", "of_ceiling"])
    for name, rate in rates.items():
        writer.writerow([name, options.device, f"{rate:.0f}", f"{rate / ceiling:.2f}"])


if __name__ == "__main__":
    main()
