"""Row 2: training killed at random moments and in the middle of checkpoints."""

import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.faults import servers, shim
from tests.faults.harness import Attempt
from tests.faults.runs import RUN, run_differences, train_words, whole_run
from tests.faults.shim import Shim
from tests.faults.warm import Warm

NUMBER, FAULT = 2, "SIGKILL of train"
TRIES, SHARE = 300, 1
_CHAIN = 3


@dataclass
class Ready:
    """A store, an undisturbed run of it, how long it takes and how many file operations."""

    program: Warm
    shim: Shim
    store: Path
    whole: Path
    seconds: float
    n_operations: int


def needs() -> str:
    """The shim."""
    return shim.lacking()


def prepare(folder: Path) -> Ready:
    """An undisturbed run, its file operations counted."""
    program, store = servers.server("trainer"), servers.store_to_train()
    watcher = servers.watcher()
    watcher.set(folder / "runs", shim.COUNT)
    whole, seconds = whole_run(program, store, folder)
    n_operations = watcher.off()
    return Ready(program, watcher, store, whole, seconds, n_operations)


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Kill a run again and again, at random or between two file operations; then let it end."""
    words = train_words(ready.store, folder / "runs")
    run, log = folder / "runs" / RUN, folder / "log"
    run.parent.mkdir()
    found = Attempt(0)
    for _ in range(_CHAIN):
        while_writing = bool(rng.integers(2))
        if while_writing:
            at = int(rng.integers(ready.n_operations // 2))
            ready.shim.set(run.parent, shim.KILL, at=at)
        started = ready.program.start(words, log)
        if not while_writing:
            time.sleep(rng.uniform(0, ready.seconds))
            started.signal(signal.SIGKILL)
        ended = started.wait()
        ready.shim.off()
        if ended.code == 0:
            break
        if ended.code != -signal.SIGKILL:
            found.problems.append(f"exit code {ended.code}: {ended.said[-300:]}")
            break
        found.tries += 1
    ended = ready.program.run(words, log)
    if ended.code != 0:
        found.problems.append(f"the rerun ended with {ended.code}: {ended.said[-300:]}")
    elif harm := run_differences(run, ready.whole):
        found.problems.append(harm)
    found.tries = max(1, found.tries)
    return found
