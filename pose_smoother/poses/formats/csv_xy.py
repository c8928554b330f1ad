"""CSV with one person of one frame a row, the axis before the keypoint: x_0, y_0, x_1, …

``x0`` and ``x[0]`` are numbered keypoints, too, and ``x_nose`` is a named one; scores begin with
one of `column_names.SCORES`, or c, p, s, v. MediaPipe's landmarks are often written so.
"""

from collections.abc import Sequence
from pathlib import Path

from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.keypoint_titles import axis_first, grammars
from pose_smoother.poses.formats.text_table import head_texts
from pose_smoother.poses.formats.wide_table import read_wide, write_wide
from pose_smoother.poses.tracks import Floats, Poses

NAME = "csv-xy"
EXTENSIONS = (".csv", ".tsv", ".txt")
HAS = frozenset({"scores", "fps", "3-D"})


def claims(path: Path) -> Evidence:
    """Whether the header has an x and a y column of some keypoint."""
    return Evidence.COLUMNS if axis_first in grammars(head_texts(path)) else Evidence.NONE


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; ``skeleton`` names its keypoints, else they have their numbers.

    Raises
    ------
    InvalidInputError : no keypoint has columns, or a cell is no number.
    """
    return read_wide(path, skeleton, axis_first, "x_0 and y_0")


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same rows with other coordinates."""
    write_wide(poses, keypoints, out)
