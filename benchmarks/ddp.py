"""How far runs by two processes differ from those by one: losses, weights, results.

    python -m benchmarks.ddp --out benchmarks/results/ddp.csv

Every model on a small synthetic store, in float32 on the CPU (gloo), with batches that two
processes share evenly (16, or 4 of heatmaps) and unevenly (5, or 3). A row an epoch of one step, so
that ``history.csv`` holds the loss of every step. Beside the differences after the first steps
stand those at the end: rounding grows as Adam divides by the gradient's size.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.preempted_queue import small_store
from pipeline.contract.goals import machine_words
from trainer.checkpoint import LAST, read_checkpoint
from trainer.models import model_module, models
from trainer.run.folder import versions

EXPERIMENT = "2.1"
_BATCHES = {"heatmaps": (4, 3), "coordinates": (16, 5)}
_TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node", "{n}", "-m")


def made(store: Path, out: Path, model: str, batch: int, steps: int, n_processes: int) -> Path:
    """A run's folder."""
    launch = [word.format(n=n_processes) for word in _TORCHRUN] if n_processes > 1 else []
    words = [sys.executable, "-m", *launch, "trainer", "train", "--model", model]
    words += ["--exp", EXPERIMENT, "--batch-size", str(batch), "--max-epochs", str(steps)]
    words += ["--max-steps", "1", "--precision", "float32", "--device", "cpu", "--threads", "1"]
    ended = subprocess.run(
        [*words, "--store", str(store), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr[-2000:])
    return out / f"{model}-{EXPERIMENT}-seed0"


def compared(one: Path, two: Path) -> dict[str, Any]:
    """The largest differences between two runs of the same configuration."""
    histories = [pd.read_csv(run / "history.csv") for run in (one, two)]
    relative = [
        (histories[1][loss] / histories[0][loss] - 1).abs() for loss in ("train_loss", "val_loss")
    ]
    weights = [read_checkpoint(run / LAST)["model"] for run in (one, two)]
    apart = max(float((weights[0][k] - weights[1][k]).abs().max()) for k in weights[0])
    results = [pd.read_csv(run / "results.csv") for run in (one, two)]
    difference = (results[1]["value"] - results[0]["value"]).abs()
    is_pck = results[0]["metric"].str.startswith("pck")
    return {
        "steps": len(histories[0]),
        "train_loss_first_3_relative": relative[0][:3].max(),
        "train_loss_relative": relative[0].max(),
        "val_loss_relative": relative[1].max(),
        "weights": apart,
        "pck_percent": difference[is_pck].max(),
        "error_px": difference[results[0]["metric"] == "error_px"].max(),
        "counts_equal": results[0]["n"].equals(results[1]["n"]),
    }


def main() -> None:
    """Make the runs; print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(models()))
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        store = small_store(Path(name))
        for model in args.models.split(","):
            for batch in _BATCHES[model_module(model).CONSUMES]:
                one, two = (
                    made(store, Path(name) / f"{batch}-{n}", model, batch, args.steps, n)
                    for n in (1, args.processes)
                )
                split = "uneven" if batch % args.processes else "even"
                row = {"model": model, "processes": args.processes, "batch": batch, "split": split}
                rows.append(row | compared(one, two))
                print(", ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    about = {"machine": machine_words(), "torch": versions()["torch"]}
    if args.out is not None:
        with args.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0], *about], lineterminator="\n")
            writer.writeheader()
            writer.writerows({**row, **about} for row in rows)


if __name__ == "__main__":
    main()
