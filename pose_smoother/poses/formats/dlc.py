"""DeepLabCut's tables, ``.csv`` and ``.h5``: a row a frame, a column a coordinate.

Lightning Pose and EKS write such tables, too, with more columns, which stay as they are.

Columns have three or four labels: scorer, (individual,) bodypart and x, y, z or likelihood. Rows
are named by frame numbers, or by images as in ``labeled-data/video/img0012.png``. A CSV that went
through pandas may lack the row of scorers, or have one more column of row numbers in front.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.hdf5_utils import file_evidence, groups, is_hdf5
from pose_smoother.poses.formats.pandas_h5 import Block, read_frame, with_values
from pose_smoother.poses.formats.plain_cells import Coded, Indices
from pose_smoother.poses.formats.text_table import Table, head_texts, parse
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    named_frame,
    named_frames,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.formats.wide_table import PARTIAL_Z
from pose_smoother.poses.tracks import Floats, Poses

NAME = "dlc"
EXTENSIONS = (".csv", ".h5", ".hdf5")
HAS = frozenset({"scores", "3-D"})

_COORDS = {"x": 0, "y": 1, "z": 2, "likelihood": 3}
_LABELS = ("scorer", "individuals", "bodyparts")  # of the first row
_ALONE = "1"  # the person of a file without individuals


@dataclass(frozen=True)
class CsvStore:
    """Where the values of a CSV are: the lines of the rows, and the column of the first value."""

    lines: Indices
    first: int


def claims(path: Path) -> Evidence:
    """Whether a table's first cell labels a row of labels, or an HDF5 file has a pandas frame."""
    if path.suffix.lower() in EXTENSIONS[1:] or is_hdf5(path):
        return file_evidence(path, lambda file: any("pandas_type" in g.attrs for g in groups(file)))
    return Evidence.MARK if _labels_at(head_texts(path)) is not None else Evidence.NONE


def _labels_at(cells: Sequence[str]) -> int | None:
    """The column of the rows' labels by the first row's cells; None of another table.

    The labels of a keypoint's coordinates are alike, except what pandas appends (``S``, ``S.1``).
    """
    at = 1 if cells and (not cells[0].strip() or cells[0].startswith("Unnamed")) else 0
    label = cells[at].strip().lower() if len(cells) > at else ""
    if label == "scorer" and at == 0:
        return at
    if len(cells) < at + 3:
        return None
    one, other = cells[at + 1 : at + 3]
    is_twice = one == other or (label == "scorer" and other == f"{one}.1")
    return at if label in _LABELS and is_twice else None


def _header(table: Table) -> tuple[list[list[str]], int, int]:
    """The rows of labels: scorer, (individuals,) bodyparts, coords.

    Returns
    -------
    (the rows, the column that they begin in, how many lines are above the values)
    """
    rows = [table.texts(index) for index in table.filled[:6]]
    at = (_labels_at(rows[0]) if rows else None) or 0
    names = [row[at].strip().lower() if len(row) > at else "" for row in rows]
    if "coords" not in names[:5]:
        raise InvalidInputError("expected header rows scorer, (individuals,) bodyparts, coords")
    n_rows = names.index("coords") + 1
    header = [row[at:] for row in rows[:n_rows]]
    if len({len(line) for line in header}) > 1:
        raise InvalidInputError("expected header rows of one length")
    if names[0] != "scorer":
        header.insert(0, [""] * len(header[0]))
    is_named = len(rows) > n_rows and _names_index(rows[n_rows][at:])
    return header, at, n_rows + is_named


def _names_index(cells: Sequence[str]) -> bool:
    """Whether a row is the name that pandas gives the row numbers."""
    return bool(cells) and cells[0].strip().isalpha() and not any(map(str.strip, cells[1:]))


def _csv(table: Table) -> tuple[list[str] | Indices, list[tuple[str, ...]], Floats, CsvStore]:
    """Names or numbers of rows, column labels, values float64 (n, C), and where they are.

    Columns that are no coordinates (a text such as ``train`` among them) are NaN.
    """
    header, at, n_above = _header(table)
    # Newer annotation files name an image by three columns; their header cells are empty.
    n_names = 3 if header[-1][1:3] == ["", ""] else 1
    columns = list(zip(*(line[n_names:] for line in header), strict=True))
    first = at + n_names
    wanted = [i + first for i, labels in enumerate(columns) if labels[-1] in _COORDS]
    frame = at if n_names == 1 else None
    titles = [""] * at + header[-1]
    lines, names, found = table.columns(n_above, titles, range(at, first), wanted, frame)
    rows = names[0]
    named = list(map("/".join, zip(*names, strict=True))) if isinstance(rows, Coded) else rows
    values = np.full((len(lines), len(columns)), np.nan)
    values[:, np.array(wanted, dtype=np.int64) - first] = found
    return named, columns, values, CsvStore(lines, first)


def _layout(columns: list[tuple[str, ...]]) -> tuple[list[str], list[str], NDArray[np.int64]]:
    """Names of keypoints and people, and each number's column: int64 (people, J, 4), -1 none.

    A keypoint has columns x and y, and z where all have it; other columns, such as a variance, are
    left as they are.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for column, labels in enumerate(columns):
        if len(labels) not in (3, 4) or labels[-1] not in _COORDS:
            continue
        key = (labels[1] if len(labels) == 4 else _ALONE, labels[-2])
        at = found.setdefault(key, [-1] * len(_COORDS))
        if at[_COORDS[labels[-1]]] >= 0:
            raise InvalidInputError(f"two columns for {' '.join(labels)}")
        at[_COORDS[labels[-1]]] = column
    found = {key: at for key, at in found.items() if min(at[:2]) >= 0}
    if not found:
        raise InvalidInputError(
            "expected columns of (scorer, bodypart, x|y|z|likelihood), with or without an "
            f"individual, found {columns[0] if columns else 'none'}"
        )
    people = {name: i for i, name in enumerate(dict.fromkeys(person for person, _ in found))}
    names = {name: i for i, name in enumerate(dict.fromkeys(keypoint for _, keypoint in found))}
    place = np.full((len(people), len(names), len(_COORDS)), -1, dtype=np.int64)
    for (person, keypoint), at in found.items():
        place[people[person], names[keypoint]] = at
    return list(names), list(people), place


def _image(name: str) -> tuple[str, int]:
    """(video, frame) of a row: a number, or an image in the folder of its video."""
    folder, _, file = name.replace("\\", "/").rpartition("/")
    video, frame = named_frame(file)
    return (folder.rpartition("/")[2] or video), frame


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of a table; it names its keypoints, so no skeleton is asked for.

    Raises
    ------
    InvalidInputError : the file is no such table.
    """
    raw = read_bytes(path)
    store: list[Block] | CsvStore
    if path.suffix.lower() not in EXTENSIONS[1:] and not is_hdf5(path):
        rows, columns, values, store = _csv(parse(raw))
    else:
        rows, store = read_frame(raw)
        columns = [labels for block in store for labels in block.columns]
        values = np.concatenate([block.values for block in store], axis=1)
    names, people, place = _layout(columns)
    padded = np.concatenate([values, np.full((len(values), 1), np.nan)], axis=1)
    data = padded[:, place]  # (n, people, J, 4); -1 is the padding
    if isinstance(rows, list):
        images = [_image(name) for name in rows]
        videos = [video for video, _ in images]
        frames = np.array([frame for _, frame in images], dtype=np.int64)
    else:
        videos, frames = named_frames(rows)
    data = data.reshape(-1, len(names), len(_COORDS))
    has_z = place[..., _COORDS["z"]] >= 0
    n_axes = 3 if has_z.all() else 2
    notes = [PARTIAL_Z] if has_z.any() and n_axes == 2 else []
    seen = Detections(
        [video for video in videos for _ in people],
        list(people) * len(videos),
        np.repeat(frames, len(people)),
        data[..., :n_axes],
        data[..., _COORDS["likelihood"]],
    )
    return to_tracks(names, seen, raw, (place[..., :n_axes], store), notes)


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same table with other coordinates."""
    place, store = poses.origin.place
    raw = poses.origin.raw
    new, changed = (x.reshape(-1, *place.shape) for x in to_file_order(poses, keypoints))
    changed = changed & (place >= 0)
    rows, *spot = np.nonzero(changed)
    columns = place[tuple(spot)]
    values = new[changed]
    if isinstance(store, CsvStore):
        changes: dict[int, dict[int, float]] = {}
        triples = zip(rows.tolist(), columns.tolist(), values.tolist(), strict=True)
        for row, column, value in triples:
            changes.setdefault(int(store.lines[row]), {})[column + store.first] = value
        write_atomic(out, parse(raw).changed(changes))
        return
    stored = np.concatenate([block.values for block in store], axis=1)
    stored[rows, columns] = values
    edges = np.cumsum([len(block.columns) for block in store])[:-1]
    write_atomic(out, with_values(raw, store, np.split(stored, edges, axis=1)))
