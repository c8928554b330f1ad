"""How far runs are, read off their folders and told as a table."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pose_smoother.errors import PoseSmootherError
from trainer.runs.layout import HISTORY, HISTORY_KINDS, STATE, TIMING, TIMING_KINDS
from trainer.runs.results_io import RESULTS_CSV, RESULTS_JSON, read_csv, read_json, write_csv

FINISHED, RUNNING, STOPPED, FAILED = "finished", "running", "stopped", "failed"
#: What a sweep writes into its folder of runs.
TABLE = "sweep.csv"
#: Its process died without a word: a kill, a machine that is gone.
LOST = "lost"
WAITING, HELD = "not begun", "held"
_PCK = "val_pck_0.2"
#: What ``state.json`` says -> what it means when no process of this sweep is at it.
_STATES = {"running": STOPPED, "preempted": STOPPED, "failed": FAILED, "finished": STOPPED}


@dataclass(frozen=True)
class Status:
    """One run's state.

    Attributes
    ----------
    run : name of its folder.
    state : "finished", "running", "stopped" (goes on when asked), "failed", "lost" (its process
        died and told nothing), "held" (another process is at it) or "not begun".
    epochs : finished ones; None for smoothers.
    best_val_pck : best validation PCK@0.2 so far, in percent; None before the first epoch.
    minutes : spent on its finished epochs, by all sweeps; for smoothers by this one; None if none.
    reason : why it failed or is held.
    """

    run: str
    state: str
    epochs: int | None = None
    best_val_pck: float | None = None
    minutes: float | None = None
    reason: str = ""

    def line(self, width: int) -> str:
        """The state as one line; the run's name takes ``width`` letters."""
        parts = [f"{self.run:<{width}}", f"{self.state:<9}"]
        parts.append("" if self.epochs is None else f"epoch {self.epochs:>2}")
        pck = "" if self.best_val_pck is None else f"{self.best_val_pck:6.2f}"
        parts.append(f"best val PCK@0.2 {pck}" if pck else "")
        parts.append("" if self.minutes is None else f"{self.minutes:.1f} min")
        line = f"{parts[0]}  {parts[1]}  {parts[2]:<8}  {parts[3]:<23}  {parts[4]:>9}"
        return f"{line}  {self.reason}".rstrip()


def read_status(folder: Path) -> Status:
    """A run's state as its folder tells it; a damaged file is a reason, not an error."""
    status = Status(folder.name, WAITING)
    try:
        if (folder / STATE).exists():
            told = read_json(folder / STATE, "")
            state = _STATES.get(str(told.get("state")), STOPPED)
            status = replace(status, state=state, reason=str(told.get("error", "")))
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
        return replace(status, state=FINISHED, reason="")
    return status


def is_finished(folder: Path) -> bool:
    """Whether a run wrote all its results; the CSV comes last."""
    return all((folder / name).exists() for name in (RESULTS_JSON, RESULTS_CSV))


def table(statuses: Sequence[Status]) -> str:
    """One line a run, and how many are in each state."""
    width = max((len(status.run) for status in statuses), default=0)
    counts = Counter(status.state for status in statuses)
    counted = ", ".join(f"{n} {state}" for state, n in counts.most_common())
    return "\n".join([*(s.line(width) for s in statuses), f"{len(statuses)} runs: {counted}"])


def write_table(path: Path, statuses: Sequence[Status]) -> None:
    """Write the states as CSV, one row a run."""
    rows = [asdict(status) for status in statuses]
    for row in rows:
        row["reason"] = plain(row["reason"])
    write_csv(path, list(Status.__dataclass_fields__), rows)


def plain(text: str) -> str:
    """Text as one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
