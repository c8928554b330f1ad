"""Row 8: a power cut at any moment of a build or a run; unflushed writes are lost or reordered."""

import shutil
from pathlib import Path

import numpy as np

from pipeline.verify import verify
from pose_smoother.errors import PoseSmootherError
from tests.faults import shim
from tests.faults.harness import Attempt
from tests.faults.power import Disk
from tests.faults.rows import row07_disk as disk
from tests.faults.runs import RUN
from trainer.runs import checkpoint
from trainer.runs.results_io import RESULTS_JSON, read_json

NUMBER, FAULT = 8, "power cuts: unflushed writes lost or reordered"
TRIES, SHARE = 200, 12
_RERUN_EVERY = 10  # of the states, a command is run again on one in so many


def needs() -> str:
    """The shim."""
    return shim.lacking()


def prepare(folder: Path) -> disk.Ready:
    """Recorded builds and a run."""
    return disk.prepare(folder)


def attempt(ready: disk.Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Cut the power at a random operation; look at what is left, and now and then go on from it."""
    task = disk.TASKS[index % 3]
    place, operations = ready.recorded[task]
    # Half of the cuts come late, where manifests, checkpoints and renames are.
    n_all = len(operations)
    low = 0 if rng.integers(2) else n_all * 3 // 4
    n_done = int(rng.integers(low, n_all + 1))
    before = Disk(place)
    before.play(operations[:n_done])
    left = folder / "left"
    before.cut_power(left, rng)
    found, case = Attempt(), f"{task} cut after operation {n_done} of {n_all}"
    problem = _run_problem(left / RUN) if task == "train" else _store_problem(left / "store")
    if problem:
        found.problems.append(f"{case}: {problem}")
    if index % _RERUN_EVERY == 0:
        ended = ready.program(task).run(ready.command(task, left), folder / "log")
        if ended.code != 0 and "already exists" not in ended.said:
            found.problems.append(f"{case}: the rerun ended with {ended.code}: {ended.said[-300:]}")
        elif harm := ready.harm(task, left):
            found.problems.append(f"{case}: {harm}")
    shutil.rmtree(left)
    return found


def _store_problem(store: Path) -> str:
    """A store that can be opened is whole."""
    if not (store / "MANIFEST.json").exists():
        return ""
    try:
        return "; ".join(f"{name} {why}" for name, why in verify(store).problems.items())
    except PoseSmootherError as error:
        return str(error)


def _run_problem(run: Path) -> str:
    """Checkpoints that were begun once always leave one that loads; results are whole."""
    try:
        checkpoint.load_last(run)
        if (run / RESULTS_JSON).exists():
            read_json(run / RESULTS_JSON, "")
    except PoseSmootherError as error:
        return str(error)
    return ""
