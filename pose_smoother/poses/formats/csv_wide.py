"""CSV with one person of one frame a row: frame, nose_x, nose_y, nose_score, …, person, video.

A keypoint is two columns that end in x and y after ``_``, ``.``, ``-``, ``:``, ``/`` or a space, in
brackets or as a capital (Anipose and MediaPipe have z, too), perhaps with a unit; its score ends in
one of `column_names.SCORES`, or c, p, s. SLEAP's analysis CSV is such a table. Without a frame
column, rows are frames from 0 on. Columns x and y alone are one keypoint, ``point``.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from pose_smoother.poses.formats.column_names import SCORES
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.text_table import head_texts
from pose_smoother.poses.formats.wide_table import AXES, has_keypoints, read_wide, write_wide
from pose_smoother.poses.tracks import Floats, Poses

NAME = "csv-wide"
EXTENSIONS = (".csv", ".tsv", ".txt")
HAS = frozenset({"scores", "fps", "3-D"})

_WHAT = rf"(?:(x|y|z)|({'|'.join(SCORES)}|c|p|s))"
_UNIT = r"(?:[_ ]?(?:px|pixels?|mm|cm)|[_ ]?[\[(](?:px|pixels?|mm|cm|m)[\])])?"
_COLUMNS = (
    re.compile(rf"(.+)[_.:/\- ]{_WHAT}{_UNIT}", flags=re.IGNORECASE),
    re.compile(rf"(.+?)[_.:\- ]?[\[(]{_WHAT}[\])]", flags=re.IGNORECASE),
    re.compile(rf"(.*[a-z0-9])(?:([XYZ])|({'|'.join(map(str.title, SCORES))}))"),
)


def _meaning(title: str) -> tuple[str, int] | None:
    """A keypoint's name and axis from ``nose_x`` or ``nose.score``."""
    match = next(filter(None, (column.fullmatch(title) for column in _COLUMNS)), None)
    if match is None:
        return None
    return match[1], AXES.index(match[2].lower() if match[2] else "score")


def _meaning_of_point(title: str) -> tuple[str, int] | None:
    """The axis of a column ``x`` or ``score`` of a table of one point."""
    match = re.fullmatch(_WHAT, title.strip(), flags=re.IGNORECASE)
    return _meaning(f"point_{match[0]}") if match else None


def claims(path: Path) -> Evidence:
    """Whether the header has an x and a y column of some keypoint."""
    header = head_texts(path)
    if has_keypoints(header, _meaning):
        return Evidence.COLUMNS
    return Evidence.ENDING if has_keypoints(header, _meaning_of_point) else Evidence.NONE


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; its header names the keypoints (``skeleton`` those that are numbered).

    Raises
    ------
    InvalidInputError : no keypoint has columns, or a cell is no number.
    """
    header = head_texts(path)
    alone = not has_keypoints(header, _meaning) and has_keypoints(header, _meaning_of_point)
    return read_wide(path, skeleton, _meaning_of_point if alone else _meaning, "nose_x and nose_y")


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same rows with other coordinates."""
    write_wide(poses, keypoints, out)
