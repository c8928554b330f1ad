"""Training's time, memory and money against frames and workers, from what was measured.

A worker is one core. A step is shared by processes: forward and backward passes shrink with a
process's part of the batch; the optimizer and the rest of the loop do not, and gradients are
exchanged. No run has more workers than its batch has windows. Nothing here was measured on a GPU:
its column is arithmetic, operations over published peaks, which no program reaches.
"""

import math
import re
import statistics
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.scaling.model import FRAMES, PRICE_PER_CORE_HOUR, WORKERS
from benchmarks.scaling.resident import CSV as RESIDENT
from benchmarks.scaling.rows import RESULTS, write_rows

CSV = "scaling_training.csv"
MOST_EPOCHS = 50  # the stopping rule's last word; DESIGN section 8
TRAIN_SHARE, VAL_SHARE, TEST_SHARE = 0.6, 0.2, 0.2
NETWORK_GBYTES_PER_S = 1.25  # assumed: 10 Gbit/s Ethernet
EXCHANGE_LATENCY_S = 1e-4  # assumed
#: An H100 SXM's by its data sheet: dense bfloat16 products, and memory.
GPU_TFLOP_PER_S, GPU_TBYTES_PER_S = 989.0, 3.35
PRICE_PER_GPU_HOUR = 3.0  # assumed; the currency of a core-hour's price
_RUNS = RESULTS.parent.parent / "docs" / "results" / "runs"
_FIXED = ("optimizer", "other")  # parts of a step that are the same however few the windows


@dataclass(frozen=True)
class Step:
    """What training a model was measured to cost.

    Attributes
    ----------
    batch : windows a step.
    core_s : of a step, one core's seconds, in each of the three benchmarks.
    val_core_s : of a validation batch, metrics included.
    fixed_share : of a step's time, what does not shrink with a process's part of the batch.
    gradient_mbytes : exchanged every step.
    gpu_floor_s : a step's operations, or bytes, at a GPU's published peaks; the longer.
    epochs : mean of the committed runs of it, else the most that the rule allows.
    n_runs : of those.
    """

    model: str
    batch: int
    core_s: tuple[float, float, float]
    val_core_s: float
    fixed_share: float
    gradient_mbytes: float
    gpu_floor_s: float
    epochs: float
    n_runs: int

    @property
    def median_core_s(self) -> float:
        """The model's step: loads differed between the three benchmarks."""
        return statistics.median(self.core_s)


@dataclass(frozen=True)
class Held:
    """What a process holds: MiB = base + frames x bytes, of a split's training frames."""

    base_mib: float
    bytes_a_frame: float
    windows_a_frame: float
    read_s_a_frame: float


def _n_threads(words: str) -> int:
    found = re.search(r"(\d+) threads?", words)
    if found is None:
        raise SystemExit(f"no number of threads in {words!r}")
    return int(found[1])


def steps() -> dict[str, Step]:
    """Every model's, from ``goals_trainer``, ``profile``, ``roofline`` and ``cost`` (CSVs)."""
    measured = pd.read_csv(RESULTS / "goals_trainer.csv").drop_duplicates("what")
    goals = measured.set_index("what").to_dict("index")
    roofline = pd.read_csv(RESULTS / "roofline.csv").set_index("model").to_dict("index")
    profile = pd.read_csv(RESULTS / "profile.csv")
    parameters = pd.read_csv(RESULTS / "cost.csv").set_index("model")["parameters"].to_dict()
    found = {}
    for model, floor in roofline.items():
        name = str(model)
        goal = goals[f"training step, {name}"]
        mine = profile[profile["model"] == name]
        threads = _n_threads(str(mine["conditions"].iloc[0]))
        parts = mine[mine["phase"] == "training"].set_index("part")["ms_per_batch"]
        val_ms = mine.loc[mine["phase"] == "validation", "ms_per_batch"].sum()
        epochs, n_runs = _epochs(name)
        found[name] = Step(
            model=name,
            batch=int(floor["batch"]),
            core_s=(
                goal["what_s"] * _n_threads(goal["note"]),
                parts.sum() * threads / 1e3,
                floor["measured_ms"] * _n_threads(floor["conditions"]) / 1e3,
            ),
            val_core_s=val_ms * threads / 1e3,
            fixed_share=parts[list(_FIXED)].sum() / parts.sum(),
            gradient_mbytes=4e-6 * parameters[name],
            gpu_floor_s=1e-3
            * max(
                floor["gflop"] / GPU_TFLOP_PER_S,
                floor["gbytes_of_operators"] / GPU_TBYTES_PER_S,
            ),
            epochs=epochs,
            n_runs=n_runs,
        )
    return found


def _epochs(model: str) -> tuple[float, int]:
    """Epochs that committed runs took, and how many runs those were."""
    lengths = [len(pd.read_csv(file)) for file in sorted(_RUNS.glob(f"{model}-*/history.csv"))]
    return (statistics.mean(lengths), len(lengths)) if lengths else (MOST_EPOCHS, 0)


def held(model: str) -> Held:
    """By least squares over the stores that were opened."""
    table = pd.read_csv(RESULTS / RESIDENT)
    read = model if model in set(table["model"]) else "deciwatch"  # without exact positions
    mine = table[table["model"] == read]
    frames = mine["frames"].to_numpy(float)
    mib = np.polyfit(frames, mine["peak_mib"], 1)
    seconds = np.polyfit(frames, mine["cpu_s"], 1)
    most = mine.sort_values("frames").iloc[-1]
    return Held(mib[1], mib[0] * 2**20, most["windows"] / most["frames"], max(seconds[0], 0.0))


def step_s(step: Step, workers: int) -> float:
    """A step's seconds with its batch shared by so many workers, at most one a window."""
    sharing = min(workers, step.batch)
    part = math.ceil(step.batch / sharing) / step.batch
    computing = step.median_core_s * (step.fixed_share + (1 - step.fixed_share) * part)
    return computing + exchange_s(step, sharing)


def exchange_s(step: Step, workers: int) -> float:
    """Of gradients, around a ring: each worker sends and takes nearly twice all of them."""
    if workers == 1:
        return 0.0
    sent_gbytes = 2 * step.gradient_mbytes / 1e3 * (workers - 1) / workers
    return sent_gbytes / NETWORK_GBYTES_PER_S + EXCHANGE_LATENCY_S


def predict(step: Step, holds: Held, frames: float, workers: int) -> dict[str, float]:
    """One run on so many boxed frames of a store: training to its end, and the test."""
    windows = frames * holds.windows_a_frame
    n_steps = math.ceil(TRAIN_SHARE * windows / step.batch)
    sharing = min(workers, step.batch)
    judged = VAL_SHARE * windows * step.epochs + TEST_SHARE * windows
    # Batches are judged whole, so as many processes as there are batches can share them.
    judging_s = judged / step.batch * step.val_core_s / sharing
    reading_s = frames * holds.read_s_a_frame
    seconds = reading_s + step.epochs * n_steps * step_s(step, workers) + judging_s
    core_hours = workers * seconds / 3600
    gpu_s = step.epochs * n_steps * step.gpu_floor_s
    return {
        "frames": frames,
        "workers": workers,
        "steps_an_epoch": n_steps,
        "epochs": step.epochs,
        "step_s": step_s(step, workers),
        "hours": seconds / 3600,
        "exchange_share": exchange_s(step, sharing) / step_s(step, workers),
        "gib_a_worker": (holds.base_mib + TRAIN_SHARE * frames * holds.bytes_a_frame / 2**20)
        / 1024,
        "core_hours": core_hours,
        "money": core_hours * PRICE_PER_CORE_HOUR,
        "one_gpu_floor_hours": gpu_s / 3600,
        "one_gpu_floor_money": gpu_s / 3600 * PRICE_PER_GPU_HOUR,
    }


def limits(known: dict[str, Step]) -> list[tuple[str, float, str]]:
    """What breaks, at how many workers or frames."""
    found = []
    for name, step in known.items():
        counts = range(2, step.batch + 1)
        ideal = [(n, step.median_core_s / n / step_s(step, n)) for n in counts]
        poor = next((n for n, efficiency in ideal if efficiency < 0.5), None)
        if poor is not None:
            what = f"{name}: more than half of the workers' time is lost (fixed parts, exchange)"
            found.append((what, float(poor), "workers a run"))
        what = f"{name}: a run of {step.epochs:.0f} epochs takes a month of 16 cores"
        found.append((what, _frames_of_hours(step, held(name), 30 * 24.0, 16), "frames"))
        base, grown = held(name).base_mib, held(name).bytes_a_frame * TRAIN_SHARE / 2**20
        what = f"{name}: the positions that every process holds reach 16 GiB"
        found.append((what, (16 * 1024 - base) / grown, "frames"))
    batch = min(step.batch for step in known.values())
    found.append(
        (f"a run with batches of {batch} has no window for another worker", batch, "workers")
    )
    found.append(("24 such runs side by side, a sweep, have none either", 24 * batch, "workers"))
    return sorted(found, key=lambda one: (one[2], one[1]))


def _frames_of_hours(step: Step, holds: Held, hours: float, workers: int) -> float:
    """Hours grow in proportion to frames."""
    return hours / predict(step, holds, 1e8, workers)["hours"] * 1e8


def main() -> None:
    """Write the grid."""
    rows: list[dict[str, object]] = []
    for name, step in steps().items():
        holds = held(name)
        for frames in FRAMES:
            for workers in WORKERS:
                point = predict(step, holds, frames, workers)
                numbers = {key: float(f"{value:.4g}") for key, value in point.items()}
                rows.append({"model": name, **numbers})
    print(write_rows(CSV, rows), file=sys.stderr)


def tables(known: dict[str, Step]) -> str:
    """Steps, limits and some predictions as Markdown."""
    head = "| model | batch | core-seconds a step: goals, profile, roofline | a validation batch |"
    head += " fixed share | gradients, MB | epochs (of runs) | one H100's floor a step, ms |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for name, step in known.items():
        three = ", ".join(f"{seconds:.3g}" for seconds in step.core_s)
        epochs = f"{step.epochs:.0f} ({step.n_runs})" if step.n_runs else f"{MOST_EPOCHS} (at most)"
        cells = [name, step.batch, three, f"{step.val_core_s:.3g}", f"{step.fixed_share:.2g}"]
        cells += [f"{step.gradient_mbytes:.3g}", epochs, f"{1e3 * step.gpu_floor_s:.2g}"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += ["", "| what breaks | at about |", "|---|---|"]
    lines += [f"| {what} | {value:,.2g} {unit} |" for what, value, unit in limits(known)]
    head = "| one run of | frames | steps an epoch | hours, 1 core | 16 | 512 | core-hours, 16 |"
    lines += ["", head + " money, 16 | GiB a worker | one H100's floor, hours |"]
    lines += ["|---|---|---|---|---|---|---|---|---|---|"]
    for name, step in known.items():
        for frames in FRAMES[1::2]:
            alone, some, most = (predict(step, held(name), frames, n) for n in (1, 16, 512))
            cells = [alone["hours"], some["hours"], most["hours"], some["core_hours"]]
            cells += [some["money"], some["gib_a_worker"], some["one_gpu_floor_hours"]]
            numbers = " | ".join(f"{value:.3g}" for value in cells)
            lines.append(f"| {name} | {frames:,} | {alone['steps_an_epoch']:,} | {numbers} |")
    return "\n".join(lines)
