"""CSV with one keypoint a row: frame, keypoint, x, y; and z, person, video, score where there are.

Keypoints may be numbered, as MediaPipe's landmarks are; a time may be there in place of a frame.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats.apart import Rows, by_column, by_order
from pose_smoother.poses.formats.column_names import (
    IDENTITY,
    KEYPOINT,
    SCORES,
    TIME,
    columns,
    left_as_they_are,
    unit_of,
    with_meaning,
)
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.individuals import person_id
from pose_smoother.poses.formats.plain_cells import Coded, Indices
from pose_smoother.poses.formats.text_table import Table, head_texts, parse
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

NAME = "csv-long"
EXTENSIONS = (".csv", ".tsv", ".txt")
HAS = frozenset({"scores", "fps", "3-D"})

_AXIS_NAMES = (
    *("{}", "{}_px", "{}_mm", "{}_cm", "{}_m", "pos_{}", "{}_pos", "position_{}", "{}_position"),
    *("coord_{}", "{}_coord", "{}_coordinate"),
)
_MEANINGS = {
    **IDENTITY,
    "keypoint": KEYPOINT,
    **{axis: tuple(form.format(axis) for form in _AXIS_NAMES) for axis in "xyz"},
    "score": SCORES,
    "time": tuple(TIME),
}
_NEEDED = ("frame", "keypoint", "x", "y")
_OTHER_POSITION = re.compile(
    r"(?:.*[^a-z0-9])?[xy](?:[^a-z].*)?|.*[a-z0-9][XY]|[wh]|width|height", flags=re.ASCII
)
_MOST_NUMBERS = 1_000
_COMPLETE = 0.5  # share of frames with all numbers, where a column numbers keypoints


def claims(path: Path) -> Evidence:
    """Whether the header has a column for each of frame, keypoint, x and y.

    A column without such a title may number the keypoints, too.
    """
    found = _with_frame(with_meaning(head_texts(path), _MEANINGS))
    absent = set(_NEEDED) - found.keys()
    if absent == {"keypoint"}:
        with suppress(InvalidInputError):
            table = parse(read_bytes(path))
            header = table.texts(table.filled[0])
            return Evidence.NONE if _numbering(table, header, found) is None else Evidence.NAMES
    return Evidence.NONE if absent else Evidence.NAMES


def _with_frame(found: dict[str, int]) -> dict[str, int]:
    """The columns by their meaning; a time is the frame where no other column is."""
    if "time" in found:
        found.setdefault("frame", found["time"])
    return found


def _numbering(table: Table, header: Sequence[str], at: Mapping[str, int]) -> int | None:
    """The column of unknown meaning that numbers what is in a frame, the same in most frames.

    A table that has boxes or further positions is none of points.
    """
    unknown = [i for i in range(len(header)) if i not in at.values()]
    if any(_OTHER_POSITION.fullmatch(header[i].strip()) for i in unknown):
        return None
    named = [at[meaning] for meaning in IDENTITY if meaning in at]
    _, texts, _ = table.columns(1, header, [*named, *unknown], [])
    columns = [column for column in texts if isinstance(column, Coded)]
    if not unknown or not len(columns[0].codes):
        return None
    groups = np.zeros(len(columns[0].codes), np.int64)
    for column in columns[: len(named)]:
        groups = _in_order(groups * len(column.texts) + column.codes)[1]
    size = np.bincount(groups)
    for index, column in zip(unknown, columns[len(named) :], strict=True):
        n = len(column.texts)
        if not 2 <= n <= _MOST_NUMBERS or len(size) < 3:
            continue
        if set(column.texts) not in [{*map(str, range(i, i + n))} for i in (0, 1)]:
            continue
        is_once = len(np.unique(groups * n + column.codes)) == len(groups)
        if is_once and np.mean(size == n) > _COMPLETE:
            return index
    return None


def _columns(table: Table, header: list[str]) -> tuple[dict[str, int], list[str]]:
    """The columns by their meaning, with all that are needed, and what was assumed."""
    at = _with_frame(columns(header, _MEANINGS))
    notes: list[str] = []
    if set(_NEEDED) - at.keys() == {"keypoint"}:
        number = _numbering(table, header, at)
        if number is not None:
            at["keypoint"] = number
            title = header[number].strip()
            notes.append(f"column {title!r} was taken as the keypoint's number, not as a person")
    absent = [meaning for meaning in _NEEDED if meaning not in at]
    if absent:
        raise InvalidInputError(
            f"no column for {', '.join(absent)} among {', '.join(header)}; expected "
            f"{', '.join(_NEEDED)} and, where there are, person, video, score"
        )
    return at, notes


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; its column names the keypoints (``skeleton`` those that are numbered).

    Raises
    ------
    InvalidInputError : a column is absent, or a cell is no number, or times are too coarse.
    """
    raw = read_bytes(path)
    table = parse(raw)
    header = table.texts(table.filled[0])
    at, notes = _columns(table, header)
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
    n = len(names)
    is_time = at["frame"] == at.get("time")
    people, row_of, frames = _people(cells, lines, header[at["frame"]].strip(), is_time)
    notes += frames.notes
    equal: dict[int, int] = {}
    spot, first, which = _distinct(row_of * n + keypoint_of)
    if len(first) < len(which):
        rows = Rows(row_of, keypoint_of, values, list(names))
        people, row_of, equal = _set_apart(table, header, at, rows, people, notes)
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
    if is_time and len(set(people)) < len(people) and follow_each_other(seen.frame, data[..., :-1]):
        raise InvalidInputError(
            f"column {header[at['frame']].strip()!r}: several moments have one time, too coarse to "
            "be frames; add a column frame"
        )
    copies = [(int(lines[row]), *divmod(int(spot[which[row]]), n)) for row in equal]
    repeats = "row repeats" if len(equal) == 1 else "rows repeat"
    if equal:
        notes.append(f"{len(equal)} {repeats} another row: taken as one")
    notes += left_as_they_are(header, _MEANINGS, axis_columns)
    places = (place, copies, *axis_columns.values())
    numbers = numbered_as(list(names), skeleton)
    return to_tracks(numbers, seen, raw, places, notes, table.fps or frames.fps)


Person = tuple[str, str | None, int]


def _people(
    cells: Mapping[str, Coded | Indices], numbers: Indices, title: str, is_time: bool
) -> tuple[list[Person], NDArray[np.int64], Frames]:
    """(video, person, frame) of every person of a frame, each line's index among them, frames."""
    keys = np.zeros(1, np.int64)
    for column in cells.values():
        codes = column.codes if isinstance(column, Coded) else column
        keys = _in_order(keys * (int(codes.max()) + 1) + codes)[1]
    lines, which = _in_order(keys)
    here = {
        name: column.at(lines) if isinstance(column, Coded) else column[lines]
        for name, column in cells.items()
    }
    video = list(here["video"]) if "video" in here else None
    if is_time:
        unit = unit_of(title)
        frames = frames_of_times(here["frame"], numbers[lines], title, unit, video)
    else:
        frames = frames_of(here["frame"], numbers[lines], title, video)
    ids = {text: person_id(text or None) for text in here.get("person", ())}
    names = [ids[text] for text in here["person"]] if "person" in here else [None] * len(lines)
    people = list(zip(video or frames.video, names, frames.number.tolist(), strict=True))
    index: dict[Person, int] = {}
    if len(set(people)) < len(people):  # of two texts, such as 1 and 1.0
        found = [index.setdefault(person, len(index)) for person in people]
        return list(index), np.array(found, dtype=np.int64)[which], frames
    return people, which, frames


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
    table: Table,
    header: Sequence[str],
    at: Mapping[str, int],
    rows: Rows,
    people: list[Person],
    notes: list[str],
) -> tuple[list[Person], NDArray[np.int64], dict[int, int]]:
    """People, one for each detection, each row's index among them, and rows that repeat another.

    Rows of one keypoint of a person in a frame with other numbers are of another detection.
    """
    equal, others = rows.repeated()
    if not others:
        return people, rows.group, equal
    unknown = [i for i, title in enumerate(header) if i not in at.values() and title.strip()]
    texts = table.columns(1, header, unknown, [])[1] if unknown else []
    coded = [(i, c) for i, c in zip(unknown, texts, strict=True) if isinstance(c, Coded)]
    who: dict[tuple[str, str | None], int] = {}
    whose = np.array([who.setdefault(person[:2], len(who)) for person in people], dtype=np.int64)
    found = by_column(rows, coded, whose, np.array([person[2] for person in people]))
    if found is None:
        left = np.setdiff1d(np.arange(len(rows.group)), list(equal))
        found = by_order(Rows(rows.group[left], rows.keypoint[left], rows.values[left], rows.names))
        group = np.empty(len(rows.group), np.int64)
        group[left] = found.group
        group[list(equal)] = group[list(equal.values())]
    else:
        group = found.group
        equal, _ = Rows(group, rows.keypoint, rows.values, rows.names).repeated()
    first, which = _in_order(group)
    apart = [people[i] for i in rows.group[first].tolist()]
    if found.column is not None:
        title = header[found.column].strip()
        if found.follows:
            names = list(dict(coded)[found.column].at(first))
            apart = [_called(one, name, at) for one, name in zip(apart, names, strict=True)]
            notes.append(f"column {title!r} was taken as whose row it is")
        else:
            notes.append(f"column {title!r} sets the people of a frame apart, but follows nobody")
    elif found.n_unclear:
        text = "several people without ids cannot be told apart by the order of rows, and parts of "
        text += f"them may be mixed: {found.n_unclear} frames"
        notes.append(Caution(f"{text}; add a column person"))
    elif len(left) < len(first) * len(rows.names):
        notes.append("people without ids were told apart by the order of their keypoints")
    return apart, which, equal


def _called(person: Person, name: str, at: Mapping[str, int]) -> Person:
    """A person with what a further column says: who, or where that is known, of which video."""
    video, who, frame = person
    if "person" not in at:
        return video, person_id(name or None), frame
    return (f"{video}:{name}" if video else name), who, frame


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
