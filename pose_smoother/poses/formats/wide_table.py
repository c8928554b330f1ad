"""Tables with one individual of one frame a row, a column a coordinate: reading and writing."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats.column_names import IDENTITY, columns
from pose_smoother.poses.formats.keypoint_titles import (
    AXES,
    Grammar,
    keypoint_columns,
    left_as_they_are,
)
from pose_smoother.poses.formats.text_table import parse
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    named_frames,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.keypoint_names import numbered_as
from pose_smoother.poses.tracks import Floats, Poses

_log = logging.getLogger(__name__)

PARTIAL_Z = Caution("only some keypoints have z: smoothed in x and y, z stays as it is")


def read_wide(path: Path, skeleton: str | None, meaning: Grammar, example: str) -> Poses:
    """Tracks of a table whose header names the keypoints, or numbers them.

    Where every keypoint has a z column, positions are 3-D; else z columns are left as they are.

    Parameters
    ----------
    skeleton : names numbered keypoints.
    meaning : what a column's title says.
    example : of two titles, for the message where there are none.

    Raises
    ------
    InvalidInputError : no keypoint has columns, or a cell is no number.
    """
    raw = read_bytes(path)
    table = parse(raw)
    header = table.texts(table.filled[0])
    found = keypoint_columns(header, meaning)
    if not found:
        raise InvalidInputError(f"no columns like {example} among {', '.join(header[:12])}")
    at = columns(header, IDENTITY)
    taken = np.array(list(found.values()), dtype=np.int64)
    kinds = dict(zip(AXES, (taken >= 0).sum(axis=0).tolist(), strict=True))
    _log.debug("columns of %d keypoints: %s", len(found), kinds)
    n_axes = 3 if (taken[:, 2] >= 0).all() else 2
    notes = [] if "frame" in at else ["there is no column frame: rows were counted from 0"]
    if n_axes == 2 and (taken[:, 2] >= 0).any():
        notes.append(PARTIAL_Z)
    notes += left_as_they_are(header, found)
    present = taken >= 0
    wanted = taken[present].tolist()
    lines, texts, data = table.columns(1, header, list(at.values()), wanted, at.get("frame"))
    cells = dict(zip(at, texts, strict=True))
    n = len(lines)
    images, numbers = [""] * n, np.arange(n)
    if "frame" in at:
        images, numbers = named_frames(cells["frame"])
    video = list(cells["video"]) if "video" in cells else images
    person = [text or None for text in cells.get("person", [""] * n)]
    values = np.full((n, len(found), len(AXES)), np.nan)
    values[:, present] = data
    seen = Detections(video, person, numbers, values[..., :n_axes], values[..., 3])
    names = numbered_as(list(found), skeleton)
    return to_tracks(names, seen, raw, (lines, taken[:, :n_axes]), notes, table.fps)


def write_wide(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same rows with other coordinates."""
    lines, column = poses.origin.place
    new, changed = to_file_order(poses, keypoints)
    changes: dict[int, dict[int, float]] = {}
    for row in np.flatnonzero(changed.any(axis=(1, 2))).tolist():
        at = changed[row]
        cells = zip(column[at].tolist(), new[row][at].tolist(), strict=True)
        changes.setdefault(int(lines[row]), {}).update(cells)
    write_atomic(out, parse(poses.origin.raw).changed(changes))
