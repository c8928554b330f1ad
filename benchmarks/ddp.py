"""How far runs by two processes differ from those by one: losses, weights, results.

    python -m benchmarks.ddp --out benchmarks/results/ddp.csv

Every model on a small synthetic store, in float32 on the CPU (gloo), with batches that two
processes share evenly (16, or 4 of heatmaps) and unevenly (5, or 3). A row an epoch of one step, so
that ``history.csv`` holds the loss of every step. Beside the differences after the first steps
stand those at the end: rounding grows as Adam divides by the gradient's size. The bi-ConvLSTMs have
four windows and whole epochs instead: of 2 + 2, and of 3 + 1, where the last batch leaves one
process without any. DeciWatch and they are made again with changes that show where differences come
from (``benchmarks.changed_trainer``). Rows in the CSV of models that were not asked for stay.
"""

import argparse
import csv
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.changed_trainer import CHANGES, VARIABLE
from benchmarks.preempted_queue import small_store
from pose_smoother.bench.goals import machine_words
from pose_smoother.files.atomic import write_atomic
from trainer.models import model_module, models
from trainer.runs.checkpoint import LAST, read_checkpoint
from trainer.runs.folder import versions

HEAVY = ("biconvlstm-s", "biconvlstm-c")
_BATCHES = {"heatmaps": (4, 3), "coordinates": (16, 5)}
_TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node", "{n}", "-m")


@dataclass(frozen=True)
class Trial:
    """What one and several processes do alike.

    Attributes
    ----------
    batch : windows of all processes together.
    split : what becomes of them among two processes.
    experiment : 2.1 has 20 training windows in the small store, 2.3 has 4.
    changed : "" for the trainer as it is, or one of ``changed_trainer.CHANGES``.
    """

    model: str
    batch: int
    split: str
    experiment: str = "2.1"
    changed: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The command's own."""
        words = ("--model", self.model, "--exp", self.experiment, "--batch-size", str(self.batch))
        return words if self.model in HEAVY else (*words, "--max-steps", "1")


def trials(model: str) -> Iterator[Trial]:
    """A model's rows."""
    if model in HEAVY:
        for change in ("", "float64"):
            yield Trial(model, 2, "even", "2.3", change)
            yield Trial(model, 3, "uneven, last batch of 1", "2.3", change)
        return
    even, uneven = _BATCHES[model_module(model).CONSUMES]
    yield Trial(model, even, "even")
    yield Trial(model, uneven, "uneven")
    if model == "deciwatch":
        for change in CHANGES:
            yield Trial(model, uneven, "uneven", changed=change)


def made(store: Path, out: Path, trial: Trial, epochs: int, n_processes: int) -> Path:
    """A run's folder."""
    launch = [word.format(n=n_processes) for word in _TORCHRUN] if n_processes > 1 else []
    program = "benchmarks.changed_trainer" if trial.changed else "trainer"
    words = [sys.executable, "-m", *launch, program, "train", *trial.words]
    words += ["--max-epochs", str(epochs), "--precision", "float32", "--device", "cpu"]
    ended = subprocess.run(
        [*words, "--threads", "1", "--store", str(store), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", VARIABLE: trial.changed},
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr[-2000:])
    return out / f"{trial.model}-{trial.experiment}-seed0"


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
    numbers = {
        "train_loss_first_3_relative": relative[0][:3].max(),
        "train_loss_relative": relative[0].max(),
        "val_loss_relative": relative[1].max(),
        "weights": apart,
        "pck_percent": difference[is_pck].max(),
        "error_px": difference[results[0]["metric"] == "error_px"].max(),
    }
    equal = results[0]["n"].equals(results[1]["n"])
    shown = {name: f"{value:.2g}" for name, value in numbers.items()}
    return {"epochs": len(histories[0]), **shown, "counts_equal": equal}


def _kept(out: Path | None, made_anew: list[str]) -> list[dict[str, Any]]:
    """Rows of the CSV that are not made anew."""
    if out is None or not out.exists():
        return []
    with out.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["model"] not in made_anew]


def main() -> None:
    """Make the runs; print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(models()))
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    asked = args.models.split(",")
    rows = _kept(args.out, asked)
    about = {"machine": machine_words(), "torch": versions()["torch"]}
    with tempfile.TemporaryDirectory() as name:
        store = small_store(Path(name))
        for trial in (trial for model in asked for trial in trials(model)):
            place = Path(name) / f"{trial.batch}-{trial.changed}"
            n_all = args.processes
            one, two = (made(store, place / str(n), trial, args.epochs, n) for n in (1, n_all))
            row = {"model": trial.model, "processes": n_all, "batch": trial.batch}
            row |= {"split": trial.split, "changed": trial.changed or "nothing"}
            rows.append(row | compared(one, two) | about)
            print(", ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
            if args.out is not None:
                write_atomic(args.out, _csv(rows))


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[-1]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


if __name__ == "__main__":
    main()
