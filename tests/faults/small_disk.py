"""Row 7's real disk: a tmpfs that is too small, and is made larger for the rerun.

It is mounted in the mount namespace of the server that runs the commands (``servers.server``):
nothing else sees it, and it goes away with the server.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tests.faults import servers
from tests.faults.harness import Attempt
from tests.faults.rows import row07_disk as disk
from tests.faults.stores import content, differences
from tests.faults.warm import Warm

TASKS = ("zarr", "hdf5", "train", "sweep", "report")
_LARGE = "size=256m"


@dataclass(frozen=True)
class Ready:
    """What the tasks give undisturbed: stores and a run of row 7, a sweep and a report of it."""

    row: disk.Ready
    sweep: Path
    report: Path

    def command(self, task: str, place: Path) -> list[object]:
        """A command that writes below ``place``."""
        if task == "sweep":
            words = ["sweep", "--models", "deciwatch", "--exps", "1.2,2.2", "--no-baselines"]
            words += ["--max-epochs", "1", "--max-steps", "1", "--threads", "1"]
            return [*words, "--device", "cpu", "--store", servers.store_to_train(), "--out", place]
        if task == "report":
            return ["report", self.sweep, "--out", place / "report"]
        return self.row.command(task, place)

    def size_kib(self, task: str) -> int:
        """What the task's finished output takes."""
        whole = {"sweep": self.sweep, "report": self.report, "train": self.row.run}
        folder = whole.get(task) or self.row.stores[task]
        return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) // 1024

    def harm(self, task: str, place: Path) -> str:
        """What is wrong with a finished task; "" when nothing is."""
        if task == "report":
            return differences(content(place / "report"), content(self.report))
        if task != "sweep":
            return self.row.harm(task, place)
        found, expected = _results(place), _results(self.sweep)
        return differences(found, expected) or ("" if len(expected) == 2 else f"{len(expected)}")


def _results(runs: Path) -> dict[str, str]:
    return {f.parent.name: f.read_text() for f in runs.glob("*/results.csv")}


@cache
def ready() -> Ready:
    """Undisturbed results."""
    folder = servers.folder() / "small"
    folder.mkdir()
    made = Ready(disk.tasks(), folder / "sweep", folder / "report")
    for task, place in (("sweep", made.sweep), ("report", folder)):
        ended = servers.server("trainer").run(made.command(task, place), folder / "log")
        assert ended.code == 0, ended.said
    return made


@contextmanager
def _mounted(program: Warm, place: Path, size_kib: int) -> Iterator[Path]:
    """A small disk at ``place``, seen by a server; gives where everyone else finds it."""
    _mount(program, "mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "none", str(place))
    try:
        yield Path(f"/proc/{program.pid}/root{place}")
    finally:
        _mount(program, "umount", str(place))


def _mount(program: Warm, *words: str) -> None:
    subprocess.run(["nsenter", "-t", str(program.pid), "-m", *words], check=True)


def attempt(folder: Path, rng: np.random.Generator, task: str) -> Attempt:
    """Run a command where there is less room than its output takes; then make room."""
    made, found = ready(), Attempt()
    program = servers.server("pipeline" if task in ("zarr", "hdf5") else "trainer")
    size_kib = max(16, int(made.size_kib(task) * rng.uniform(0.05, 0.95)))
    place, log = folder / "disk", folder / "log"
    place.mkdir()
    words, case = made.command(task, place), f"{task} on a tmpfs of {size_kib} KiB"
    with _mounted(program, place, size_kib) as seen:
        ended = program.run(words, log)
        said = [line for line in ended.said.splitlines() if line.startswith("error: ")]
        if ended.code != 1 or len(said) != 1 or "Traceback" in ended.said:
            found.problems.append(f"{case}: exit code {ended.code}: {ended.said[-300:]}")
        elif not all(text in said[0] for text in ("disk full on", "needs", "free)")):
            found.problems.append(f"{case}: {said[0]}")
        _mount(program, "mount", "-o", f"remount,{_LARGE}", str(place))
        ended = program.run(words, log)
        if ended.code != 0:
            found.problems.append(f"{case}: the rerun ended with {ended.code}: {ended.said[-300:]}")
        elif harm := made.harm(task, seen):
            found.problems.append(f"{case}: {harm}")
    return found
