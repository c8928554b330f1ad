"""Row 14: files made to do harm; all refused, nothing written elsewhere, little memory used."""

import stat
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.faults import servers
from tests.faults.harness import Attempt
from tests.faults.hostile_stores import CASES  # all of them: the stores' are added
from tests.faults.warm import Warm

NUMBER, FAULT = 14, "hostile archives, files, stores and weights"
TRIES, SHARE = len(CASES), 3
_MAX_MIB = 1024.0


@dataclass
class Ready:
    """Programs that run, and sound things to forge."""

    programs: dict[str, Warm]
    stores: dict[str, Path]


def needs() -> str:
    """Pipes and links."""
    return "" if sys.platform != "win32" else "needs links and pipes"


def prepare(folder: Path) -> Ready:
    """A store of each format and a run."""
    _, stores = servers.sound_stores()
    programs = {name: servers.server(name) for name in ("pipeline", "trainer")}
    words = ["train", "--model", "deciwatch", "--exp", "1.1", "--max-epochs", "1", "--max-steps"]
    words += ["1", "--store", stores["zarr"], "--out", folder / "runs"]
    ended = programs["trainer"].run(words, folder / "log")
    assert ended.code == 0, ended.said
    return Ready(programs, stores | {"run": folder / "runs" / "deciwatch-1.1-seed0"})


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Let a program meet one hostile file."""
    del rng
    name = list(CASES)[index * 17 % len(CASES)]
    work = folder / "work"
    work.mkdir()
    meeting = CASES[name](work, ready.stores)
    before = _everything(folder)
    ended = ready.programs[meeting.program].run(meeting.arguments, folder / "log")
    found = Attempt(notes={"memory at most, MiB": ended.peak_mib, "slowest, s": ended.seconds})
    said = " ".join(ended.said.split())
    if ended.code not in (0, 1) or "Traceback" in said:
        found.problems.append(f"{name}: exit code {ended.code}: {said[-200:]}")
    if meeting.expected not in said:
        found.problems.append(f"{name}: expected {meeting.expected!r} in {said[-300:]!r}")
    if ended.peak_mib > _MAX_MIB:
        found.problems.append(f"{name}: {ended.peak_mib:.0f} MiB of memory")
    new = [p for p in _everything(folder) - before if not p.startswith(("log", "work/out"))]
    if new:
        found.problems.append(f"{name}: wrote {new}")
    return found


def _everything(folder: Path) -> set[str]:
    """Every file below a folder with its size and time; links are not followed."""
    found = set()
    for file in folder.rglob("*"):
        state = file.lstat()
        if not stat.S_ISDIR(state.st_mode):
            found.add(f"{file.relative_to(folder)} {state.st_size} {state.st_mtime_ns}")
    return found
