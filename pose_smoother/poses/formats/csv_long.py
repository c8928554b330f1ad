"""CSV with one keypoint a row: frame, keypoint, x, y; and z, person, video, score where there are.

Keypoints may be numbered, as MediaPipe's landmarks are.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.individuals import person_id
from pose_smoother.poses.formats.text_table import (
    IDENTITY,
    SCORES,
    columns,
    head_texts,
    numbers,
    parse,
)
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    named_frame,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.keypoint_names import numbered_as
from pose_smoother.poses.tracks import Floats, Poses

NAME = "csv-long"
EXTENSIONS = (".csv", ".tsv", ".txt")
HAS = frozenset({"scores", "fps", "3-D"})

_MEANINGS = {
    **IDENTITY,
    "keypoint": (
        *("keypoint", "keypoint_name", "bodypart", "bodyparts", "joint", "landmark", "node"),
        *("landmark_name", "landmark_id", "landmark_index", "landmark_idx", "keypoint_id"),
    ),
    "x": ("x", "x_px"),
    "y": ("y", "y_px"),
    "z": ("z",),
    "score": SCORES,
}
_NEEDED = ("frame", "keypoint", "x", "y")


def claims(path: Path) -> Evidence:
    """Whether the header has a column for each of frame, keypoint, x and y."""
    names = {name.strip().lower() for name in head_texts(path)}
    found = all(names & set(_MEANINGS[meaning]) for meaning in _NEEDED)
    return Evidence.NAMES if found else Evidence.NONE


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; its column names the keypoints (``skeleton`` those that are numbered).

    Raises
    ------
    InvalidInputError : a column is absent, a cell is no number, or one keypoint is twice in a frame
        with different numbers.
    """
    raw = read_bytes(path)
    table = parse(raw)
    header = table.texts(table.filled[0])
    at = columns(header, _MEANINGS)
    absent = [meaning for meaning in _NEEDED if meaning not in at]
    if absent:
        raise InvalidInputError(
            f"no column for {', '.join(absent)} among {', '.join(header)}; expected "
            f"{', '.join(_NEEDED)} and, where there are, person, video, score"
        )
    names: dict[str, int] = {}
    people: dict[tuple[str, str | None, int], int] = {}
    lines: dict[tuple[int, int], int] = {}  # (row, keypoint) → line
    at_value: dict[tuple[int, int], int] = {}  # (row, keypoint) → index in values
    repeated: list[tuple[int, int, int]] = []  # (line, row, keypoint) of rows stored twice
    values: list[list[float]] = []
    axes = ("x", "y", "z") if "z" in at else ("x", "y")
    wanted = [at[meaning] for meaning in (*axes, "score") if meaning in at]
    frames: dict[str, tuple[str, int]] = {}  # a frame's text is in the rows of all its keypoints
    ids: dict[str, str | None] = {"": None}
    for index, cells in table.rows(1, len(header)):
        text, who = cells[at["frame"]], cells[at["person"]] if "person" in at else ""
        if text not in frames:
            frames[text] = named_frame(text)
        if who not in ids:
            ids[who] = person_id(who)
        image, frame = frames[text]
        video = cells[at["video"]] if "video" in at else image
        row = people.setdefault((video, ids[who], frame), len(people))
        name = cells[at["keypoint"]].strip()
        if not name:
            raise InvalidInputError(f"line {index + 1}: the keypoint has no name")
        key = (row, names.setdefault(name, len(names)))
        value = numbers(cells, wanted, index, header)
        if key in lines:
            if np.array_equal(value, values[at_value[key]], equal_nan=True):
                repeated.append((index, *key))
                continue
            raise InvalidInputError(
                f"keypoint {name!r} is twice in frame {frame} (lines {lines[key] + 1} and "
                f"{index + 1}): two people need two ids in a column person"
            )
        lines[key], at_value[key] = index, len(values)
        values.append(value)
    place = np.full((len(people), len(names)), -1, dtype=np.int64)
    data = np.full((*place.shape, len(axes) + 1), np.nan)
    rows, keypoints = np.array(list(lines), dtype=np.int64).reshape(-1, 2).T
    place[rows, keypoints] = list(lines.values())
    data[rows, keypoints, : len(wanted)] = np.array(values).reshape(-1, len(wanted))
    seen = Detections(
        [video for video, _, _ in people],
        [person for _, person, _ in people],
        np.array([frame for _, _, frame in people], dtype=np.int64),
        data[..., :-1],
        data[..., -1],
    )
    told = [f"{len(repeated)} rows repeat another row: taken as one"] if repeated else []
    places = (place, repeated, *(at[axis] for axis in axes))
    named = numbered_as(list(names), skeleton)
    return to_tracks(named, seen, raw, places, told, table.fps)


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same rows with other coordinates; a keypoint without a row gets none."""
    place, repeated, *columns_xy = poses.origin.place
    new, changed = to_file_order(poses, keypoints)
    changes: dict[int, dict[int, float]] = {}
    spot = np.nonzero(changed & (place >= 0)[..., None])
    lines = place[spot[:2]].tolist()
    for line, axis, value in zip(lines, spot[2].tolist(), new[spot].tolist(), strict=True):
        changes.setdefault(line, {})[columns_xy[axis]] = value
    for line, row, keypoint in repeated:
        if int(place[row, keypoint]) in changes:
            changes[line] = changes[int(place[row, keypoint])]
    write_atomic(out, parse(poses.origin.raw).changed(changes))
