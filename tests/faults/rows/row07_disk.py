"""Row 7: the disk full, broken or read-only at any write, flush or rename; and a small tmpfs."""

import errno
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tests.faults import servers, shim
from tests.faults.harness import Attempt
from tests.faults.runs import RUN, left_of_lock, run_differences, train_words
from tests.faults.shim import Operation, Shim
from tests.faults.stores import content, differences, labels
from tests.faults.warm import Warm

NUMBER, FAULT = 7, "disk full, input/output error, read-only"
TRIES, SHARE = 400, 3
_ERRORS = (
    (errno.ENOSPC, shim.FULL, ("disk full on", "needs", "free)")),
    (errno.EIO, shim.ONCE, ("input/output error",)),
    (errno.EROFS, shim.READ_ONLY, ("is read-only",)),
)
TASKS = ("zarr", "hdf5", "train")


@dataclass
class Ready:
    """Both programs watched, what they give undisturbed, and in how many file operations."""

    programs: dict[str, Warm]
    shim: Shim
    labels: Path
    stores: dict[str, Path]
    run: Path
    n_operations: dict[str, int]
    recorded: dict[str, tuple[Path, list[Operation]]]

    def program(self, task: str) -> Warm:
        """The program of a task."""
        return self.programs["trainer" if task == "train" else "pipeline"]

    def command(self, task: str, place: Path) -> list[object]:
        """A command that writes below ``place``."""
        if task == "train":
            return train_words(self.stores["zarr"], place, epochs=1, minutes=5.0)
        words = ["preprocess", "--penn-action", self.labels, "--format", task]
        return [*words, "--out", place / "store"]

    def harm(self, task: str, place: Path, notes: bool = False) -> str:
        """What is wrong with a finished task; "" when nothing is. ``notes``: a lock may be left."""
        if task == "train":
            return run_differences(place / RUN, self.run, notes)
        store = place / "store"
        allowed = {store, *(left_of_lock(store) if notes else ())}
        strays = [p.name for p in place.iterdir() if p not in allowed]
        return differences(content(store), content(self.stores[task])) or (
            f"left {strays}" if strays else ""
        )


def needs() -> str:
    """The shim."""
    return shim.lacking()


def prepare(folder: Path) -> Ready:
    """Undisturbed results, counted."""
    del folder
    return tasks()


@cache
def tasks() -> Ready:
    """Two builds and a run, every file operation of them recorded."""
    folder = servers.folder() / "tasks"
    folder.mkdir()
    source, watcher = labels(folder, (30, 290, 30, 24, 24, 24, 12, 24)), servers.watcher()
    programs = {name: servers.server(name) for name in ("pipeline", "trainer")}
    stores = {kind: folder / kind / "store" for kind in ("zarr", "hdf5")}
    ready = Ready(programs, watcher, source, stores, folder / "train" / RUN, {}, {})
    for task in TASKS:
        place = folder / task
        place.mkdir()
        watcher.set(place, shim.COUNT, trace=True)
        ended = ready.program(task).run(ready.command(task, place), folder / "log")
        ready.n_operations[task] = watcher.off()
        ready.recorded[task] = place, watcher.operations()
        assert ended.code == 0, ended.said
    return ready


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Let one operation fail, or all from there on; then run again on a sound disk."""
    if index % 10 == 9:
        from tests.faults import small_disk  # which knows this row's tasks

        if not servers.mounts_lacking():
            small = small_disk.TASKS[index // 10 % len(small_disk.TASKS)]
            return small_disk.attempt(folder, rng, small)
    task = TASKS[index % 3]
    error, lasts, expected = _ERRORS[index // 3 % 3]
    place = folder / "place"
    place.mkdir()
    at = int(rng.integers(ready.n_operations[task]))
    case = f"{task}, {errno.errorcode[error]} at operation {at}"
    program = ready.program(task)
    ready.shim.set(place, shim.FAIL, at=at, error=error, lasts=lasts)
    ended = program.run(ready.command(task, place), folder / "log")
    ready.shim.off()
    found = Attempt()
    said = [line for line in ended.said.splitlines() if line.startswith("error: ")]
    if ended.code == 0:
        # It hit what nothing depends on, such as removing the note of who held the lock.
        if harm := ready.harm(task, place, notes=True):
            found.problems.append(f"{case}: exit code 0, and {harm}")
    elif ended.code != 1 or len(said) != 1 or "Traceback" in ended.said:
        found.problems.append(f"{case}: exit code {ended.code}: {ended.said[-300:]}")
    elif not all(text in said[0] for text in expected):
        found.problems.append(f"{case}: expected {expected} in {said[0]}")
    again = program.run(ready.command(task, place), folder / "log")
    if again.code != 0 and "already exists" not in again.said:
        found.problems.append(f"{case}: the rerun ended with {again.code}: {again.said[-300:]}")
    elif harm := ready.harm(task, place):
        found.problems.append(f"{case}: {harm}")
    return found
