"""On a GPU: check that it agrees with the CPU, time every model, train the 24 runs in pieces.

    python -m benchmarks.gpu --store STORE.hdf5 --out RUNS --results FOLDER --minutes 9

Made for a lent machine where a command may take ten minutes: give the same command again until it
says that all runs are finished; finished runs are skipped, stopped ones continue. FOLDER gets
``gpu.csv`` (windows/s of the whole training step, and what an epoch of 207,072 windows would
take) and ``runs.tar.gz`` (every run's tables, without weights), which unpacks into a RUNS folder
that ``trainer report`` reads. Weights are not packed: on a fresh
machine unpack the archive into RUNS first, so that finished runs are skipped.
"""

import argparse
import csv
import platform
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import torch

from pipeline.contract.store import Store, open_store
from trainer.codec import positions_px
from trainer.experiments import EXPERIMENTS
from trainer.losses import batch_loss_of
from trainer.models import model_module, models
from trainer.run.config import TrainConfig, open_stream
from trainer.run.training import new_model
from trainer.step import Stepper, make_optimizer

EPOCH_WINDOWS = 207_072  # 60 % of the thesis's 345,120
KEPT = (".csv", ".json", ".npz")


def check_agreement(store: Store) -> list[str]:
    """What differs between CPU and GPU: noise and heatmaps must not, outputs within rounding."""
    problems = []
    for name in models():
        streams = {
            device: open_stream(TrainConfig(name, "1.1", device=device), store, "test")
            for device in ("cpu", "cuda")
        }
        here, there = (next(iter(streams[device].epoch(0))) for device in ("cpu", "cuda"))
        if not torch.equal(here.noisy, there.noisy.cpu()):
            problems.append(f"{name}: the noise differs")
        outputs = {}
        for device, batch in (("cpu", here), ("cuda", there)):
            config = TrainConfig(name, "1.1", device=device)
            model = new_model(TrainConfig(name, "1.1", device="cpu")).to(config.torch_device).eval()
            with torch.inference_mode():
                loss = batch_loss_of("mse", model_module(name))
                outputs[device] = loss(model, batch)[1].float().cpu()
        worst = (outputs["cpu"] - outputs["cuda"]).abs().max() / outputs["cpu"].abs().max()
        print(f"{name}: outputs on CPU and GPU differ by {worst:.1e} of the largest", flush=True)
        if not worst < 1e-2:
            problems.append(f"{name}: outputs differ by {worst:.1e}")
        assert positions_px(outputs["cpu"], streams["cpu"].consumes).shape == here.noisy.shape
    return problems


def windows_per_second(name: str, store: Store, seconds: float) -> float:
    """Windows a second of the whole training step, data included."""
    config = TrainConfig(name, "1.1", device="cuda")
    stream = open_stream(config, store, "train")
    model = new_model(config)
    optimizer = make_optimizer(model, config.learning_rate)
    batch_loss = batch_loss_of("mse", model_module(name))
    stepper = Stepper(model, optimizer, batch_loss, seed=0, epoch=1)
    n_windows, started = 0, 0.0
    for index, batch in enumerate(stream.epoch(1)):
        stepper.step(batch, index)
        if index == 20:  # warm by now
            torch.cuda.synchronize()
            started = time.monotonic()
        elif index > 20:
            n_windows += len(batch.window)
            if time.monotonic() - started > seconds:
                break
    torch.cuda.synchronize()
    return n_windows / (time.monotonic() - started)


def write_times(store: Store, results: Path) -> None:
    """Time every model and write ``gpu.csv``."""
    rows = []
    for name in models():
        rate = windows_per_second(name, store, 8.0)
        rows.append([name, 16, round(rate), round(EPOCH_WINDOWS / rate, 1)])
        print(f"{name}: {rate:,.0f} windows/s, {EPOCH_WINDOWS / rate:.1f} s an epoch", flush=True)
    with (results / "gpu.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["model", "batch", "windows_per_s", "s_per_epoch_of_207072"])
        writer.writerows(rows)
        device = f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
        writer.writerow([f"# {device}, Python {platform.python_version()}", "", "", ""])


def pack(runs: Path, results: Path) -> None:
    """Every run's tables as one archive."""
    with tarfile.open(results / "runs.tar.gz", "w:gz") as archive:
        for file in sorted(runs.rglob("*")):
            if file.suffix in KEPT:
                archive.add(file, file.relative_to(runs).as_posix())


def main() -> int:
    """Check, time (once), train until the time is over, pack."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of runs")
    parser.add_argument("--results", type=Path, required=True, help="gets gpu.csv and runs.tar.gz")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--exps", default=",".join(e.name for e in EXPERIMENTS))
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("error: no CUDA device here", file=sys.stderr)
        return 1
    deadline = time.monotonic() + 60 * arguments.minutes
    arguments.results.mkdir(parents=True, exist_ok=True)
    with open_store(arguments.store) as store:
        if problems := check_agreement(store):
            print("error: " + "; ".join(problems), file=sys.stderr)
            return 1
        if not (arguments.results / "gpu.csv").exists():
            write_times(store, arguments.results)
    left = max(0.5, (deadline - time.monotonic()) / 60 - 0.5)
    command = [sys.executable, "-m", "trainer", "sweep", "--store", str(arguments.store)]
    command += ["--out", str(arguments.out), "--exps", arguments.exps, "--device", "cuda"]
    command += ["--jobs", str(arguments.jobs), "--max-minutes", f"{left:.2f}"]
    code = subprocess.run(command, check=False).returncode
    pack(arguments.out, arguments.results)
    return code


if __name__ == "__main__":
    sys.exit(main())
