"""The status of runs as text, CSV and JSON."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pose_smoother.text import one_line
from trainer.runs.layout import RunState
from trainer.runs.results_io import write_csv
from trainer.runs.status import RunStatus, plain

_CSV_COLUMNS = ("run", "state", "epochs", "best_val_pck", "minutes", "reason")


def status_line(status: RunStatus, width: int) -> str:
    """A run of a sweep as one line; the run's name takes ``width`` letters."""
    parts = [f"{one_line(status.run):<{width}}", f"{status.state:<9}"]
    parts.append("" if status.epochs is None else f"epoch {status.epochs:>2}")
    pck = "" if status.best_val_pck is None else f"{status.best_val_pck:6.2f}"
    parts.append(f"best val PCK@0.2 {pck}" if pck else "")
    parts.append("" if status.minutes is None else f"{status.minutes:.1f} min")
    line = f"{parts[0]}  {parts[1]}  {parts[2]:<8}  {parts[3]:<23}  {parts[4]:>9}"
    return f"{line}  {one_line(status.reason)}".rstrip()


def sweep_table(statuses: Sequence[RunStatus]) -> str:
    """One line a run of a sweep, and how many are in each state."""
    width = max((len(status.run) for status in statuses), default=0)
    lines = [status_line(status, width) for status in statuses]
    return "\n".join([*lines, _counted(statuses)])


def overview_table(statuses: Sequence[RunStatus]) -> str:
    """One line a run of a folder with the time since its last sign of life, and the counts."""
    width = max(len(status.run) for status in statuses)
    lines = [f"{'run':<{width}}  state      epochs  val PCK@0.2  last sign"]
    for status in statuses:
        epochs = "" if status.epochs is None else str(status.epochs)
        pck = "" if status.best_val_pck is None else f"{status.best_val_pck:.2f}"
        age = "" if status.silent_s is None else _age(status.silent_s)
        name = f"{one_line(status.run):<{width}}"
        line = f"{name}  {status.state:<9}  {epochs:>6}  {pck:>11}  {age:>9}"
        lines.append(f"{line}  {one_line(status.reason)}".rstrip())
    return "\n".join([*lines, _counted(statuses)])


def to_json(statuses: Sequence[RunStatus]) -> str:
    """The status of runs for programs; null where nothing is known."""
    rows = [
        {
            "run": status.run,
            "state": status.state,
            "epochs": status.epochs,
            "best_val_pck": status.best_val_pck,
            "sign_of_life_s": status.silent_s,
            "reason": status.reason,
        }
        for status in statuses
    ]
    return json.dumps(rows, indent=1)


def write_table(path: Path, statuses: Sequence[RunStatus]) -> None:
    """Write the states as CSV, one row a run."""
    rows = [{name: getattr(status, name) for name in _CSV_COLUMNS} for status in statuses]
    for row in rows:
        row["state"] = str(row["state"])
        row["reason"] = plain(row["reason"])
    write_csv(path, list(_CSV_COLUMNS), rows)


def _counted(statuses: Sequence[RunStatus]) -> str:
    """The number of runs in each state."""
    counts = Counter(status.state for status in statuses)
    counted = ", ".join(f"{counts[state]} {state}" for state in RunState if counts[state])
    return f"{len(statuses)} runs: {counted}"


def _age(seconds: float) -> str:
    """As "12 s", "3 min", "5 h" or "2 d"."""
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds:.0f} s"
