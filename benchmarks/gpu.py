"""On a GPU: check that it agrees with the CPU, time every model, train the 24 runs, in pieces.

    python -m benchmarks.gpu --store STORE.hdf5 --out RUNS --results FOLDER --minutes 9

Made for a lent machine where a command may take ten minutes: give the same command again until it
says that all is done. What FOLDER holds already is not measured again, finished runs are skipped,
stopped ones continue. FOLDER gets ``gpu.csv`` (a row for each model, precision and way: the whole
training step and the bare one on a resident batch, and what an epoch of 207,072 windows takes),
``goals_gpu.csv`` (the bi-ConvLSTMs against the plain equations) and ``runs.tar.gz`` (every run's
tables, without weights), which unpacks into a RUNS folder that ``trainer report`` reads; on a fresh
machine unpack it into RUNS first. ``--no-train`` stops after the times.

It needs torch, numpy, h5py, scipy, pandas, click, tqdm and filelock, and no zarr: STORE is an HDF5
store. ``--device cpu --seconds 0 --no-train`` runs all of it but the training without a GPU.
"""

import argparse
import csv
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from pose_smoother.bench.goals import machine_words, versions_words, write_goals
from pose_smoother.store.open import open_store
from pose_smoother.store.store import Store
from trainer.bench.recurrent import PLAIN, recurrent_timings
from trainer.bench.steps import bare_step, resident_batch
from trainer.bench.table import recurrent_goal
from trainer.bench.turns import BARE, WHOLE, Enough, Turns, TurnsOfSteps
from trainer.data.stream import Batch
from trainer.experiments import EXPERIMENTS
from trainer.models import model_module, models
from trainer.models.codec import model_input, positions_px
from trainer.models.precision import computing_in
from trainer.runs.signals import Interrupt
from trainer.training.config import TrainConfig, open_stream, train_config
from trainer.training.loop import Training
from trainer.training.losses import batch_loss_of
from trainer.training.model_setup import new_model
from trainer.training.step import make_optimizer

EPOCH_WINDOWS = 207_072  # 60 % of the thesis's 345,120
#: Seconds an epoch may take (issue 4), at batch 16.
EPOCH_GOAL_S = {"3dconv": 20.0, "deciwatch": 15.0, "biconvlstm-s": 75.0, "biconvlstm-c": 75.0}
KEPT = (".csv", ".json", ".npz")
COLUMNS = (
    "model",
    "batch",
    "precision",
    "way",
    "ms_per_step",
    "windows_per_s",
    "s_per_epoch_of_207072",
    "goal_s",
    "steps_timed",
    "device",
    "versions",
)
#: Of the largest output; matrix units round to 10 bits where TensorFloat-32 is on, which it is not.
AGREEMENT = 1e-2
RECURRENT_BATCH = 16
_WARM = 10  # steps that are not timed


def check_agreement(store: Store, device: str) -> list[str]:
    """What differs between CPU and device: noise and heatmaps must not, outputs within rounding."""
    problems = []
    for name in models():
        here, there = (_first_batch(name, store, place) for place in ("cpu", device))
        for part in ("noisy", "keypoints", "annotated", "input", "target"):
            one, other = getattr(here, part), getattr(there, part)
            if one is not None and not torch.equal(one, other.cpu()):
                problems.append(f"{name}: {part} differs")
        consumes = model_module(name).CONSUMES
        outputs = []
        for place, batch in (("cpu", here), (device, there)):
            config = train_config(name, "1.1", device="cpu")
            model = new_model(config).to(train_config(name, "1.1", device=place).torch_device)
            with torch.inference_mode():
                outputs.append(model.eval()(model_input(batch, consumes)).float().cpu())
        worst = float((outputs[0] - outputs[1]).abs().max() / outputs[0].abs().max())
        print(f"{name}: outputs on CPU and {device} differ by {worst:.1e} of the largest")
        if not worst < AGREEMENT:
            problems.append(f"{name}: outputs differ by {worst:.1e}")
        assert positions_px(outputs[0], consumes).shape == here.noisy.shape
    return problems


def _first_batch(name: str, store: Store, device: str) -> Batch:
    return next(iter(open_stream(train_config(name, "1.1", device=device), store, "test").epoch(0)))


def whole_and_bare(config: TrainConfig, store: Store, seconds: float) -> dict[str, list[float]]:
    """Seconds of steps as ``trainer train`` makes them, and of bare ones, in turn."""
    bare = bare_step(config, resident_batch(config, store))
    with tempfile.TemporaryDirectory() as folder:
        training = Training(config, store, Path(folder))
        clock = Turns(bare, config.torch_device, 100_000, _WARM, seconds)
        with suppress(Enough):
            training.run(TurnsOfSteps(clock), Interrupt(), 1e9)
    return {"as trained": clock.timings.seconds[WHOLE], "bare": clock.timings.seconds[BARE]}


def unwaited(config: TrainConfig, store: Store, seconds: float) -> dict[str, list[float]]:
    """Mean seconds a step when nobody waits for the device in between, as in a training."""

    class Steady(TurnsOfSteps):
        """Stops after some seconds; the device is waited for at the first count and the last."""

        n_steps, begun, took = 0, 0.0, 0.0

        def batch(self, loss: Tensor) -> None:
            """One training step was given to the device."""
            self.n_steps += 1
            if self.n_steps == _WARM:
                _wait(config)
                self.begun = time.perf_counter()
            elif self.n_steps > _WARM and time.perf_counter() - self.begun > seconds:
                _wait(config)
                self.took = (time.perf_counter() - self.begun) / (self.n_steps - _WARM)
                raise Enough

    progress = Steady(Turns(lambda: None, config.torch_device, 1))
    with tempfile.TemporaryDirectory() as folder, suppress(Enough):
        Training(config, store, Path(folder)).run(progress, Interrupt(), 1e9)
    return {"as trained, unwaited": [progress.took] * (progress.n_steps - _WARM)}


def compiled(config: TrainConfig, store: Store, seconds: float) -> dict[str, list[float]]:
    """Bare steps of a model compiled by torch, with CUDA graphs where there are any."""
    module, batch = model_module(config.model), resident_batch(config, store)
    model = new_model(config).train()
    fast: nn.Module = torch.compile(model, mode="reduce-overhead")  # type: ignore[assignment]
    optimizer, batch_loss = make_optimizer(model, 1e-3), batch_loss_of(config.loss, module)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with computing_in(config.resolved_precision, config.torch_device):
            loss = batch_loss(fast, batch)[0]
        loss.backward()
        optimizer.step()

    for _ in range(4):
        step()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while not times or time.perf_counter() < until:
        _wait(config)
        begun = time.perf_counter()
        step()
        _wait(config)
        times.append(time.perf_counter() - begun)
    return {"bare, compiled": times}


def _wait(config: TrainConfig) -> None:
    if config.torch_device.type == "cuda":
        torch.cuda.synchronize()


Way = Callable[[TrainConfig, Store, float], dict[str, list[float]]]


def measurements(device: str, with_compile: bool) -> Iterator[tuple[TrainConfig, str, Way]]:
    """Everything to time: (configuration, key, way)."""
    for name in models():
        for precision in ("float32", "bfloat16"):
            config = replace(train_config(name, "1.1", device=device), precision=precision)
            yield config, "whole", whole_and_bare
            yield config, "unwaited", unwaited
            # The likelihood loss reads a second output, which a compiled forward does not give.
            if with_compile and config.loss == "mse":
                yield config, "compiled", compiled


def write_times(
    store: Store, results: Path, device: str, seconds: float, deadline: float, with_compile: bool
) -> bool:
    """Time what ``gpu.csv`` has not got yet; False when time ran out before."""
    path = results / "gpu.csv"
    rows: list[dict[str, object]] = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    done = {(str(row["model"]), str(row["precision"]), str(row["way"])) for row in rows}
    first_way = {"whole": "bare", "unwaited": "as trained, unwaited", "compiled": "bare, compiled"}
    for config, key, way in measurements(device, with_compile):
        if (config.model, config.precision, first_way[key]) in done:
            continue
        if time.monotonic() > deadline:
            return False
        try:
            timed = way(config, store, seconds)
        except (RuntimeError, NotImplementedError, AssertionError) as error:
            if key != "compiled":
                raise
            print(f"{config.model}, {config.precision}: not compiled: {str(error)[:200]}")
            timed = {"bare, compiled": []}
        rows += [_time_row(config, name, times) for name, times in timed.items()]
        _write(path, rows)
    return True


def _time_row(config: TrainConfig, way: str, times: list[float]) -> dict[str, object]:
    median_s = sorted(times)[len(times) // 2] if times else float("nan")
    epoch_s = EPOCH_WINDOWS / config.batch_size * median_s
    where = config.torch_device
    named = torch.cuda.get_device_name() if where.type == "cuda" else machine_words()
    print(f"{config.model}, {config.precision}, {way}: {epoch_s:.1f} s an epoch", flush=True)
    return {
        "model": config.model,
        "batch": config.batch_size,
        "precision": config.precision,
        "way": way,
        "ms_per_step": f"{1e3 * median_s:.4g}",
        "windows_per_s": f"{config.batch_size / median_s:.4g}",
        "s_per_epoch_of_207072": f"{epoch_s:.4g}",
        "goal_s": EPOCH_GOAL_S.get(config.model, ""),
        "steps_timed": len(times),
        "device": named,
        "versions": versions_words("torch", "numpy", "h5py"),
    }


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    aside = path.with_suffix(".tmp")
    with aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    aside.replace(path)


def write_recurrent(results: Path, device: torch.device, seconds: float, n_batch: int) -> None:
    """The bi-ConvLSTMs against the paper's equations, gate by gate."""
    goals = []
    for name in PLAIN:
        timings = recurrent_timings(name, device, n_batch, 50, seconds)
        note = f"batch {n_batch}, float32, {device.type}"
        goals.append(recurrent_goal(name, device, timings, note))
    write_goals(results / "goals_gpu.csv", goals, "torch")


def pack(runs: Path, results: Path) -> None:
    """Every run's tables as one archive."""
    with tarfile.open(results / "runs.tar.gz", "w:gz") as archive:
        for file in sorted(runs.rglob("*")):
            if file.suffix in KEPT:
                archive.add(file, file.relative_to(runs).as_posix())


def train_runs(arguments: argparse.Namespace, deadline: float) -> int:
    """Train what is not trained yet, until the deadline; the sweep's exit code (75: more to do)."""
    left = max(0.5, (deadline - time.monotonic()) / 60 - 0.5)
    command = [sys.executable, "-m", "trainer", "sweep", "--store", str(arguments.store)]
    command += ["--out", str(arguments.out), "--exps", arguments.exps]
    command += ["--models", arguments.models, "--device", arguments.device]
    command += ["--jobs", str(arguments.jobs), "--max-minutes", f"{left:.2f}"]
    code = subprocess.run(command, check=False).returncode
    pack(arguments.out, arguments.results)
    return code


def parsed(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of runs")
    parser.add_argument("--results", type=Path, required=True, help="gets the tables")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--exps", default=",".join(e.name for e in EXPERIMENTS))
    parser.add_argument("--models", default="thesis", help="of the training: names, thesis or all")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each timing")
    parser.add_argument("--recurrent-batch", type=int, default=RECURRENT_BATCH)
    parser.add_argument("--no-compile", action="store_true", help="don't time compiled models")
    parser.add_argument("--no-train", action="store_true", help="check and time only")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Check, time, train until the minutes are over, pack."""
    arguments = parsed(argv)
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("error: no CUDA device here", file=sys.stderr)
        return 1
    deadline = time.monotonic() + 60 * arguments.minutes
    results: Path = arguments.results
    results.mkdir(parents=True, exist_ok=True)
    with open_store(arguments.store) as store:
        if problems := check_agreement(store, arguments.device):
            print("error: " + "; ".join(problems), file=sys.stderr)
            return 1
        timed = write_times(
            store,
            results,
            arguments.device,
            arguments.seconds,
            deadline - 60,
            not arguments.no_compile,
        )
    if not timed:
        print("more to time: give the same command again")
        return 75
    if not (results / "goals_gpu.csv").exists():
        device = torch.device(arguments.device)
        write_recurrent(results, device, arguments.seconds, arguments.recurrent_batch)
    if arguments.no_train:
        return 0
    if deadline - time.monotonic() < 60:
        print("times are known; give the same command again to train")
        return 75
    return train_runs(arguments, deadline)


if __name__ == "__main__":
    sys.exit(main())
