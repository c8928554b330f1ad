"""Time, memory, disk and money against frames and workers, from what was measured.

Serial: what the client does by itself (boxing what was parsed, planning) and closing the store.
Parallel: parsing and rendering. The scheduler hands out bundles of shards at its own pace.
"""

import json
import sys
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.scaling.rows import RESULTS, write_rows
from pipeline.cluster.workers import _BUNDLE
from pose_smoother.store import store, zarr_store
from pose_smoother.store.names import FRAME_ARRAYS

FRAMES = [10**n for n in range(4, 10)]
WORKERS = [2**n for n in range(10)]
PRICE_PER_CORE_HOUR = 0.05  # assumed; any currency
_SHARD_FRAMES = FRAME_ARRAYS["heatmaps"].shard_frames
_MIB = 1 << 20


@dataclass(frozen=True)
class Costs:
    """What was measured, a frame, clip, shard and task each."""

    start_s: float
    serial_s_a_frame: float
    parallel_cpu_s_a_frame: float
    scheduler_s_a_task: float
    client_mib: float
    bytes_a_clip: float
    memory_a_frame: float
    memory_a_shard: float
    manifest_a_shard: float
    store_a_frame: float
    frames_a_clip: float


def costs() -> Costs:
    """From the CSVs of the other parts of this benchmark."""
    builds = pd.read_csv(RESULTS / "scaling_builds.csv").sort_values("frames")
    memory = pd.read_csv(RESULTS / "scaling_memory.csv")
    tasks = pd.read_csv(RESULTS / "scaling_scheduler.csv")
    fed = tasks[tasks["way"] == "bounded"].sort_values("tasks").iloc[-1]
    most = builds.iloc[-1]
    stages = ("build_key", "scan_once", "plan_store", "close_store")
    alone_s = sum(most[f"{stage}_client_cpu_s"] for stage in stages)
    # Closing waits for the disk, one file after the other.
    serial_s = alone_s + most["close_store_s"] - most["close_store_client_cpu_s"]
    # MiB = base + clips x a + frames x b, by least squares over sizes and clip lengths.
    design = np.stack([np.ones(len(memory)), memory["clips"], memory["frames"]], axis=1)
    known, *_ = np.linalg.lstsq(design, memory["close_peak_mib"].to_numpy(float), rcond=None)
    return Costs(
        start_s=10.0,
        serial_s_a_frame=serial_s / most["frames"],
        parallel_cpu_s_a_frame=(most["cpu_s"] - alone_s) / most["frames"],
        scheduler_s_a_task=fed["scheduler_cpu_ms_a_task"] / 1e3,
        client_mib=known[0],
        bytes_a_clip=known[1] * _MIB,
        memory_a_frame=known[2] * _MIB,
        memory_a_shard=_memory_a_shard(),
        manifest_a_shard=most["manifest_bytes"] / most["shards"],
        store_a_frame=most["bytes_a_frame"],
        frames_a_clip=most["frames"] / most["clips"],
    )


def _memory_a_shard(n: int = 5_000) -> float:
    """What the manifest entry of a shard takes in the client."""
    name = "train/heatmaps/c/{}/0/0/0"
    entry = {"sha256": "f" * 64, "bytes": 70_000, "shard": "train/heatmaps/00000"}
    lines = [json.dumps({name.format(i): entry}) for i in range(n)]
    tracemalloc.start()
    kept = [json.loads(line) for line in lines]
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return used / len(kept)


def predict(cost: Costs, frames: float, workers: int) -> dict[str, float]:
    """One point of the model."""
    shards, clips = frames / _SHARD_FRAMES, frames / cost.frames_a_clip
    serial_s = cost.serial_s_a_frame * frames
    parallel_s = cost.parallel_cpu_s_a_frame * frames / workers
    dispatch_s = cost.scheduler_s_a_task * shards / _BUNDLE
    seconds = cost.start_s + serial_s + max(parallel_s, dispatch_s)
    grown = clips * cost.bytes_a_clip + frames * cost.memory_a_frame
    core_hours = (workers + 1) * seconds / 3600
    return {
        "frames": frames,
        "workers": workers,
        "hours": seconds / 3600,
        "serial_share": serial_s / seconds,
        "client_gib": (cost.client_mib + (grown + shards * cost.memory_a_shard) / _MIB) / 1024,
        "store_gib": frames * cost.store_a_frame / _MIB / 1024,
        "core_hours": core_hours,
        "money": core_hours * PRICE_PER_CORE_HOUR,
    }


def limits(cost: Costs) -> dict[str, tuple[float, str]]:
    """What breaks, at how many frames or workers."""
    shards = store._MAX_MANIFEST_BYTES / cost.manifest_a_shard
    table = zarr_store._MAX_CLIPS_BYTES / 8
    per_frame = predict(cost, 1e9, 512)["client_gib"] / 1e9
    pace = _BUNDLE * _SHARD_FRAMES / cost.scheduler_s_a_task
    return {
        "a client's 16 GiB of memory": (16 / per_frame, "frames"),
        "the reader's limit for a manifest (256 MiB)": (shards * _SHARD_FRAMES, "frames"),
        "the reader's limit for a column of the clips table, ids of 8 letters": (table, "clips"),
        "the scheduler's pace": (pace * cost.parallel_cpu_s_a_frame, "workers"),
        "the client's own work, and flushing at the end, take half of the time": (
            cost.parallel_cpu_s_a_frame / cost.serial_s_a_frame,
            "workers",
        ),
    }


def main() -> None:
    """Write the grid, and print costs and limits."""
    cost = costs()
    rows: list[dict[str, object]] = [
        {name: float(f"{value:.4g}") for name, value in predict(cost, f, w).items()}
        for f in FRAMES
        for w in WORKERS
    ]
    print(write_rows("scaling.csv", rows), file=sys.stderr)


def tables(cost: Costs) -> str:
    """Costs, limits and some predictions as Markdown."""
    lines = ["| measured | |", "|---|---|"]
    lines += [f"| {name.replace('_', ' ')} | {value:.3g} |" for name, value in vars(cost).items()]
    lines += ["", "| what breaks | at about |", "|---|---|"]
    found = sorted(limits(cost).items(), key=lambda item: (item[1][1], item[1][0]))
    lines += [f"| {what} | {value:,.2g} {unit} |" for what, (value, unit) in found]
    lines += ["", "| frames | workers | hours | client, GiB | store, GiB | core-hours | money |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for frames in FRAMES:
        for workers in (1, 16, 512):
            p = predict(cost, frames, workers)
            cells = [p["hours"], p["client_gib"], p["store_gib"], p["core_hours"], p["money"]]
            numbers = " | ".join(f"{value:.3g}" for value in cells)
            lines.append(f"| {frames:,} | {workers} | {numbers} |")
    return "\n".join(lines)


def put_into(page: Path, name: str, text: str) -> None:
    """Replace what stands between the page's marks of this name."""
    head, mark, rest = page.read_text().partition(f"<!-- {name} -->")
    _, end, tail = rest.partition(f"<!-- end of {name} -->")
    if not (mark and end):
        raise SystemExit(f"{page} has no marks of {name}")
    page.write_text(f"{head}{mark}\n{text}\n{end}{tail}")
