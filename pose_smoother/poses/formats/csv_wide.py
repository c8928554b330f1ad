"""CSV with one person of one frame a row: frame, nose_x, nose_y, nose_score, …, person, video.

A keypoint is two columns that end in x and y after ``_``, ``.``, ``-``, ``:``, ``/`` or a space, in
brackets or as a capital (Anipose and MediaPipe have z, too), perhaps with a unit; its score ends in
one of `column_names.SCORES`, or c, p, s, v. SLEAP's analysis CSV is such a table. Without a frame
column, rows are frames from 0 on. Columns x and y alone are one keypoint, ``point``.
"""

from collections.abc import Sequence
from pathlib import Path

from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.keypoint_titles import axis_alone, axis_last, grammars
from pose_smoother.poses.formats.text_table import head_texts
from pose_smoother.poses.formats.wide_table import read_wide, write_wide
from pose_smoother.poses.tracks import Floats, Poses

NAME = "csv-wide"
EXTENSIONS = (".csv", ".tsv", ".txt")
HAS = frozenset({"scores", "fps", "3-D"})


def claims(path: Path) -> Evidence:
    """Whether the header has an x and a y column of some keypoint."""
    found = grammars(head_texts(path))
    if axis_last in found:
        return Evidence.COLUMNS
    return Evidence.ENDING if axis_alone in found else Evidence.NONE


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; its header names the keypoints (``skeleton`` those that are numbered).

    Raises
    ------
    InvalidInputError : no keypoint has columns, or a cell is no number.
    """
    alone = grammars(head_texts(path)) == [axis_alone]
    return read_wide(path, skeleton, axis_alone if alone else axis_last, "nose_x and nose_y")


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same rows with other coordinates."""
    write_wide(poses, keypoints, out)
