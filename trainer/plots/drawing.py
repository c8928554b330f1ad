"""Drawing of poses: colours, lines and dots, and the part of the frame that is shown."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.tracks import Floats
from trainer.plots.track_data import Motion
from trainer.report.style import pdf, png, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"truth": "#c3c8cf", "noisy": "#d1495b", "smoothed": "#2a6f97"}
#: How a still picture is written, by ending.
STILLS = {".png": png, ".svg": svg, ".pdf": pdf}
MOVING = (".gif", ".mp4")
_MARGIN = 0.12  # of the person's size, to each side
_LEAST_SHAPE = 0.6  # a panel's shorter side over its longer one
_CAMERA_FRAMES = 6.0  # the camera follows slowly: it must not hide jitter


def check_ending(out: Path, may_move: bool) -> bool:
    """Whether a picture moves, by its ending; to be asked before any work.

    Raises
    ------
    InvalidInputError : an unknown ending, or a moving one for a picture that cannot move.
    """
    ending = out.suffix.lower()
    known = [*STILLS, *MOVING] if may_move else [*STILLS]
    if ending not in known:
        raise InvalidInputError(f"{out}: this picture's file must end in {', '.join(known)}")
    return ending in MOVING


def save(figure: "Figure", out: Path) -> None:
    """Write a still picture in the format that its ending asks for, atomically."""
    write_atomic(out, STILLS[out.suffix.lower()](figure))


@dataclass(frozen=True)
class Camera:
    """The centre of each frame's picture, float64 (n, 2), and its half width, in px.

    ``tallness`` is a panel's height over its width.
    """

    centre: Floats
    half_width_px: float
    half_height_px: float

    @property
    def tallness(self) -> float:
        return self.half_height_px / self.half_width_px

    def aim(self, axis: "Axes", frame: int) -> None:
        """Show that frame's part of the plane, y downwards as in pictures."""
        x, y = self.centre[frame]
        axis.set_xlim(x - self.half_width_px, x + self.half_width_px)
        axis.set_ylim(y + self.half_height_px, y - self.half_height_px)


def camera(motion: Motion) -> Camera:
    """A camera that follows the person slowly, at one distance; it goes by truth where known."""
    seen = motion.smoothed if motion.truth is None else motion.truth
    low, high = _reaches(seen)
    centre = (low + high) / 2
    known = np.isfinite(centre).all(axis=1)
    rows = np.arange(len(centre))
    filled = [np.interp(rows, rows[known], centre[known, axis]) for axis in range(2)]
    steady = gaussian_filter1d(np.stack(filled, axis=1), _CAMERA_FRAMES, axis=0, mode="nearest")
    # What reaches farthest from where the camera looks must still be seen.
    reach = np.nanmax(np.maximum(high - steady, steady - low), axis=0) * (1 + 2 * _MARGIN)
    width, height = np.maximum(reach, _LEAST_SHAPE * reach.max()).tolist()
    return Camera(steady, width or 1.0, height or 1.0)


def _reaches(poses: Floats) -> tuple[Floats, Floats]:
    """The lowest and highest x and y of each frame, (n, 2) both; NaN without any keypoint."""
    there = np.isfinite(poses)
    low = np.where(there, poses, np.inf).min(axis=1)
    high = np.where(there, poses, -np.inf).max(axis=1)
    return np.where(np.isfinite(low), low, np.nan), np.where(np.isfinite(high), high, np.nan)


def bare(axis: "Axes") -> None:
    """An axis that is only a frame for a pose."""
    axis.set(xticks=[], yticks=[], aspect="equal")
    axis.grid(visible=False)
    for side in axis.spines.values():
        side.set_visible(True)
        side.set_color("#e3e5e8")


def draw_pose(
    axis: "Axes",
    pose: NDArray[np.floating],
    limbs: tuple[tuple[int, int], ...],
    colour: str,
    width: float,
) -> None:
    """Lines and dots of a pose (J, 2); what is NaN is left out."""
    from matplotlib.collections import LineCollection

    there = np.isfinite(pose).all(axis=-1)
    ends = [pose[[a, b]] for a, b in limbs if there[a] and there[b]]
    style: Any = {"colors": colour, "linewidths": width, "capstyle": "round", "zorder": 2}
    axis.add_collection(LineCollection(ends, **style))
    axis.plot(*pose[there].T, "o", color=colour, markersize=width + 1.4, zorder=2)


def draw_paths(
    axis: "Axes", poses: NDArray[np.floating], columns: tuple[int, ...], colour: str
) -> None:
    """The paths of some keypoints over the last frames (m, J, 2), faint where long ago."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgb

    n_lines = len(poses) - 1
    for column in columns:
        path = poses[:, column]
        lines = [path[i : i + 2] for i in range(n_lines)]
        shades = [(*to_rgb(colour), 0.65 * (i + 1) / n_lines) for i in range(n_lines)]
        axis.add_collection(LineCollection(lines, colors=shades, linewidths=1.1, zorder=1))
