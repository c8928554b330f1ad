"""The runs of a folder at a glance, read off their files while others write them: no lock is taken.

A run's process touches a small file beside the run every few seconds
(``pose_smoother.files.lock``).
Where that has stopped and the state still says "running", the process died without a word.
"""

import json
import os
import socket
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pose_smoother.errors import PoseSmootherError, RunError
from pose_smoother.files.lock import DEAD_AFTER_S
from trainer.runs.layout import CONFIG, HISTORY, STATE
from trainer.runs.results_io import read_json
from trainer.runs.status_table import (
    FAILED,
    FINISHED,
    LOST,
    RUNNING,
    TABLE,
    is_finished,
    plain,
    read_status,
)

PREEMPTED, WAITING = "preempted", "waiting"
#: States in the order in which a reader wants them.
_ORDER = (FAILED, LOST, RUNNING, PREEMPTED, WAITING, FINISHED)
_SIGNS = (STATE, HISTORY, "last.pt", "results.json")


@dataclass(frozen=True)
class RunStatus:
    """One run as its folder shows it.

    Attributes
    ----------
    run : name of its folder.
    state : "running", "finished", "failed", "preempted", "lost" or "waiting".
    epochs : finished ones; None for smoothers and before the first.
    best_val_pck : best validation PCK@0.2 so far, in percent, or None.
    sign_of_life_s : seconds since its process last wrote or touched a file; None without any.
    reason : why it failed.
    """

    run: str
    state: str
    epochs: int | None = None
    best_val_pck: float | None = None
    sign_of_life_s: float | None = None
    reason: str = ""


def overview(runs: Path) -> list[RunStatus]:
    """All runs of a folder, and those that a sweep has planned in it, by name.

    Raises
    ------
    RunError : there is no such folder, or no run in it.
    """
    if not runs.is_dir():
        raise RunError(f"no folder {runs}")
    names = {p.name for p in runs.iterdir() if (p / CONFIG).exists() or (p / STATE).exists()}
    sights = [sight(runs / name) for name in sorted(names | _planned(runs))]
    if not sights:
        raise RunError(f"{runs} holds no run: expected the --out folder of train or sweep")
    return sights


def sight(folder: Path) -> RunStatus:
    """One run. Whatever another process is just writing is as it was, or as it will be."""
    known = read_status(folder)
    state, reason = _state(folder), known.reason
    return RunStatus(
        folder.name,
        state,
        known.epochs,
        known.best_val_pck,
        _silent_s(folder),
        plain(reason) if state in (FAILED, LOST) else "",
    )


def table_of(sights: Sequence[RunStatus]) -> str:
    """One line a run, and how many are in each state."""
    width = max(len(sight.run) for sight in sights)
    lines = [f"{'run':<{width}}  state      epochs  val PCK@0.2  last sign"]
    for sight in sights:
        epochs = "" if sight.epochs is None else str(sight.epochs)
        pck = "" if sight.best_val_pck is None else f"{sight.best_val_pck:.2f}"
        age = "" if sight.sign_of_life_s is None else _age(sight.sign_of_life_s)
        line = f"{sight.run:<{width}}  {sight.state:<9}  {epochs:>6}  {pck:>11}  {age:>9}"
        lines.append(f"{line}  {sight.reason}".rstrip())
    counts = Counter(sight.state for sight in sights)
    counted = ", ".join(f"{counts[state]} {state}" for state in _ORDER if counts[state])
    return "\n".join([*lines, f"{len(sights)} runs: {counted}"])


def to_json(sights: Sequence[RunStatus]) -> str:
    """The same for programs; null where nothing is known."""
    return json.dumps([asdict(sight) for sight in sights], indent=1)


def _state(folder: Path) -> str:
    """What a run is doing; the results come last, so they settle it."""
    told = ""
    with suppress(PoseSmootherError):
        told = str(read_json(folder / STATE, "").get("state")) if (folder / STATE).exists() else ""
    if is_finished(folder):
        return FINISHED
    if _is_at_work(folder):
        return RUNNING
    if told in (PREEMPTED, FAILED):
        return told
    return LOST if folder.exists() else WAITING


def _is_at_work(folder: Path) -> bool:
    """Whether the run's process lives: it has touched its file, and is there if it is from here."""
    file = folder.parent / f".{folder.name}.owner.json"
    try:
        silent_s = time.time() - file.stat().st_mtime
        owner = json.loads(file.read_text())
        if owner["host"] == socket.gethostname():
            os.kill(int(owner["pid"]), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return silent_s < DEAD_AFTER_S


def _silent_s(folder: Path) -> float | None:
    """Seconds since the newest of a run's files was written or touched."""
    newest = []
    for file in (folder.parent / f".{folder.name}.owner.json", *(folder / n for n in _SIGNS)):
        with suppress(OSError):
            newest.append(file.stat().st_mtime)
    return max(0.0, time.time() - max(newest)) if newest else None


def _planned(runs: Path) -> set[str]:
    """The runs of the last sweep, as its table names them."""
    try:
        lines = (runs / TABLE).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    return {line.partition(",")[0].strip('"') for line in lines[1:]} - {""}


def _age(seconds: float) -> str:
    """As "12 s", "3 min", "5 h" or "2 d"."""
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds:.0f} s"
