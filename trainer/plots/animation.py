"""A moving picture: as detected at the left, smoothed at the right, with paths behind the limbs."""

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from pose_smoother.files.atomic import write_atomic
from pose_smoother.progress_bars import bars_hidden
from pose_smoother.video.ffmpeg import find_ffmpeg
from trainer.plots.drawing import COLOURS, Camera, bare, camera, draw_paths, draw_pose
from trainer.plots.strip import row_label
from trainer.plots.track_data import Motion
from trainer.report.style import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TRAIL_FRAMES = 12
_DPI = 90
_PANEL_INCHES = 3.6  # a panel's longer side


def write_animation(motion: Motion, out: Path, rate_hz: int) -> None:
    """Write a motion as an animated GIF or as MP4, frame by frame.

    Parameters
    ----------
    rate_hz : frames shown a second.

    Raises
    ------
    InvalidInputError : MP4 without ffmpeg.
    """
    logging.getLogger("matplotlib.animation").setLevel(logging.WARNING)  # it logs its commands
    writer = _writer(out, rate_hz)
    with style(), tempfile.TemporaryDirectory() as folder:
        from matplotlib.figure import Figure

        view = camera(motion)
        width = _PANEL_INCHES * min(1.0, 1 / view.tallness)
        figure = Figure(figsize=(2 * width, width * view.tallness + 0.75), layout="constrained")
        figure.suptitle(motion.title, fontsize=10)
        axes = figure.subplots(1, 2)
        aside = Path(folder) / f"motion{out.suffix.lower()}"
        with writer.saving(figure, str(aside), _DPI):
            for at in tqdm(
                range(len(motion.frame)), desc=out.name, unit="frame", disable=bars_hidden()
            ):
                for axis, name in zip(axes, ("noisy", "smoothed"), strict=True):
                    _draw(axis, motion, name, at, view)
                writer.grab_frame()
        write_atomic(out, aside.read_bytes())


def _draw(axis: "Axes", motion: Motion, name: str, at: int, view: Camera) -> None:
    poses = motion.raw if name == "noisy" else motion.smoothed
    axis.clear()
    bare(axis)
    if motion.truth is not None:
        draw_pose(axis, motion.truth[at], motion.limbs, COLOURS["truth"], 4.0)
    draw_paths(axis, poses[max(0, at - _TRAIL_FRAMES) : at + 1], motion.trailed, COLOURS[name])
    draw_pose(axis, poses[at], motion.limbs, COLOURS[name], 1.8)
    view.aim(axis, at)
    axis.set_title(row_label(motion, name).replace("\n", ", "), color=COLOURS[name], fontsize=9)
    axis.set_xlabel(f"frame {motion.frame[at]}", fontsize=8)


def _writer(out: Path, rate_hz: int) -> Any:
    """Matplotlib's writer for GIF or MP4, by the ending."""
    from matplotlib import animation, rcParams

    if out.suffix.lower() == ".gif":
        return animation.PillowWriter(fps=rate_hz)
    rcParams["animation.ffmpeg_path"] = find_ffmpeg(f"{out}: MP4 (a .gif does not)")
    return animation.FFMpegWriter(fps=rate_hz, codec="h264", extra_args=["-pix_fmt", "yuv420p"])
