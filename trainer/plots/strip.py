"""A strip of frames: as detected above, smoothed below, the ground truth faint behind both."""

from typing import TYPE_CHECKING

import numpy as np

from trainer.plots.drawing import COLOURS, bare, camera, draw_paths, draw_pose
from trainer.plots.track_data import Motion, mean_error
from trainer.report.style import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH_INCHES = 1.75
_TRAIL_FRAMES = 6


def strip_figure(motion: Motion, n_columns: int = 6) -> "Figure":
    """Frames evenly spread over a motion; thin lines are the paths that led to them.

    Parameters
    ----------
    n_columns : frames at most.
    """
    with style():
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        n_frames = len(motion.frame)
        chosen = np.unique(np.linspace(0, n_frames - 1, n_columns).round().astype(int))
        view = camera(motion)
        size = (_WIDTH_INCHES * len(chosen) + 0.5, 2 * _WIDTH_INCHES * view.tallness + 0.6)
        close = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
        figure = Figure(figsize=size, layout=close)
        axes = figure.subplots(2, len(chosen), squeeze=False)
        rows = {"noisy": motion.raw, "smoothed": motion.smoothed}
        for row, (name, poses) in zip(axes, rows.items(), strict=True):
            for axis, at in zip(row, chosen.tolist(), strict=True):
                bare(axis)
                if motion.truth is not None:
                    draw_pose(axis, motion.truth[at], motion.limbs, COLOURS["truth"], 3.2)
                trail = poses[max(0, at - _TRAIL_FRAMES) : at + 1]
                draw_paths(axis, trail, motion.trailed, COLOURS[name])
                draw_pose(axis, poses[at], motion.limbs, COLOURS[name], 1.3)
                view.aim(axis, at)
            row[0].set_ylabel(row_label(motion, name), color=COLOURS[name])
        for axis, at in zip(axes[0], chosen.tolist(), strict=True):
            axis.set_title(f"frame {motion.frame[at]}", fontsize=8)
        figure.suptitle(motion.title, fontsize=10)
        return figure


def row_label(motion: Motion, name: str) -> str:
    """The caption of a row or panel, with its mean error where the ground truth is known."""
    poses = motion.raw if name == "noisy" else motion.smoothed
    label = "as detected" if name == "noisy" else motion.smoother
    if motion.truth is None:
        return label
    return f"{label}\n{mean_error(poses, motion.truth):.1f} px off"
