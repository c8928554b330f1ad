"""Time, memory, disk and money of a build against frames and workers, from what was measured.

    python -m benchmarks.scaling_model

It reads ``scaling_builds.csv``, ``scaling_memory.csv`` and ``scaling_scheduler.csv``, and writes
``scaling.csv`` and the tables of ``docs/scaling.md``. Times are of the processor: what waits for a
disk or a network is not in them. The largest builds are left out of the fit, and test it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.cluster.workers import _MAX_SHARDS_A_TASK
from pose_smoother.bench.goals import machine_words, versions_words
from pose_smoother.files.atomic import write_atomic
from pose_smoother.store.names import FRAME_ARRAYS
from pose_smoother.store.open import _MAX_MANIFEST_BYTES
from pose_smoother.store.zarr_store import _MAX_CLIPS_BYTES

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
FRAMES = [10**n for n in range(4, 10)]
WORKERS = [2**n for n in range(10)]
CLUSTER_START_S = 10.0  # assumed
PRICE_PER_CORE_HOUR = 0.05  # assumed; any currency
BYTES_A_SHARD = 824  # of the client's memory; measured at commit e05f2f1
_SHARD_FRAMES = FRAME_ARRAYS["heatmaps"].shard_frames
_MIB = 1 << 20


@dataclass(frozen=True)
class Costs:
    """What was measured, a frame, clip, shard, task or process each."""

    client_start_cpu_s: float
    client_cpu_s_a_frame: float
    worker_start_cpu_s: float
    workers_cpu_s_a_frame: float
    scheduler_cpu_s_a_task: float
    client_mib: float
    memory_bytes_a_clip: float
    memory_bytes_a_frame: float
    manifest_bytes_a_shard: float
    store_bytes_a_frame: float
    frames_a_clip: float

    def cpu_s(self, frames: float, workers: float) -> float:
        """Processor seconds of all processes of a build on one machine."""
        start_s = self.client_start_cpu_s + workers * self.worker_start_cpu_s
        return start_s + (self.client_cpu_s_a_frame + self.workers_cpu_s_a_frame) * frames

    def predict(self, frames: float, workers: int) -> dict[str, float]:
        """One point of the model: a build by a cluster."""
        shards, clips = frames / _SHARD_FRAMES, frames / self.frames_a_clip
        serial_s = self.client_cpu_s_a_frame * frames
        parallel_s = self.workers_cpu_s_a_frame * frames / workers
        dispatch_s = self.scheduler_cpu_s_a_task * shards / _MAX_SHARDS_A_TASK
        seconds = CLUSTER_START_S + serial_s + max(parallel_s, dispatch_s)
        grown = clips * self.memory_bytes_a_clip + frames * self.memory_bytes_a_frame
        grown += shards * BYTES_A_SHARD
        core_hours = (workers + 1) * seconds / 3600
        return {
            "frames": frames,
            "workers": workers,
            "hours": seconds / 3600,
            "serial_share": serial_s / seconds,
            "client_gib": (self.client_mib + grown / _MIB) / 1024,
            "store_gib": frames * self.store_bytes_a_frame / _MIB / 1024,
            "core_hours": core_hours,
            "money": core_hours * PRICE_PER_CORE_HOUR,
        }


def costs() -> Costs:
    """From the CSVs of what was measured."""
    builds = pd.read_csv(RESULTS / "scaling_builds.csv").sort_values("frames")
    memory = pd.read_csv(RESULTS / "scaling_memory.csv")
    tasks = pd.read_csv(RESULTS / "scaling_scheduler.csv")
    fed = tasks[tasks["way"] == "bounded"].sort_values("tasks").iloc[-1]
    most = builds.iloc[-1]
    fitted = builds[builds["frames"] < most["frames"]]
    client = _fit(fitted["client_cpu_s"], np.ones(len(fitted)), fitted["frames"])
    workers = _fit(fitted["workers_cpu_s"], fitted["workers"], fitted["frames"])
    held = np.stack([np.ones(len(memory)), memory["clips"], memory["frames"]], axis=1)
    known, *_ = np.linalg.lstsq(held, memory["close_peak_mib"].to_numpy(float))
    return Costs(
        *client,
        *workers,
        scheduler_cpu_s_a_task=fed["scheduler_cpu_ms_a_task"] / 1e3,
        client_mib=known[0],
        memory_bytes_a_clip=known[1] * _MIB,
        memory_bytes_a_frame=known[2] * _MIB,
        manifest_bytes_a_shard=most["manifest_bytes"] / most["shards"],
        store_bytes_a_frame=most["store_bytes"] / most["frames"],
        frames_a_clip=most["frames"] / most["clips"],
    )


def _fit(seconds: pd.Series, starts: object, frames: pd.Series) -> tuple[float, float]:
    """Seconds = start x the first + frames x the second, by least squares of relative errors."""
    design = np.stack([np.asarray(starts, float), frames.to_numpy(float)], axis=1)
    weight = 1 / seconds.to_numpy(float)
    found, *_ = np.linalg.lstsq(design * weight[:, None], np.ones(len(weight)))
    return float(found[0]), float(found[1])


def ratios(cost: Costs, builds: pd.DataFrame) -> pd.DataFrame:
    """Measured processor seconds over the model's: the mean of the rounds by frames and workers."""
    model = [cost.cpu_s(*point) for point in builds[["frames", "workers"]].itertuples(index=False)]
    both = (builds["client_cpu_s"] + builds["workers_cpu_s"]) / model
    return both.groupby([builds["frames"], builds["workers"]]).mean().unstack()


def limits(cost: Costs) -> list[tuple[str, float, str]]:
    """What breaks, at how many clips, frames or workers."""
    per_frame = cost.predict(1e9, 512)["client_gib"] / 1e9
    pace = _MAX_SHARDS_A_TASK * _SHARD_FRAMES / cost.scheduler_cpu_s_a_task
    manifest = _MAX_MANIFEST_BYTES / cost.manifest_bytes_a_shard * _SHARD_FRAMES
    return [
        ("the reader's limit for a column of the clips table, ids of 8 letters",
         _MAX_CLIPS_BYTES / 8, "clips"),
        (f"the reader's limit for a manifest ({_MAX_MANIFEST_BYTES >> 20} MiB)",
         manifest, "frames"),
        ("a client's 16 GiB of memory", 16 / per_frame, "frames"),
        ("the client's own work takes half of the time",
         cost.workers_cpu_s_a_frame / cost.client_cpu_s_a_frame, "workers"),
        ("the scheduler's pace", pace * cost.workers_cpu_s_a_frame, "workers"),
    ]  # fmt: skip


def tables(cost: Costs, builds: pd.DataFrame) -> str:
    """Ratios, costs, limits and some predictions as Markdown."""
    lines = ["| frames | measured over model, 1 worker | 2 workers |", "|---|---|---|"]
    for frames, row in ratios(cost, builds).iterrows():
        lines.append(f"| {frames:,} | {' | '.join(f'{ratio:.2f}' for ratio in row)} |")
    lines += ["", "| measured | |", "|---|---|"]
    lines += [f"| {name.replace('_', ' ')} | {value:.3g} |" for name, value in vars(cost).items()]
    lines += ["", "| what breaks | at about |", "|---|---|"]
    lines += [f"| {what} | {value:,.2g} {unit} |" for what, value, unit in limits(cost)]
    lines += ["", "| frames | workers | hours | client, GiB | store, GiB | core-hours | money |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for frames in FRAMES:
        for workers in (1, 16, 512):
            point = list(cost.predict(frames, workers).values())
            numbers = " | ".join(f"{value:.3g}" for value in (point[2], *point[4:]))
            lines.append(f"| {frames:,} | {workers} | {numbers} |")
    return "\n".join(lines)


def main() -> None:
    """Write the grid, and the tables between the page's marks."""
    cost, builds = costs(), pd.read_csv(RESULTS / "scaling_builds.csv")
    rows = [
        {name: float(f"{value:.4g}") for name, value in cost.predict(frames, workers).items()}
        for frames in FRAMES
        for workers in WORKERS
    ]
    known = {"machine": machine_words(), "versions": versions_words("numpy", "zarr", "dask")}
    grid = pd.DataFrame(rows).assign(**known)
    write_atomic(RESULTS / "scaling.csv", grid.to_csv(index=False, lineterminator="\n").encode())
    head, mark, rest = PAGE.read_text().partition("<!-- model -->\n")
    _, end, tail = rest.partition("\n<!-- end of model -->")
    if not (mark and end):
        raise SystemExit(f"{PAGE} has no marks of the model")
    write_atomic(PAGE, f"{head}{mark}{tables(cost, builds)}{end}{tail}".encode())


if __name__ == "__main__":
    main()
