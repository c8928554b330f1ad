"""Figure 1 of the thesis and a chart of all rows, as PNG and SVG; equal runs give equal bytes."""

import re
from typing import TYPE_CHECKING, Any

from trainer.experiments import KNOWN, REAL, experiment
from trainer.report.collect import Collection, Run, network_order, row_order
from trainer.report.style import INK, PAPER, style
from trainer.report.tables.grid import CellKey, ReportData, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {"1": "#0072b2", "2": "#d55e00", "3": "#009e73"}  # by y; distinct for the colour-blind
_LINES: dict[str, Any] = {"1": "-", "2": (0, (4, 2))}  # by k
_WIDTHS = {"1": 2.4, "2": 1.3, "3": 1.3}  # DeciWatch's 1.1 and 1.2 are one curve: show both
_IDENTITY_COLOUR = "#8c8c8c"
_WIDE = 3.0  # highest over lowest loss, from which on a log scale is used
_CURVES = {
    "train_loss": "Training loss",
    "val_loss": "Validation loss",
    "val_pck_0.2": "Validation PCK@0.2 (%)",
}


def training_figure(found: Collection) -> "Figure | None":
    """Figure 1: a row a model; losses and validation PCK@0.2 by epoch. None before any epoch.

    A dot marks where the learning rate fell. Grey lines: validation PCK@0.2 of the identity
    function for both k, the mean over experiments, where baselines keep it.
    """
    drawn = [run for run in found.runs if len(run.history)]
    models = [m for m in network_order() if any(run.model == m for run in drawn)]
    if not models:
        return None
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11, 0.9 + 2.5 * len(models)), layout="constrained")
        grid = figure.subplots(len(models), len(_CURVES), squeeze=False)
        identity = identity_lines(found)
        for axes, model in zip(grid, models, strict=True):
            for axis, column in zip(axes, _CURVES, strict=True):
                for run in (run for run in drawn if run.model == model):
                    _draw_curve(axis, run, column)
                _scale(axis, column)
            for k, value in identity.items():
                axes[-1].axhline(value, color=_IDENTITY_COLOUR, linestyle=_LINES[k], lw=1.2)
            axes[0].set_ylabel(label(model), fontweight="bold")
        for axis, title in zip(grid[0], _CURVES.values(), strict=True):
            axis.set_title(title)
        for axis in grid[-1]:
            axis.set_xlabel("Epoch")
        _legend(figure, {run.experiment for run in drawn}, identity)
        return figure


def identity_lines(found: Collection) -> dict[str, float]:
    """k as text -> validation PCK@0.2 of the identity function, mean over experiments and seeds."""
    values: dict[str, list[float]] = {}
    for baselines in found.baselines:
        table = baselines.validation
        if table is None or baselines.experiment == REAL.name:
            continue
        wanted = {"model": "identity", "dataset": "all", "keypoint": "all", "metric": "pck"}
        for column, word in wanted.items():
            table = table[table[column] == word]
        k = f"{experiment(baselines.experiment).k:g}"
        values.setdefault(k, []).extend(table.loc[table["alpha"] == 0.2, "value"])
    return {k: sum(some) / len(some) for k, some in sorted(values.items()) if some}


def pck_figure(source: ReportData, alpha: float = 0.1) -> "Figure | None":
    """PCK@alpha of every row with its interval, a panel an experiment; diamonds are published."""
    panels = [CellKey(e.name, "pck", alpha) for e in KNOWN]
    panels = [where for where in panels if any(where.key(m) in source.numbers for m in row_order())]
    if not panels:
        return None
    models = source.models(panels)
    n_columns = min(3, len(panels))
    n_rows = -(-len(panels) // n_columns)
    with style():
        from matplotlib.figure import Figure

        size = (11, 0.8 + n_rows * (0.7 + 0.24 * len(models)))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True, sharex="row")
        for axis in grid.flat[len(panels) :]:
            axis.set_visible(False)
        for axis, where in zip(grid.flat, panels, strict=False):
            _draw_rows(axis, source, where, models)
        handles = _row_handles()
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
        return figure


def inline_svg(data: bytes, prefix: str) -> str:
    """An SVG for the inside of a page: it takes the page's text colour, and its ids are its own."""
    text = data.decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = text.replace(INK, "currentColor").replace(PAPER, "none")
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
    # The box alone decides the shape: the page sets the width.
    return re.sub(r'^(<svg\b[^>]*?) width="[^"]*"', r"\1", _without_height(text), count=1)


def _without_height(text: str) -> str:
    return re.sub(r'^(<svg\b[^>]*?) height="[^"]*"', r"\1", text, count=1)


def _draw_curve(axis: "Axes", run: Run, column: str) -> None:
    k, _, y = run.experiment.partition(".")
    epochs, values = run.history["epoch"], run.history[column]
    colour = _COLOURS.get(y, INK)
    dash = "_" if len(values) == 1 else None  # a line of one point is not drawn
    look: dict[str, Any] = {"linestyle": _LINES.get(k, ":"), "lw": _WIDTHS.get(y, 1.3)}
    axis.plot(epochs, values, color=colour, marker=dash, markersize=10, **look)
    fell = run.history["learning_rate_reduced"] == 1
    if fell.any():  # an empty line that is not clipped would stretch the layout to the corner
        axis.plot(epochs[fell], values[fell], "o", color=colour, markersize=4.5, clip_on=False)


def _scale(axis: "Axes", column: str) -> None:
    """Whole epochs; losses on a log scale where they span one."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    low, high = axis.dataLim.intervaly
    if column.endswith("loss") and high > _WIDE * low > 0:
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_formatter(NullFormatter())


def _legend(figure: "Figure", experiments: set[str], identity: dict[str, float]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_COLOURS.get(y, INK), linestyle=_LINES.get(k, ":"), label=k + dot + y)
        for k, dot, y in (name.partition(".") for name in sorted(experiments))
    ]
    handles += [
        Line2D([], [], color=_IDENTITY_COLOUR, linestyle=_LINES[k], label=f"identity, k = {k}")
        for k in identity
    ]
    handles.append(
        Line2D([], [], color=INK, marker="o", linestyle="", markersize=4.5, label="rate falls")
    )
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def _draw_rows(axis: "Axes", source: ReportData, where: CellKey, models: list[str]) -> None:
    networks = network_order()
    for height, model in enumerate(models):
        number = source.numbers.get(where.key(model))
        if number is not None:
            colour = _COLOURS["1"] if model in networks else _IDENTITY_COLOUR
            axis.plot([number.low, number.high], [height, height], color=colour, lw=2)
            axis.plot(number.value, height, "o", color=colour, markersize=5)
        published = source.published_pck(model, where)
        if published is not None:
            axis.plot(float(published), height, "D", markersize=5, mfc="none", mec=_COLOURS["2"])
    axis.set_yticks(range(len(models)), [label(model) for model in models])
    axis.set_ylim(len(models) - 0.5, -0.5)
    axis.set_title(f"{where.experiment}: PCK@{where.alpha:g} (%)")


def _row_handles() -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=_COLOURS["1"], marker="o", label="network, 95 % interval"),
        Line2D([], [], color=_IDENTITY_COLOUR, marker="o", label="smoother, 95 % interval"),
        Line2D([], [], color=_COLOURS["2"], marker="D", mfc="none", linestyle="", label="thesis"),
    ]
