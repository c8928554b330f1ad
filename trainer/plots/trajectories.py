"""Chosen keypoints over time: raw, smoothed and true positions, x and y apart."""

from typing import TYPE_CHECKING

import numpy as np

from pose_smoother.poses.tracks import Floats
from trainer.plots.drawing import COLOURS
from trainer.plots.track_data import Motion, mean_error
from trainer.report.style import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def trajectory_figure(motion: Motion, keypoints: tuple[str, ...]) -> "Figure":
    """A row a keypoint, x at the left and y at the right, in the source's pixels.

    Parameters
    ----------
    keypoints : names; one without its side means both.

    Raises
    ------
    InvalidInputError : a name is not there.
    """
    columns = motion.columns(keypoints)
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11, 0.9 + 1.75 * len(columns)), layout="constrained")
        grid = figure.subplots(len(columns), 2, squeeze=False, sharex=True)
        for row, column in zip(grid, columns, strict=True):
            for axis, coordinate, letter in zip(row, (0, 1), "xy", strict=True):
                _draw(axis, motion, column, coordinate)
                axis.set_ylabel(f"{letter} (px)")
            row[1].invert_yaxis()  # up in the picture is up here
            row[0].set_title(_heading(motion, column), loc="left", fontsize=9)
        for axis in grid[-1]:
            axis.set_xlabel("frame")
        figure.suptitle(motion.title, fontsize=10)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
        return figure


def _draw(axis: "Axes", motion: Motion, column: int, coordinate: int) -> None:
    frame = motion.frame

    def line(poses: Floats) -> tuple[Floats, Floats]:
        """Frames and values, broken where the frame numbers are."""
        gaps = np.flatnonzero(np.diff(frame) > 1) + 1
        return (
            np.insert(frame.astype(np.float64), gaps, np.nan),
            np.insert(poses[:, column, coordinate], gaps, np.nan),
        )

    if motion.truth is not None:
        axis.plot(*line(motion.truth), color=COLOURS["truth"], lw=4.0, label="ground truth")
    axis.plot(*line(motion.raw), ".-", color=COLOURS["noisy"], lw=0.7, ms=3.5, label="as detected")
    axis.plot(*line(motion.smoothed), color=COLOURS["smoothed"], lw=1.6, label=motion.smoother)
    axis.margins(x=0.01)


def _heading(motion: Motion, column: int) -> str:
    name = motion.names[column].replace("_", " ")
    if motion.individual:
        name = f"{motion.individual[column]}: {name}"
    if motion.truth is None:
        return name
    truth = motion.truth[:, [column]]
    off = [mean_error(poses[:, [column]], truth) for poses in (motion.raw, motion.smoothed)]
    if not np.isfinite(off).all():
        return f"{name}: not annotated"
    return f"{name}: {off[0]:.1f} px off as detected, {off[1]:.1f} px smoothed"
