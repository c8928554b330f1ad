"""Speed goals and what a machine reached: one table for the ``bench`` commands."""

import csv
import io
import os
import platform
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pose_smoother.bench.timing import Timings
from pose_smoother.files.atomic import write_atomic
from pose_smoother.versions import package_versions


@dataclass(frozen=True)
class Goal:
    """One row of the table: what was timed, against what, the goal and the measurement.

    Attributes
    ----------
    what, against : the two sides, as text.
    goal : the value that ``measured`` should reach.
    at_least : True where larger is better (a speed-up); False where smaller is (a share of time).
    measured : the ratio, or a number in ``unit``.
    unit : "x" for a ratio, else the unit.
    what_s, against_s : median seconds of each side; NaN where there is only one.
    repeats : rounds.
    note : conditions: threads, batch, sizes.
    cpu_ratio : ``measured`` in processor time, for a ratio; None where it was not measured. The
        wall clock, which decides, is affected by other processes; processor time is not.
    """

    what: str
    against: str
    goal: float
    at_least: bool
    measured: float
    unit: str = "x"
    what_s: float = float("nan")
    against_s: float = float("nan")
    repeats: int = 1
    note: str = ""
    cpu_ratio: float | None = None

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.measured >= self.goal if self.at_least else self.measured <= self.goal


COLUMNS = (*(field.name for field in fields(Goal)), "met", "machine", "versions")


def speed_up(
    what: str,
    against: str,
    goal: float,
    timings: Timings,
    pair: tuple[str, str],
    note: str,
    times: float = 1.0,
) -> Goal:
    """The goal of how many times as fast one timed side is as another.

    Parameters
    ----------
    pair : names of the two sides in ``timings``: the fast one, and the other.
    times : how many times as much work the first does in a round as the other.
    """
    one, other = pair
    cpu_ratio = timings.cpu_ratio(other, one)
    return Goal(
        what,
        against,
        goal,
        at_least=True,
        measured=times * timings.ratio(other, one),
        what_s=timings.median(one),
        against_s=timings.median(other),
        repeats=timings.repeats,
        note=note,
        cpu_ratio=None if cpu_ratio is None else times * cpu_ratio,
    )


def machine_words() -> str:
    """Processor, number of cores and system as text, without a host name or path."""
    cpu = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
        cpu = names[0] if names else cpu
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cpu}, {n_cores} cores, {platform.system()}"


def versions_words(*packages: str) -> str:
    """The versions of Python and of the given packages that are installed, as text."""
    found = package_versions(*packages)
    found = {"Python": found.pop("python"), **found}
    return ", ".join(f"{name} {number}" for name, number in found.items())


def as_dicts(goals: Sequence[Goal]) -> list[dict[str, Any]]:
    """The goals as plain values."""
    return [{**asdict(goal), "met": goal.met} for goal in goals]


def table(goals: Sequence[Goal]) -> str:
    """The goals as a table for a terminal."""
    head = ("what", "against", "goal", "measured", "in CPU time", "met")
    lines = [head]
    for goal in goals:
        sign = "≥" if goal.at_least else "≤"
        lines.append(
            (
                textwrap.shorten(goal.what, 60, placeholder="…"),
                textwrap.shorten(goal.against, 44, placeholder="…"),
                f"{sign} {goal.goal:g} {goal.unit}",
                f"{goal.measured:.3g} {goal.unit}",
                "" if goal.cpu_ratio is None else f"{goal.cpu_ratio:.3g} {goal.unit}",
                "yes" if goal.met else "no",
            )
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    padded = [
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) for line in lines
    ]
    return "\n".join(line.rstrip() for line in padded)


def goal_rows(goals: Sequence[Goal], *packages: str) -> list[dict[str, str]]:
    """The goals as rows of `COLUMNS`, with the machine and the versions of packages."""
    metadata = {"machine": machine_words(), "versions": versions_words(*packages)}
    rows = []
    for goal in goals:
        cells = {k: f"{v:.4g}" if isinstance(v, float) else str(v) for k, v in _cells(goal)}
        rows.append({**cells, "met": "yes" if goal.met else "no", **metadata})
    return rows


def write_goals(path: Path, goals: Sequence[Goal], *packages: str) -> None:
    """Write the goals as a CSV file, with the machine and the versions of packages."""
    write_rows(path, goal_rows(goals, *packages))


def write_rows(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write rows of `goal_rows`, with any further column that all of them have, as a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, text.getvalue().encode())


def read_goals(path: Path) -> list[dict[str, str]]:
    """The rows of a file that ``write_goals`` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _cells(goal: Goal) -> Iterator[tuple[str, object]]:
    return ((key, "" if cell is None else cell) for key, cell in asdict(goal).items())


def draw_goals(path: Path, goals: Sequence[Goal]) -> None:
    """Draw a bar for every goal: the measurement relative to the goal; 1 is just met."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    shares = [g.measured / g.goal if g.at_least else g.goal / g.measured for g in goals]
    figure, axes = plt.subplots(figsize=(9, 0.45 * len(goals) + 1.2), layout="constrained")
    colours = ["#2a7f62" if goal.met else "#c05a2e" for goal in goals]
    axes.barh(range(len(goals)), shares, color=colours)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(goals)), [textwrap.shorten(g.what, 60) for g in goals])
    axes.invert_yaxis()
    axes.set_xlabel("times the goal (right of 1: met)")
    for row, (goal, share) in enumerate(zip(goals, shares, strict=True)):
        axes.annotate(f" {goal.measured:.3g} {goal.unit}", (share, row), va="center", fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    plt.close(figure)
    write_atomic(path, buffer.getvalue())
