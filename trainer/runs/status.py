"""The progress of runs, read from their folders without a lock while others write them.

A run's process touches a small file next to the run every few seconds
(``pose_smoother.files.lock``). Where that has stopped and the state still says "running", the
process died without a word.
"""

import math
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pose_smoother.errors import PoseSmootherError, RunError
from pose_smoother.files.lock import has_heartbeat, is_process, owner_file, read_owner
from pose_smoother.files.plain import read_plain
from trainer.runs.layout import (
    CONFIG,
    HISTORY,
    HISTORY_KINDS,
    MAX_FILE_BYTES,
    STATE,
    TIMING,
    TIMING_KINDS,
    RunState,
)
from trainer.runs.results_io import RESULTS_CSV, RESULTS_JSON, read_csv, read_json

#: What a sweep writes into its folder of runs.
SWEEP_CSV = "sweep.csv"
_SIGNS = (STATE, HISTORY, "last.pt", "results.json")
_PCK = "val_pck_0.2"


#: ``state`` in ``state.json`` -> the state of a run that ended without results.
#: "preempted" is what the design has a run write when it leaves with exit code 75.
_ENDED = {"preempted": RunState.STOPPED, "failed": RunState.FAILED, "lost": RunState.LOST}


@dataclass(frozen=True)
class RunStatus:
    """One run as its folder shows it.

    Attributes
    ----------
    run : name of its folder.
    epochs : finished ones; None for filters and before the first.
    best_val_pck : best validation PCK@0.2 so far, in percent; None before the first epoch.
    minutes : spent on its finished epochs, by all sweeps; for filters by this one; None if none.
    reason : why it failed or is locked.
    silent_s : seconds since its process last wrote or touched a file; None if never, or not asked.
    """

    run: str
    state: RunState
    epochs: int | None = None
    best_val_pck: float | None = None
    minutes: float | None = None
    reason: str = ""
    silent_s: float | None = None


def read_status(folder: Path) -> RunStatus:
    """A run's status if no process is at work on it; a damaged file is a reason, not an error."""
    status = RunStatus(folder.name, RunState.PENDING)
    try:
        if (folder / STATE).exists():
            saved = read_json(folder / STATE, "")
            failed = saved.get("state") == RunState.FAILED
            state = RunState.FAILED if failed else RunState.STOPPED  # a lost run can be continued
            status = replace(status, state=state, reason=str(saved.get("error", "")))
        if (folder / HISTORY).exists():
            history = read_csv(folder / HISTORY, HISTORY_KINDS)
            best = float(history[_PCK].max()) if len(history) else math.nan
            best_val_pck = None if math.isnan(best) else best
            status = replace(status, epochs=len(history), best_val_pck=best_val_pck)
        if (folder / TIMING).exists():
            timing = read_csv(folder / TIMING, TIMING_KINDS)
            seconds = timing["train_seconds"].sum() + timing["val_seconds"].sum()
            status = replace(status, minutes=float(seconds) / 60)
    except PoseSmootherError as error:
        status = replace(status, reason=str(error))
    if is_finished(folder):
        return replace(status, state=RunState.FINISHED, reason="")
    return status


def live_status(folder: Path) -> RunStatus:
    """A run's status, whether its process lives or not.

    A file that another process is replacing is read as it was before, or as it is afterwards.
    """
    status = read_status(folder)
    state = _live_state(folder)
    has_reason = state in (RunState.FAILED, RunState.LOST)
    reason = plain(status.reason) if has_reason else ""
    return replace(status, state=state, reason=reason, silent_s=_silent_s(folder))


def overview(runs: Path) -> list[RunStatus]:
    """All runs of a folder, and those that a sweep has planned in it, by name.

    Raises
    ------
    RunError : there is no such folder, or no run in it.
    """
    if not runs.is_dir():
        raise RunError(f"no folder {runs}")
    names = {p.name for p in runs.iterdir() if (p / CONFIG).exists() or (p / STATE).exists()}
    statuses = [live_status(runs / name) for name in sorted(names | _planned(runs))]
    if not statuses:
        raise RunError(f"{runs} holds no run: expected the --out folder of train or sweep")
    return statuses


def is_finished(folder: Path) -> bool:
    """Whether a run wrote all its results; the CSV comes last."""
    return all((folder / name).exists() for name in (RESULTS_JSON, RESULTS_CSV))


def plain(text: str) -> str:
    """Text as one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _live_state(folder: Path) -> RunState:
    """The state of a run; the results are written last, so they decide."""
    saved = ""
    with suppress(PoseSmootherError):
        saved = str(read_json(folder / STATE, "").get("state")) if (folder / STATE).exists() else ""
    if is_finished(folder):
        return RunState.FINISHED
    if _is_at_work(folder):
        return RunState.RUNNING
    if saved in _ENDED:
        return _ENDED[saved]
    return RunState.LOST if folder.exists() else RunState.PENDING


def _is_at_work(folder: Path) -> bool:
    """Whether the run's process is alive: it touched its file, and exists if it is from here."""
    file = owner_file(folder)
    try:
        owner = read_owner(file)
        if owner is None or (
            owner["host"] == socket.gethostname() and not is_process(owner["pid"])
        ):
            return False
        return has_heartbeat(file)
    except OSError:
        return False


def _silent_s(folder: Path) -> float | None:
    """Seconds since the newest of a run's files was written or touched."""
    newest = []
    for file in (owner_file(folder), *(folder / name for name in _SIGNS)):
        with suppress(OSError):
            newest.append(file.stat().st_mtime)
    return max(0.0, time.time() - max(newest)) if newest else None


def _planned(runs: Path) -> set[str]:
    """The runs of the last sweep, as its table names them."""
    try:
        lines = read_plain(runs / SWEEP_CSV, MAX_FILE_BYTES).decode().splitlines()
    except (OSError, ValueError):
        return set()
    return {line.partition(",")[0].strip('"') for line in lines[1:]} - {""}
