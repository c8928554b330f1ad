"""CSV with one person of one frame a row, the axis before the keypoint: x_0, y_0, x_1, …

``x0`` and ``x[0]`` are numbered keypoints, too, and ``x_nose`` is a named one; scores begin with
one of `column_names.SCORES`, or c, p, s, v. MediaPipe's landmarks are often written so.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from pose_smoother.poses.formats.column_names import SCORES
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.text_table import head_texts
from pose_smoother.poses.formats.wide_table import AXES, has_keypoints, read_wide, write_wide
from pose_smoother.poses.tracks import Floats, Poses

NAME = "csv-xy"
EXTENSIONS = (".csv", ".tsv", ".txt")
HAS = frozenset({"scores", "fps", "3-D"})

_COLUMN = re.compile(
    rf"(?:(x|y|z)|({'|'.join(SCORES)}|c|p|s|v))(?:[_.:\- ]?\[?(\d+)\]?|[_.:\- ](.+))",
    flags=re.IGNORECASE,
)


def _meaning(title: str) -> tuple[str, int] | None:
    """A keypoint's name and axis from ``x_0``, ``x0``, ``x_nose`` or ``visibility_0``."""
    match = _COLUMN.fullmatch(title)
    if match is None:
        return None
    return match[3] or match[4], AXES.index(match[1].lower() if match[1] else "score")


def claims(path: Path) -> Evidence:
    """Whether the header has an x and a y column of some keypoint."""
    return Evidence.COLUMNS if has_keypoints(head_texts(path), _meaning) else Evidence.NONE


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; ``skeleton`` names its keypoints, else they have their numbers.

    Raises
    ------
    InvalidInputError : no keypoint has columns, or a cell is no number.
    """
    return read_wide(path, skeleton, _meaning, "x_0 and y_0")


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same rows with other coordinates."""
    write_wide(poses, keypoints, out)
