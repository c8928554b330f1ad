"""Row 12: sweeps killed again and again, and their runs with them; every run once, none torn."""

import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.faults import servers, shim
from tests.faults.harness import Attempt
from tests.faults.shim import Shim
from tests.faults.warm import Warm
from trainer.runs.results_io import TIDY_KINDS, read_csv, read_results

NUMBER, FAULT = 12, "SIGKILL of sweep"
TRIES, SHARE = 200, 1
_PATIENCE_S = 1800.0
_EVERY_SMALL = 5  # one attempt in so many is a sweep of two runs; all others are of all 24


@dataclass(frozen=True)
class _Plan:
    """A kind of sweep: its options, its runs, and how often it is killed at most.

    ``longest`` is the power of ten of a small run's seconds after which it is killed at the latest.
    """

    options: tuple[str, ...]
    n_runs: int
    n_kills: int
    longest: float


_SMALL = _Plan(("--models", "deciwatch", "--exps", "1.2,2.2"), 2, 3, 0.3)
_FULL = _Plan((), 24, 40, 1.2)  # its slowest runs take eight times as long as a small one


@dataclass
class Ready:
    """The program watched, a store, an undisturbed small sweep's seconds a run.

    ``results`` are those of the first sweep that made a run: any other must give the same.
    """

    program: Warm
    shim: Shim
    store: Path
    seconds: float
    results: dict[str, bytes]

    def command(self, plan: _Plan, runs: Path) -> list[object]:
        """The command of a sweep: one training batch of one window, then validation and test."""
        words: list[object] = ["sweep", "--store", self.store, "--out", runs, "--no-baselines"]
        words += ["--max-epochs", 1, "--max-steps", 1, "--batch-size", 1, "--device", "cpu"]
        return [*words, "--threads", 1, *plan.options]


def needs() -> str:
    """The shim."""
    return shim.lacking()


def prepare(folder: Path) -> Ready:
    """A store of a few windows, and an undisturbed small sweep."""
    program, store = servers.server("trainer"), servers.store_to_train()
    ready = Ready(program, servers.watcher(), store, 0.0, {})
    ended = program.run(ready.command(_SMALL, folder / "runs"), folder / "log")
    assert ended.code == 0, ended.said
    ready.seconds = ended.seconds / _SMALL.n_runs
    assert _harm(ready, folder / "runs", _SMALL) == []
    return ready


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Kill a sweep, or a run of it between two file operations, until it has ended."""
    plan = _FULL if index % _EVERY_SMALL else _SMALL
    runs, log = folder / "runs", folder / "log"
    runs.mkdir()
    words = ready.command(plan, runs)
    found = Attempt(0)
    while found.tries < plan.n_kills:
        at = int(rng.integers(60)) if rng.integers(2) else -1
        ready.shim.set(runs, shim.KILL if at >= 0 else shim.OFF, at=at)
        started = ready.program.start(words, log)
        moment = time.monotonic() + ready.seconds * 10 ** rng.uniform(-1, plan.longest)
        while started.runs() and time.monotonic() < moment:
            time.sleep(0.01)
        # Its runs are sessions of their own; they see that their parent is gone.
        started.signal(signal.SIGKILL)
        ended = started.wait()
        ready.shim.off()
        if ended.code == 0:
            break
        found.tries += 1
    for _ in range(8):  # a run of the killed sweep may still be saving
        ended = ready.program.start(words, log).wait(_PATIENCE_S)
        if ended.code == 0:
            break
    if ended.code != 0:
        found.problems.append(f"the rerun ended with {ended.code}: {ended.said[-300:]}")
    found.problems += _harm(ready, runs, plan)
    found.notes[f"kills of a sweep of {plan.n_runs}"] = float(found.tries)
    found.tries = max(1, found.tries)
    return found


def _harm(ready: Ready, runs: Path, plan: _Plan) -> list[str]:
    """What is wrong with a finished sweep."""
    problems = []
    folders = [p for p in runs.iterdir() if p.is_dir() and not p.name.startswith(".")]
    if len(folders) != plan.n_runs:
        problems.append(f"{len(folders)} runs of {plan.n_runs}")
    for folder in folders:
        rows = read_results(folder)["rows"]
        if len(read_csv(folder / "results.csv", TIDY_KINDS)) != len(rows):
            problems.append(f"{folder.name}: results.csv and results.json differ")
        keys = Counter(
            tuple(row[name] for name in ("split", "dataset", "keypoint", "metric", "alpha"))
            for row in rows
        )
        if not rows or max(keys.values()) > 1:
            problems.append(f"{folder.name}: {keys.most_common(1)}")
        results = (folder / "results.csv").read_bytes()
        if ready.results.setdefault(folder.name, results) != results:
            problems.append(f"{folder.name}: other results than before")
    lines = (runs / "sweep.csv").read_text().splitlines()[1:]
    states = Counter(line.split(",")[1] for line in lines)
    names = {line.split(",")[0] for line in lines}
    if states != {"finished": plan.n_runs} or len(names) != plan.n_runs:
        problems.append(f"sweep.csv: {states}")
    if strays := [p.name for p in runs.rglob(".*") if p.name != ".logs"]:
        problems.append(f"strays: {strays}")
    return problems
