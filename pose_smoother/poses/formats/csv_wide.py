"""CSV with one person of one frame a row: frame, nose_x, nose_y, nose_score, …, person, video.

A keypoint is two columns that end in x and y after ``_``, ``.``, ``-``, ``:`` or a space; its
score ends in one of `table.SCORES`, or c, p, s. Without a frame column, rows are frames from 0 on.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.text_table import (
    IDENTITY,
    SCORES,
    columns,
    head_texts,
    number,
    parse,
)
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    named_frame,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.tracks import Floats, Poses

NAME = "csv-wide"
EXTENSIONS = (".csv", ".tsv", ".txt")
HAS = frozenset({"scores"})

_COLUMN = re.compile(rf"(.+)[_.:\- ](?:(x|y)|({'|'.join(SCORES)}|c|p|s))", flags=re.IGNORECASE)


def keypoint_columns(header: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Columns (x, y, score; -1 without one) of every keypoint that has x and y, by its name."""
    found: dict[str, list[int]] = {}
    for column, title in enumerate(header):
        match = _COLUMN.fullmatch(title.strip())
        if match:
            kind = "xy".index(match[2].lower()) if match[2] else 2
            place = found.setdefault(match[1], [-1, -1, -1])
            if place[kind] >= 0:
                raise InvalidInputError(f"two columns for {title.strip()!r}")
            place[kind] = column
    return {name: (x, y, s) for name, (x, y, s) in found.items() if x >= 0 and y >= 0}


def claims(path: Path) -> Evidence:
    """Whether the header has an x and a y column of some keypoint."""
    try:
        found = bool(keypoint_columns(head_texts(path)))
    except InvalidInputError:  # a column is there twice: reading says so
        found = True
    return Evidence.COLUMNS if found else Evidence.NONE


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; its header names the keypoints, so no skeleton is asked for.

    Raises
    ------
    InvalidInputError : no keypoint has columns, or a cell is no number.
    """
    raw = read_bytes(path)
    table = parse(raw)
    header = table.texts(table.filled[0])
    found = keypoint_columns(header)
    if not found:
        raise InvalidInputError(f"no columns like nose_x and nose_y among {', '.join(header[:12])}")
    at = columns(header, IDENTITY)
    taken = np.array(list(found.values()), dtype=np.int64)
    told = [] if "frame" in at else ["there is no column frame: rows were counted from 0"]
    video, person, frames, lines = [], [], [], []
    data = []
    wanted = taken.ravel().tolist()
    for row, (index, cells) in enumerate(table.rows(1, len(header))):
        image, frame = named_frame(cells[at["frame"]]) if "frame" in at else ("", row)
        video.append(cells[at["video"]] if "video" in at else image)
        person.append((cells[at["person"]] if "person" in at else "") or None)
        frames.append(frame)
        lines.append(index)
        data.append([number(cells[c], index, header[c]) if c >= 0 else np.nan for c in wanted])
    values = np.array(data, dtype=np.float64).reshape(len(lines), len(found), 3)
    frame_array = np.array(frames, dtype=np.int64)
    seen = Detections(video, person, frame_array, values[..., :2], values[..., 2])
    return to_tracks(list(found), seen, raw, (lines, taken[:, :2]), told)


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same rows with other coordinates."""
    lines, column = poses.origin.place
    new, changed = to_file_order(poses, keypoints)
    changes: dict[int, dict[int, float]] = {}
    for row in np.flatnonzero(changed.any(axis=(1, 2))).tolist():
        at = changed[row]
        cells = zip(column[at].tolist(), new[row][at].tolist(), strict=True)
        changes.setdefault(lines[row], {}).update(cells)
    write_atomic(out, parse(poses.origin.raw).changed(changes))
