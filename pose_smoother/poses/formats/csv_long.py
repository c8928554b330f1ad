"""CSV with one keypoint a row: frame, keypoint, x, y; and z, person, video, score where there are.

Keypoints may be numbered, as MediaPipe's landmarks are.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.column_names import (
    IDENTITY,
    KEYPOINT,
    SCORES,
    columns,
    left_as_they_are,
    with_meaning,
)
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.individuals import person_id
from pose_smoother.poses.formats.plain_cells import Coded, Indices
from pose_smoother.poses.formats.text_table import head_texts, parse
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    named_frames,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.keypoint_names import numbered_as
from pose_smoother.poses.tracks import Floats, Poses

NAME = "csv-long"
EXTENSIONS = (".csv", ".tsv", ".txt")
HAS = frozenset({"scores", "fps", "3-D"})

_AXIS_NAMES = (
    *("{}", "{}_px", "{}_mm", "{}_cm", "{}_m", "pos_{}", "{}_pos", "position_{}", "{}_position"),
    *("coord_{}", "{}_coord", "{}_coordinate"),
)
_MEANINGS = {
    **IDENTITY,
    "frame": (*IDENTITY["frame"], "time", "t"),
    "keypoint": KEYPOINT,
    **{axis: tuple(form.format(axis) for form in _AXIS_NAMES) for axis in "xyz"},
    "score": SCORES,
}
_NEEDED = ("frame", "keypoint", "x", "y")


def claims(path: Path) -> Evidence:
    """Whether the header has a column for each of frame, keypoint, x and y."""
    found = with_meaning(head_texts(path), _MEANINGS)
    return Evidence.NAMES if found.keys() >= set(_NEEDED) else Evidence.NONE


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; its column names the keypoints (``skeleton`` those that are numbered).

    Raises
    ------
    InvalidInputError : a column is absent, or a cell is no number.
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
    axes = ("x", "y", "z") if "z" in at else ("x", "y")
    axis_columns = {axis: at[axis] for axis in axes}
    given = [meaning for meaning in (*axes, "score") if meaning in at]
    named = [meaning for meaning in (*IDENTITY, "keypoint") if meaning in at]
    lines, texts, values = table.columns(
        1, header, [at[m] for m in named], [at[m] for m in given], at["frame"]
    )
    cells = dict(zip(named, texts, strict=True))
    if not len(lines):
        raise InvalidInputError("nobody is in it: no frame has a person with keypoints")
    names, keypoint_of = _names(cells.pop("keypoint"), lines)
    people, row_of = _people(cells)
    n = len(names)
    repeated = _set_apart(values, keypoint_of, people, row_of)
    spot, first, which = _distinct(row_of * n + keypoint_of)
    place = np.full((len(people), n), -1, dtype=np.int64)
    data = np.full((len(people), n, len(axes) + 1), np.nan)
    place.ravel()[spot] = lines[first]
    data.reshape(place.size, -1)[spot, : len(given)] = values[first]
    seen = Detections(
        [video for video, _, _ in people],
        [person for _, person, _ in people],
        np.array([frame for _, _, frame in people], dtype=np.int64),
        data[..., :-1],
        data[..., -1],
    )
    copies = [(int(lines[row]), *divmod(int(spot[which[row]]), n)) for row in repeated]
    n_copies = len(repeated)
    repeats = "row repeats" if n_copies == 1 else "rows repeat"
    notes = [f"{n_copies} {repeats} another row: taken as one"] if repeated else []
    notes += left_as_they_are(header, _MEANINGS, axis_columns)
    places = (place, copies, *axis_columns.values())
    numbers = numbered_as(list(names), skeleton)
    return to_tracks(numbers, seen, raw, places, notes, table.fps)


def _people(
    cells: Mapping[str, Coded | Indices],
) -> tuple[list[tuple[str, str | None, int]], NDArray[np.int64]]:
    """(video, person, frame) of every person of a frame, and each line's index among them."""
    keys = np.zeros(1, np.int64)
    for column in cells.values():
        codes = column.codes if isinstance(column, Coded) else column
        keys = _in_order(keys * (int(codes.max()) + 1) + codes)[1]
    lines, which = _in_order(keys)
    here = {
        name: column.at(lines) if isinstance(column, Coded) else column[lines]
        for name, column in cells.items()
    }
    images, frames = named_frames(here["frame"])
    ids = {text: person_id(text or None) for text in here.get("person", ())}
    names = [ids[text] for text in here["person"]] if "person" in here else [None] * len(lines)
    people = list(zip(here.get("video", images), names, frames.tolist(), strict=True))
    index: dict[tuple[str, str | None, int], int] = {}
    if len(set(people)) < len(people):  # of two texts, such as 1 and 1.0
        numbers = [index.setdefault(person, len(index)) for person in people]
        return list(index), np.array(numbers, dtype=np.int64)[which]
    return people, which


def _in_order(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each different key is first, in order, and each key's number among them."""
    _, first, which = _distinct(keys)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[which]


def _distinct(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """The different keys in ascending order, where each is first, and each key's number of them."""
    if (keys[1:] >= keys[:-1]).all():  # as most files are sorted
        is_first = np.concatenate([[True], keys[1:] > keys[:-1]])
        first = np.flatnonzero(is_first)
        return keys[first], first, np.cumsum(is_first) - 1
    different, first, which = np.unique(keys, return_index=True, return_inverse=True)
    return different, first, which.ravel()


def _names(
    column: Coded | Indices, lines: NDArray[np.int64]
) -> tuple[list[str], NDArray[np.int64]]:
    """Every keypoint's name, and each line's index among them."""
    assert isinstance(column, Coded)  # only frames come as numbers
    names: dict[str, int] = {}
    index = [names.setdefault(text.strip(), len(names)) for text in column.texts]
    which = np.array(index, dtype=np.int64)[column.codes]
    if "" in names:
        blank = int(np.flatnonzero(which == names[""])[0])
        raise InvalidInputError(f"line {lines[blank] + 1}: the keypoint has no name")
    return list(names), which


def _set_apart(
    values: Floats,
    keypoint_of: NDArray[np.int64],
    people: list[tuple[str, str | None, int]],
    row_of: NDArray[np.int64],
) -> list[int]:
    """The rows that repeat an earlier row of one keypoint of a person in a frame.

    A row with other numbers is of one more detection with the same id: it is added to ``people``,
    and ``row_of`` says so.
    """
    n = int(keypoint_of.max()) + 1
    spot = row_of * n + keypoint_of
    _, first, which = _distinct(spot)
    repeated = []
    found: dict[int, list[int]] = {}
    added: dict[tuple[int, int], int] = {}
    for row in np.flatnonzero(first[which] != np.arange(len(which))).tolist():
        earlier = found.setdefault(int(spot[row]), [int(first[which[row]])])
        same = (e for e in earlier if np.array_equal(values[row], values[e], equal_nan=True))
        if (equal := next(same, None)) is not None:
            row_of[row] = row_of[equal]
            repeated.append(row)
            continue
        person = int(spot[row]) // n
        row_of[row] = added.setdefault((person, len(earlier)), len(people))
        if row_of[row] == len(people):
            people.append(people[person])
        earlier.append(row)
    return repeated


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
