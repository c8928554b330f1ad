"""Row 19: a finished run is trained again and the new one dies; a finished run is always there."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np

from tests.faults.forked import run_all
from tests.faults.harness import Attempt
from trainer.runs.folder import RunFolder
from trainer.runs.layout import CONFIG, SCORES, STATE
from trainer.runs.results_io import RESULTS_JSON, write_results

NUMBER, FAULT = 19, "training again that dies at any step"
TRIES, SHARE = 500, 12
_EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "open", "shutil.rmtree")
_RESULTS = {"rows": [], "best_epoch": 1}


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> Path:
    """A finished run."""
    run = folder / "run"
    with RunFolder(run) as held:
        held.claim({"identity": {"seed": 1}})
        (run / SCORES).write_bytes(b"scores")
        held.set_state("finished")
        write_results(run, {**_RESULTS, "best_epoch": 7})
    return run


def _die_at(step: int) -> None:
    """End the process at the n-th change of the file system."""
    left = [step]

    def hook(event: str, _: object) -> None:
        if event in _EVENTS:
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)

    sys.addaudithook(hook)


def _train(run: Path, again: bool) -> str:
    """The steps of a training that touch its folder; what the second command does, too."""
    with RunFolder(run) as held:
        if again:
            held.start_again(replace=True)
        held.claim({"identity": {"seed": 1}})
        if not held.is_finished():
            held.set_state("running")
            (run / SCORES).write_bytes(b"new")
            held.set_state("finished")
            write_results(run, _RESULTS)
        held.drop_aside()
    return ""


def _finished(run: Path) -> list[str]:
    places = (run, RunFolder(run).aside)
    return [p.name for p in places if all((p / n).exists() for n in (CONFIG, RESULTS_JSON, STATE))]


def attempt(ready: Path, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Die at a step, some times in a row; then the same command without `--no-resume` ends it."""
    del index
    run = folder / "run"
    shutil.copytree(ready, run)
    found = Attempt()
    for _ in range(int(rng.integers(1, 4))):
        step = int(rng.integers(1, 60))

        def dying(step: int = step) -> str:
            _die_at(step)
            return _train(run, again=True)

        run_all([dying])
        if not _finished(run):
            found.problems.append(f"no finished run after a death at step {step}")
            return found
    (last,) = run_all([lambda: _train(run, again=False)])
    if last.kind != "done" or not (run / RESULTS_JSON).exists():
        found.problems.append(f"the run did not end: {last.kind} {last.text}")
    if (folder / ".before").exists():
        found.problems.append("the run that was replaced stays")
    return found
