"""What steps of preprocessing and streaming cost, beside the library's way or the one before.

    python -m benchmarks.io_steps --zarr STORE.zarr --hdf5 STORE.hdf5 \\
        --out benchmarks/results/io_steps.csv

Microseconds of processor time a frame (or a window, which has one new frame on average), in one
thread, medians; the ways take turns. Both stores must hold at least 1,280 training frames.
"""

import argparse
import csv
import io
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
import zarr
from zarr.storage import MemoryStore

from pipeline.shard_heatmaps import RenderedFrames
from pose_smoother import heatmap
from pose_smoother.bench.goals import machine_words, versions_words
from pose_smoother.store import hdf5_writer
from pose_smoother.store.chunks import pack_shard
from pose_smoother.store.hdf5_writer import DATA
from pose_smoother.store.layout import PlannedArray
from pose_smoother.store.names import FRAME_ARRAYS
from pose_smoother.store.open import open_store
from pose_smoother.store.store import Store
from pose_smoother.store.zarr_writer import ZSTD_LEVEL, create_array
from trainer.data.heatmap_buffer import HeatmapBuffer
from trainer.data.render import render, response_tables
from trainer.data.stored.sparse import WindowBuffer, sparse
from trainer.experiments import RANDOM_SIGMA_PX

FIRST, N = 1_024, 128
CHUNK, SHARD = FRAME_ARRAYS["heatmaps"].chunk_frames, FRAME_ARRAYS["heatmaps"].shard_frames
#: (step, before, now, frames or windows a call)
Step = tuple[str, Callable[[], object], Callable[[], object], int]


def reading(name: str, store: Store, library: Any) -> Step:
    """128 stored frames: by the library at once, and as the stream reads them."""

    def now() -> None:
        for start in range(FIRST, FIRST + N, CHUNK):
            store.read("train", "heatmaps", start, start + CHUNK)

    return f"reading a stored frame, {name}", lambda: library[FIRST : FIRST + N], now, N


def batching(store: Store) -> Step:
    """Targets of eight batches of windows from frames that are in memory."""
    dense = torch.from_numpy(store.read("train", "heatmaps", FIRST, FIRST + N))
    block = sparse(dense.numpy())
    assert block is not None
    room, kept = torch.zeros(2, 16, *(5, 25, 56, 56))
    buffer = WindowBuffer(kept)
    starts = np.random.default_rng(0).integers(0, N - 5, (8, 16)).tolist()

    def before() -> None:
        for batch in starts:
            for row, start in enumerate(batch):
                room[row] = dense[start : start + 5]

    def now() -> None:
        for batch in starts:
            buffer.fill([(block, range(start, start + 5)) for start in batch])

    return "a stored target into the batch, a window", before, now, 128


def rendering(keypoints: np.ndarray, annotated: np.ndarray) -> Step:
    """The noisy input of four batches: all pixels, and as the stream draws it."""
    positions = torch.from_numpy(keypoints[:80]).long().view(16, 5, 25, 2)
    present = torch.from_numpy(annotated[:80]).view(16, 5, 25)
    tables = response_tables(RANDOM_SIGMA_PX)
    sigma = torch.randint(0, len(RANDOM_SIGMA_PX), present.shape)
    out = torch.zeros(16, 5, 25, 56, 56)
    canvas = HeatmapBuffer((16, 5), RANDOM_SIGMA_PX, present.flatten(0, 1).any(dim=0))
    return (
        "rendering a noisy input, a window",
        lambda: [render(positions, present, sigma, tables, out) for _ in range(4)],
        lambda: [canvas.draw(positions, present, sigma) for _ in range(4)],
        64,
    )


def building(keypoints: np.ndarray, annotated: np.ndarray) -> list[Step]:
    """One shard: rendered, and packed for each format."""
    rows = RenderedFrames(keypoints[:SHARD], annotated[:SHARD])
    data = heatmap.render(keypoints[:SHARD], annotated[:SHARD])
    array = PlannedArray("maps", FRAME_ARRAYS["heatmaps"], SHARD)

    def by_zarr() -> None:
        create_array(zarr.create_group(MemoryStore({})), array)[...] = data

    def by_hdf5() -> None:
        with h5py.File(io.BytesIO(), "w", libver="latest") as file:
            maps = hdf5_writer.create_dataset(file, "maps", array)
            for start in range(0, SHARD, CHUNK):
                maps[start : start + CHUNK] = data[start : start + CHUNK]

    return [
        (
            "rendering a frame for a shard",
            lambda: heatmap.render(keypoints[:SHARD], annotated[:SHARD]),
            lambda: [rows[start : start + CHUNK] for start in range(0, SHARD, CHUNK)],
            SHARD,
        ),
        (
            "packing a frame for a Zarr shard",
            by_zarr,
            lambda: pack_shard(data, "<f4", CHUNK, SHARD // CHUNK, ZSTD_LEVEL),
            SHARD,
        ),
        (
            "packing a frame for an HDF5 shard",
            by_hdf5,
            lambda: hdf5_writer.part_of(array, data),
            SHARD,
        ),
    ]


def measured(step: Step, repeats: int) -> tuple[float, float]:
    """Microseconds of processor time of both ways."""
    _, *ways, n = step
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats + 1):  # the first is warming up
        for way, times in zip(ways, spent, strict=True):
            began = time.process_time()
            way()  # type: ignore[operator]
            times.append(1e6 * (time.process_time() - began) / n)
    return statistics.median(spent[0][1:]), statistics.median(spent[1][1:])


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zarr", type=Path, required=True)
    parser.add_argument("--hdf5", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--out", type=Path, help="CSV file [print]")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with (
        open_store(args.zarr) as store,
        open_store(args.hdf5) as other,
        h5py.File(args.hdf5 / DATA, "r") as file,
    ):
        keypoints = store.read("train", "keypoints", 0, SHARD)
        annotated = store.read("train", "annotated", 0, SHARD)
        steps = [
            reading("Zarr", store, zarr.open_group(args.zarr, mode="r")["train/heatmaps"]),
            reading("HDF5", other, file["train/heatmaps"]),
            batching(store),
            rendering(keypoints, annotated),
            *building(keypoints, annotated),
        ]
        rows = [(step[0], *measured(step, args.repeats)) for step in steps]
    words = machine_words(), versions_words("numpy", "torch", "zarr", "h5py", "numcodecs")
    target = args.out.open("w", newline="") if args.out else sys.stdout
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(("step", "before_us", "now_us", "times", "machine", "versions"))
    for name, before, now in rows:
        writer.writerow((name, f"{before:.0f}", f"{now:.0f}", f"{before / now:.1f}", *words))


if __name__ == "__main__":
    main()
