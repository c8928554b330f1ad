"""Row 12: sweeps killed again and again; every run once, none torn."""

import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.faults import servers
from tests.faults.harness import Attempt
from tests.faults.warm import Warm
from trainer.results.runs import TIDY_KINDS, read_csv, read_results

NUMBER, FAULT = 12, "SIGKILL of sweep"
TRIES, SHARE = 200, 1
_SMALL = ("--models", "deciwatch", "--exps", "1.2,2.2")
_EVERY_FULL = 10  # one attempt in so many is a sweep of all 24 runs
_KILLS = {False: 2, True: 20}


@dataclass
class Ready:
    """The program, and a store."""

    program: Warm
    store: Path


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> Ready:
    """A store of a few windows."""
    del folder
    return Ready(servers.server("trainer"), servers.store_to_train())


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Kill a sweep some times, with or without its runs; then let it end."""
    full = index % _EVERY_FULL == _EVERY_FULL - 1
    runs, log = folder / "runs", folder / "log"
    words: list[object] = ["sweep", "--store", ready.store, "--out", runs, "--no-baselines"]
    words += ["--max-epochs", 1, "--max-steps", 1, "--device", "cpu", *(() if full else _SMALL)]
    found = Attempt(0)
    for _ in range(_KILLS[full]):
        started = ready.program.start(words, log)
        time.sleep(rng.uniform(0.2, 8.0))
        # Its runs are sessions of their own; they see that their parent is gone.
        started.signal(signal.SIGKILL)
        ended = started.wait()
        if ended.code == 0:
            break
        found.tries += 1
    for _ in range(5):  # a run of the killed sweep may still be saving
        ended = ready.program.run(words, log)
        if ended.code == 0:
            break
    if ended.code != 0:
        found.problems.append(f"the rerun ended with {ended.code}: {ended.said[-300:]}")
    n_runs = 24 if full else 2
    found.problems += _harm(runs, n_runs)
    found.tries = max(1, found.tries)
    return found


def _harm(runs: Path, n_runs: int) -> list[str]:
    """What is wrong with a finished sweep."""
    problems = []
    folders = [p for p in runs.iterdir() if p.is_dir() and not p.name.startswith(".")]
    if len(folders) != n_runs:
        problems.append(f"{len(folders)} runs of {n_runs}")
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
    lines = (runs / "sweep.csv").read_text().splitlines()[1:]
    states = Counter(line.split(",")[1] for line in lines)
    if states != {"finished": n_runs} or len({line.split(",")[0] for line in lines}) != n_runs:
        problems.append(f"sweep.csv: {states}")
    if strays := [p.name for p in runs.rglob(".*") if p.name != ".logs"]:
        problems.append(f"strays: {strays}")
    return problems
