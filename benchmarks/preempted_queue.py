"""A sweep whose runs are preempted and killed at random until all are done.

    python -m benchmarks.preempted_queue --seed 0 --out benchmarks/results/preempted_queue.csv

A small synthetic store; the thesis's 24 runs, of one step and one epoch each, as jobs of submitit's
local executor (no SLURM is needed, and none is tested). A run that is seen at work is struck with
probability one half, within 1.5 seconds: by SIGTERM (preemption), by SIGKILL (its machine is
gone), or its whole job is told to make room, as SLURM does, by SIGUSR2. The queue must begin it
again. In the end every run is there once, and whole.
"""

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.build import preprocess
from pipeline.config import BuildConfig
from pipeline.ingest import Inputs
from pipeline.sources import SourceOptions
from pose_smoother.bench.goals import machine_words
from tests.pipeline.penn_files import write_labels
from trainer.runs.folder import versions
from trainer.runs.results_io import TIDY_KINDS, load, read_csv, read_results

THESIS = ("deciwatch", "3dconv", "biconvlstm-s", "biconvlstm-c")
EXPERIMENTS = ("1.1", "1.2", "1.3", "2.1", "2.2", "2.3")
_HIT, _LONGEST_S = 0.5, 1.5
_LOOK_S = 0.1


@dataclass
class Preempter:
    """Strikes runs at random; what it does depends on the seed and on when runs are seen.

    Attributes
    ----------
    spared : the sweep's own process, which holds a run's lock for a moment before it begins it.
    strikes : by the signal's name.
    begun : processes of runs that were seen at work.
    """

    runs: Path
    seed: int
    spared: int
    strikes: Counter[str] = field(default_factory=Counter)
    begun: set[tuple[str, int]] = field(default_factory=set)
    _due: dict[tuple[str, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def look(self) -> None:
        """See who is at work, and strike those whose time has come."""
        for file in self.runs.glob(".*-seed*.owner.json"):
            with suppress(OSError, ValueError, KeyError):
                found = (file.name, int(json.loads(file.read_text())["pid"]))
                if found not in self.begun and found[1] != self.spared:
                    self.begun.add(found)
                    if self._random.random() < _HIT:
                        self._due[found] = time.monotonic() + self._random.uniform(0, _LONGEST_S)
        for (name, pid), when in list(self._due.items()):
            if time.monotonic() > when:
                del self._due[name, pid]
                self._strike(pid)

    def _strike(self, pid: int) -> None:
        number = self._random.choice([signal.SIGTERM, signal.SIGKILL, signal.SIGUSR2])
        with suppress(OSError):
            target = job_of(pid) if number == signal.SIGUSR2 else pid
            if target is None:  # not begun by a queue
                number, target = signal.SIGTERM, pid
            os.kill(target, number)
            self.strikes[number.name.lower()] += 1


def job_of(pid: int) -> int | None:
    """The process of submitit's that began a run, or None."""
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    is_queues = b"submitit" in Path(f"/proc/{parent}/cmdline").read_bytes()
    return parent if is_queues else None


def small_store(folder: Path) -> Path:
    """A store with a window or a few in each split, at both steps."""
    labels = write_labels(folder / "labels", [9] * 6)
    preprocess(
        Inputs({"penn-action": labels}, SourceOptions()),
        folder / "store",
        BuildConfig(),
        "zarr",
        1,
        progress=False,
    )
    return folder / "store"


def sweep_words(
    store: Path, runs: Path, launcher: Sequence[str], models: Sequence[str], exps: Sequence[str]
) -> list[str]:
    """The command of the sweep."""
    words = [sys.executable, "-m", "trainer", "sweep", "--store", str(store), "--out", str(runs)]
    words += ["--models", ",".join(models), "--exps", ",".join(exps), "--no-baselines"]
    words += ["--max-epochs", "1", "--max-steps", "1", "--batch-size", "2", "--device", "cpu"]
    return [*words, "--checkpoint-minutes", "0", "--jobs", "2", "--again", *launcher]


def run_struck(words: Sequence[str], runs: Path, seed: int, log: Path) -> Preempter:
    """Run a sweep to its end while its runs are struck.

    Raises
    ------
    RuntimeError : the sweep did not end well; tells its last words.
    """
    with log.open("wb") as file:
        sweep = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT)
    preempter = Preempter(runs, seed, sweep.pid)
    try:
        while sweep.poll() is None:
            preempter.look()
            time.sleep(_LOOK_S)
    finally:
        if sweep.poll() is None:
            sweep.terminate()
            sweep.wait()
    if sweep.returncode != 0:
        raise RuntimeError(f"exit code {sweep.returncode}: {log.read_text()[-2000:]}")
    return preempter


def problems(runs: Path, n_runs: int) -> list[str]:
    """What is wrong with the folder of a finished sweep; nothing, if all is well."""
    found = []
    folders = sorted(p for p in runs.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(folders) != n_runs:
        found.append(f"{len(folders)} runs of {n_runs}")
    for folder in folders:
        if len(read_csv(folder / "results.csv", TIDY_KINDS)) != len(read_results(folder)["rows"]):
            found.append(f"{folder.name}: results.csv and results.json differ")
        found += [f"{stray} is left" for stray in folder.glob(".*")]
    table = load(runs)
    keys = table.columns.difference(["value", "n"])
    if table.duplicated(keys).any():
        found.append("a number is there twice")
    with (runs / "sweep.csv").open() as file:
        finished = [row["run"] for row in csv.DictReader(file) if row["state"] == "finished"]
    if sorted(finished) != [folder.name for folder in folders]:
        found.append(f"sweep.csv: {len(finished)} finished")
    return found


def main() -> None:
    """Run the queue, print and write what happened."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--launcher", choices=["submitit", "dask", "local"], default="submitit")
    parser.add_argument("--models", default=",".join(THESIS))
    parser.add_argument("--exps", default=",".join(EXPERIMENTS))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    models, exps = args.models.split(","), args.exps.split(",")
    n_runs = len(models) * len(exps)
    launcher = ["--launcher", args.launcher]
    launcher += ["--cluster", "local"] if args.launcher == "submitit" else []
    with tempfile.TemporaryDirectory() as name:
        folder, runs = Path(name), Path(name) / "runs"
        words = sweep_words(small_store(folder), runs, launcher, models, exps)
        preempter = run_struck(words, runs, args.seed, folder / "log")
        wrong = problems(runs, n_runs)
        n_rows = len({run.parent.name for run in runs.glob("*/results.csv")})
    row = {
        "launcher": args.launcher,
        "seed": args.seed,
        "runs": n_runs,
        **{name: preempter.strikes[name] for name in ("sigterm", "sigkill", "sigusr2")},
        "begun": len(preempter.begun),
        "rows": n_rows,
        "problems": "; ".join(wrong) or "none",
        "machine": machine_words(),
        "torch": versions()["torch"],
    }
    print(", ".join(f"{name} {value}" for name, value in row.items()))
    if args.out is not None:
        with args.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(row), lineterminator="\n")
            writer.writeheader()
            writer.writerow(row)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
