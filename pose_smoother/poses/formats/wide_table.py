"""Tables with one individual of one frame a row, a column a coordinate: reading and writing."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats.column_names import (
    IDENTITY,
    TIME,
    columns,
    unit_of,
)
from pose_smoother.poses.formats.keypoint_titles import (
    AXES,
    Grammar,
    keypoint_columns,
    left_as_they_are,
)
from pose_smoother.poses.formats.plain_cells import Coded, Indices
from pose_smoother.poses.formats.text_table import parse
from pose_smoother.poses.formats.times import (
    Frames,
    follow_each_other,
    frames_of,
    frames_of_times,
)
from pose_smoother.poses.formats.tracks_io import (
    Detections,
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
    at = columns(header, {**IDENTITY, "time": tuple(TIME)})
    if "frame" in at:
        at.pop("time", None)
    taken = np.array(list(found.values()), dtype=np.int64)
    kinds = dict(zip(AXES, (taken >= 0).sum(axis=0).tolist(), strict=True))
    _log.debug("columns of %d keypoints: %s", len(found), kinds)
    n_axes = 3 if (taken[:, 2] >= 0).all() else 2
    partial = n_axes == 2 and (taken[:, 2] >= 0).any()
    present = taken >= 0
    wanted = taken[present].tolist()
    moment = at.get("frame", at.get("time"))
    lines, texts, data = table.columns(1, header, list(at.values()), wanted, moment)
    cells = dict(zip(at, texts, strict=True))
    n = len(lines)
    values = np.full((n, len(found), len(AXES)), np.nan)
    values[:, present] = data
    titles = {meaning: header[column].strip() for meaning, column in at.items()}
    frames = _frames(cells, lines, titles, values[..., :n_axes])
    notes = [*frames.notes, *([PARTIAL_Z] if partial else [])]
    notes += left_as_they_are(header, found)
    video = list(cells["video"]) if "video" in cells else frames.video
    person = [text or None for text in cells.get("person", [""] * n)]
    seen = Detections(video, person, frames.number, values[..., :n_axes], values[..., 3])
    names = numbered_as(list(found), skeleton)
    return to_tracks(names, seen, raw, (lines, taken[:, :n_axes]), notes, table.fps or frames.fps)


def _frames(
    cells: Mapping[str, Coded | Indices], lines: Indices, titles: Mapping[str, str], xy: Floats
) -> Frames:
    """The frame of each row: from the column frame, else from times, else rows are counted.

    Times that several rows in turn share are frames where these rows are of several individuals.
    """
    n = len(lines)
    video = list(cells["video"]) if "video" in cells else None
    if "frame" in cells:
        return frames_of(cells["frame"], lines, titles["frame"], video)
    if "time" not in cells or not n:
        return _counted(cells, n)
    title = titles["time"]
    found = _of_times(cells["time"], lines, title, video)
    if found is None:
        return _counted(cells, n)
    who = zip(
        video or found.video, cells.get("person", [""] * n), found.number.tolist(), strict=True
    )
    repeats = len(set(who)) < n
    if repeats and follow_each_other(found.number, xy):
        counted = _counted(cells, n)
        text = f"several moments share a value of column {title!r}, which was not used"
        return replace(counted, notes=(*counted.notes, text))
    back = np.flatnonzero(np.diff(found.number) < 0)
    if repeats and len(back):
        text = f"times go back at line {lines[back[0] + 1] + 1}: rows with one time were taken as "
        return replace(found, notes=(*found.notes, Caution(f"{text}several people of one frame")))
    return found


def _of_times(
    column: Coded | Indices, lines: Indices, title: str, video: Sequence[str] | None
) -> Frames | None:
    """Frames by a column of times; None where its values are not in order, as durations are.

    Where some cells hold no time, rows next to each other with one text are a frame.
    """
    try:
        found = frames_of_times(column, lines, title, unit_of(title), video)
    except InvalidInputError:
        assert isinstance(column, Coded)
        if (column.codes[1:] != column.codes[:-1]).all():
            return None
        number = np.cumsum(np.append(0, column.codes[1:] != column.codes[:-1]))
        return Frames([""] * len(number), number, notes=(f"a frame is one text in {title!r}",))
    back = np.count_nonzero(np.diff(found.number) < 0)
    return None if back > 1 and back > 0.05 * len(lines) else found


def _counted(cells: Mapping[str, Coded | Indices], n: int) -> Frames:
    """Rows as frames; where ids take turns, a frame begins where one comes again."""
    person = list(map(str, cells.get("person", ())))
    turns = [a != b for a, b in pairwise(person)]
    if len(turns) < 4 or sum(turns) < 0.8 * len(turns):
        note = "there is no column frame: rows were counted from 0"
        return Frames([""] * n, np.arange(n), notes=(note,))
    number = np.zeros(n, np.int64)
    seen: set[str] = set()
    frame = 0
    for row, name in enumerate(person):
        if name in seen:
            frame, seen = frame + 1, set()
        seen.add(name)
        number[row] = frame
    note = "there is no column frame: each began where an id came again"
    return Frames([""] * n, number, notes=(note,))


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
