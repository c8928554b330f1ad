"""CSV with one keypoint a row: frame, keypoint, x, y, and person, video, score where there are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.individuals import person_id
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

NAME = "csv-long"
EXTENSIONS = (".csv", ".tsv", ".txt")

_MEANINGS = {
    **IDENTITY,
    "keypoint": ("keypoint", "keypoint_name", "bodypart", "bodyparts", "joint", "landmark", "node"),
    "x": ("x", "x_px"),
    "y": ("y", "y_px"),
    "score": SCORES,
}
_NEEDED = ("frame", "keypoint", "x", "y")


def looks_like(path: Path) -> bool:
    """Whether the header has a column for each of frame, keypoint, x and y."""
    names = {name.strip().lower() for name in head_texts(path)}
    return all(names & set(_MEANINGS[meaning]) for meaning in _NEEDED)


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; its keypoint column names the keypoints, so no skeleton is asked for.

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
    numbers: dict[tuple[int, int], int] = {}  # (row, keypoint) → index in values
    repeated: list[tuple[int, int, int]] = []  # (line, row, keypoint) of rows stored twice
    values: list[tuple[float, float, float]] = []
    for index, cells in table.rows(1, len(header)):
        image, frame = named_frame(cells[at["frame"]])
        video = cells[at["video"]] if "video" in at else image
        person = person_id(cells[at["person"]] if "person" in at else None)
        row = people.setdefault((video, person, frame), len(people))
        name = cells[at["keypoint"]].strip()
        if not name:
            raise InvalidInputError(f"line {index + 1}: the keypoint has no name")
        key = (row, names.setdefault(name, len(names)))
        x, y, score = (
            number(cells[at[m]], index, header[at[m]]) if m in at else np.nan
            for m in ("x", "y", "score")
        )
        if key in lines:
            if np.array_equal((x, y, score), values[numbers[key]], equal_nan=True):
                repeated.append((index, *key))
                continue
            raise InvalidInputError(
                f"keypoint {name!r} is twice in frame {frame} (lines {lines[key] + 1} and "
                f"{index + 1}): two people need two ids in a column person"
            )
        lines[key], numbers[key] = index, len(values)
        values.append((x, y, score))
    place = np.full((len(people), len(names)), -1, dtype=np.int64)
    data = np.full((*place.shape, 3), np.nan)
    for (row, column), line, value in zip(lines, lines.values(), values, strict=True):
        place[row, column] = line
        data[row, column] = value
    seen = Detections(
        [video for video, _, _ in people],
        [person for _, person, _ in people],
        np.array([frame for _, _, frame in people], dtype=np.int64),
        data[..., :2],
        data[..., 2],
    )
    told = [f"{len(repeated)} rows repeat another row: taken as one"] if repeated else []
    return to_tracks(list(names), seen, raw, (place, repeated, at["x"], at["y"]), told)


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same rows with other coordinates; a keypoint without a row gets none."""
    place, repeated, *columns_xy = poses.origin.place
    new, changed = to_file_order(poses, keypoints)
    changes: dict[int, dict[int, float]] = {}
    for row, keypoint, axis in np.argwhere(changed & (place >= 0)[..., None]).tolist():
        cells = changes.setdefault(int(place[row, keypoint]), {})
        cells[columns_xy[axis]] = float(new[row, keypoint, axis])
    for line, row, keypoint in repeated:
        if int(place[row, keypoint]) in changes:
            changes[line] = changes[int(place[row, keypoint])]
    write_atomic(out, parse(poses.origin.raw).changed(changes))
