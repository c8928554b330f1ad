"""OpenSim's ``.trc``, as Pose2Sim, Sports2D and motion capture write it: 3-D markers, tabs.

Three header lines with the frame rate, two with the markers' names and axes, then a line a frame:
its number, its time, and x, y, z of every marker. A blank cell is a missing coordinate.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.table_cells import number
from pose_smoother.poses.formats.text_table import Table, head_texts, parse
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    named_frame,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.tracks import Floats, Poses

NAME = "trc"
EXTENSIONS = (".trc",)
HAS = frozenset({"fps", "3-D"})

_FIRST = 2  # the columns before the first marker: the frame's number and its time
_HEADER = 5  # lines that are not blank


def claims(path: Path) -> Evidence:
    """Whether the first cell is ``PathFileType``; no other format has the ending."""
    return Evidence.MARK if head_texts(path)[:1] == ["PathFileType"] else Evidence.ENDING


def _header(table: Table) -> tuple[list[str], float | None]:
    """The markers' names and the frame rate, None where it is not given."""
    if len(table.filled) < _HEADER or table.delimiter != "\t":
        raise InvalidInputError(
            "expected five header lines separated by tabs: PathFileType, DataRate …, their values, "
            "Frame# Time and the markers' names, X1 Y1 Z1 …"
        )
    titles, values, markers, axes = (
        [text.strip() for text in table.texts(index)] for index in table.filled[1:_HEADER]
    )
    given = dict(zip(titles, values, strict=False))
    names = [name for name in markers[_FIRST:] if name]
    n_axes = sum(bool(axis) for axis in axes)
    if markers[0].lower() not in ("frame#", "frame") or not names or n_axes != 3 * len(names):
        raise InvalidInputError(
            f"line {table.filled[3] + 1}: expected Frame#, Time and a name for every X, Y, Z of "
            f"the next line, found {len(names)} names for {n_axes} axes"
        )
    rate = number(given.get("DataRate", "").replace(",", "."), table.filled[2], "DataRate")
    return names, rate if rate > 0 else None


def read(path: Path, skeleton: str | None) -> Poses:
    """The markers of the file as one track; it names them, so no skeleton is asked for.

    Raises
    ------
    InvalidInputError : the header is another one, or a cell is no number.
    """
    raw = read_bytes(path)
    table = parse(raw)
    names, fps = _header(table)
    n_cells = _FIRST + 3 * len(names)
    frames, lines, data = [], [], []
    for index, cells in table.rows(_HEADER, n_cells, ragged=True):
        frames.append(named_frame(cells[0])[1])
        lines.append(index)
        data.append([number(cell, index, "X, Y, Z") for cell in cells[_FIRST:]])
    keypoints = np.array(data, dtype=np.float64).reshape(len(lines), len(names), 3)
    seen = Detections(
        [""] * len(lines),
        ["1"] * len(lines),
        np.array(frames, dtype=np.int64),
        keypoints,
        np.full(keypoints.shape[:2], np.nan),
    )
    return to_tracks(names, seen, raw, lines, fps=fps)


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same file with other coordinates."""
    new, changed = to_file_order(poses, keypoints)
    changes: dict[int, dict[int, float]] = {}
    for row, marker, axis in np.argwhere(changed).tolist():
        cells = changes.setdefault(poses.origin.place[row], {})
        cells[_FIRST + 3 * marker + axis] = float(new[row, marker, axis])
    write_atomic(out, parse(poses.origin.raw).changed(changes))
