"""The curves of ``benchmarks.delay``: accuracy against delay, and against window length.

python -m benchmarks.delay_picture benchmarks/results/delay.csv docs/pictures/delay.png
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from pose_smoother.files.atomic import write_atomic
from trainer.report.style import INK, png, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRIC = "pck@0.1"
#: Smoother -> colour; told apart by the colour-blind.
COLOURS = {
    "mean": "#7a7f87",
    "gaussian": "#e69f00",
    "savgol": "#009e73",
    "median": "#cc79a7",
    "lmmse": "#0072b2",
    "one-euro": "#56b4e9",
}
RUN_COLOURS = {"deciwatch": "#d55e00", "resmlp": "#000000"}
RUN_LINES = {False: "-", True: (0, (4, 1.5))}


def draw(table: Path, out: Path) -> None:
    """Draw a row an experiment: by delay at five frames, then by length at no delay and centred."""
    found = pd.read_csv(table, dtype={"experiment": str}).query("metric == @METRIC")
    experiments = list(dict.fromkeys(found["experiment"]))
    with style():
        from matplotlib.figure import Figure

        size = (12, 0.6 + 3.3 * len(experiments))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(experiments), 3, squeeze=False, sharey="row")
        for row, name in zip(grid, experiments, strict=True):
            part = found[found["experiment"] == name]
            _by_delay(row[0], part)
            _by_length(row[1], part[part["delay_frames"] == part["window_frames"] // 2])
            _by_length(row[2], part[part["delay_frames"] == 0])
            row[0].set_ylabel(f"experiment {name}\nPCK@0.1 (%)")
            identity = part.loc[part["smoother"] == "identity", "value"].item()
            for axis in row:
                axis.axhline(identity, color=INK, lw=0.8, ls=":", label="as detected")
                axis.margins(x=0.03)
        titles = ("Windows of 5 frames", "Centred: delay is half the window", "Live: no delay")
        for axis, title in zip(grid[0], titles, strict=True):
            axis.set_title(title)
        for axis, label in zip(grid[-1], ("delay (frames)", *["window (frames)"] * 2), strict=True):
            axis.set_xlabel(label)
        handles = dict(
            reversed(pair)
            for axis in grid.flat
            for pair in zip(*axis.get_legend_handles_labels(), strict=True)
        )
        figure.legend(handles.values(), handles, loc="outside upper center", ncols=5)
        write_atomic(out, png(figure))


def _by_delay(axis: "Axes", part: pd.DataFrame) -> None:
    for smoother, rows in part[part["window_frames"] == 5].groupby("smoother", sort=False):
        name = str(smoother)
        if name == "one-euro":  # causal: it has no other delay than 0
            axis.plot(rows["delay_frames"], rows["value"], "s", color=COLOURS[name], ms=5)
        elif name in COLOURS:
            axis.plot(rows["delay_frames"], rows["value"], ".-", color=COLOURS[name], label=name)
        else:
            model, averaged = _run(name)
            label = f"{model}, averaged" if averaged else model
            (line,) = axis.plot(rows["delay_frames"], rows["value"], marker=".", label=label)
            line.set(linestyle=RUN_LINES[averaged], color=RUN_COLOURS[model])
    axis.set_xticks(range(5))


def _by_length(axis: "Axes", part: pd.DataFrame) -> None:
    for smoother, rows in part[part["smoother"].isin(COLOURS)].groupby("smoother", sort=False):
        name, ordered = str(smoother), rows.sort_values("window_frames")
        axis.plot(ordered["window_frames"], ordered["value"], ".-", color=COLOURS[name], label=name)
    runs = part[~part["smoother"].isin([*COLOURS, "identity"])]
    for (model, averaged), rows in runs.groupby(runs["smoother"].map(_run)):
        ordered = rows.sort_values("window_frames")
        (line,) = axis.plot(ordered["window_frames"], ordered["value"])
        mark = "o" if averaged else "."
        line.set(linestyle=RUN_LINES[averaged], color=RUN_COLOURS[model], marker=mark)


def _run(name: str) -> tuple[str, bool]:
    """A run's model, whatever its window, and whether a frame's estimates are averaged."""
    return name.partition("-")[0], name.endswith(" averaged")


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
