"""A folder of YOLO's pose labels: a ``.txt`` a frame, ``class cx cy w h x y v …`` a person.

Coordinates are shares of the image's size. Ultralytics leaves the third numbers out where a model
has no visibility, and may add a confidence and a track's id at the end of the line: see
`yolo_layout.py`.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.plain import open_plain
from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.frame_files import (
    numbered_files,
    other_files,
    read_files,
    write_folder,
)
from pose_smoother.poses.formats.table_cells import number, number_text
from pose_smoother.poses.formats.tracks_io import (
    MAX_BYTES,
    Detections,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.formats.yolo_layout import (
    BOX,
    Layout,
    best,
    in_picture,
    is_possible,
    layouts,
)
from pose_smoother.poses.keypoint_names import NUMBERED, known_skeleton
from pose_smoother.poses.skeletons import skeleton as skeleton_named
from pose_smoother.poses.skeletons import with_count
from pose_smoother.poses.tracks import Floats, Poses

NAME = "yolo"
EXTENSIONS = ("",)
HAS = frozenset({"scores"})

_CELL = re.compile(rb"[^ \t\r\n]+")
_YAML_BYTES = 1 << 20
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)
#: A key at the top of a document: a list in brackets, or what stands on its line and, as items,
#: on those below it.
_KPT_SHAPE = re.compile(
    r"""^["']?kpt_shape["']?[ \t]*:(?:[ \t\r\n]*(\[[^\]]*\])|(.*(?:\n[ \t\r]*(?:-[ \t].*)?)*))""",
    re.MULTILINE,
)
_PAIR = re.compile(r"\[\s*([0-9]{1,6})\s*,\s*([23])\s*,?\s*\]|-\s+([0-9]{1,6})\s*\n\s*-\s+([23])")


def claims(path: Path) -> Evidence:
    """Whether a folder's first text file has lines of a class, a box and keypoints."""
    for file in sorted(_files(path))[:50]:
        with open_plain(file, MAX_BYTES) as text:
            lines = text.read(4096).splitlines()
        if lines and lines[0].strip():
            return Evidence.MARK if _is_label(lines[0]) else Evidence.NONE
    return Evidence.NONE


def _files(path: Path) -> list[Path]:
    """The label files of a folder."""
    return [file for file in path.glob("*.txt") if file.name != "classes.txt"]


def _is_label(line: bytes) -> bool:
    cells = _CELL.findall(line)
    try:
        box = [float(cell) for cell in cells]
    except ValueError:
        return False
    return len(cells) > BOX + 1 and cells[0].isdigit() and all(-0.1 <= v <= 1.1 for v in box[1:BOX])


def _layout(folder: Path, n: int, values: Floats, skeleton: str | None) -> tuple[Layout, list[str]]:
    """The layout of lines with n numbers after the box, and what was assumed.

    ``kpt_shape`` of a ``data.yaml`` in the folder or above it decides; else, of the layouts with
    the skeleton's number of keypoints where one is asked for, the one that the numbers fit best.
    Where several fit alike, one with a known skeleton's number of keypoints is taken.
    """
    found = [layout for layout in layouts(n) if is_possible(values, layout)]
    shape = _kpt_shape(folder)
    if shape is not None:
        found = [layout for layout in found if layout[:2] == shape]
    elif skeleton not in (None, NUMBERED):
        n_keypoints = len(skeleton_named(str(skeleton)).keypoints)
        found = [layout for layout in found if layout.n_keypoints == n_keypoints]
    else:
        found = [
            layout
            for layout in found
            if with_count(layout.n_keypoints) or in_picture(values, layout)
        ]
    if not found:
        raise InvalidInputError(
            f"{n} numbers after the box are no whole number of keypoints x y v or x y: say which "
            "skeleton with --skeleton, or put a data.yaml with kpt_shape next to the labels"
        )
    alike = best(values, found)
    taken = next((layout for layout in alike if with_count(layout.n_keypoints)), alike[0])
    others = [_told(layout) for layout in alike if layout != taken]
    if others and not with_count(taken.n_keypoints):
        raise InvalidInputError(
            f"{n} numbers after the box may be {_told(taken)} or {' or '.join(others)}: put a "
            "data.yaml with kpt_shape next to the labels, or say which skeleton with --skeleton"
        )
    if others:
        text = f"{n} numbers after the box were taken as {_told(taken)}, a known skeleton's count"
        return taken, [Caution(f"{text}, but may be {' or '.join(others)}: kpt_shape would say")]
    if taken != next((layout for layout in found if with_count(layout.n_keypoints)), found[0]):
        return taken, [f"{n} numbers after the box were taken as {_told(taken)}: they fit best"]
    return taken, []


def _told(layout: Layout) -> str:
    each = "x y v" if layout.per_point == 3 else "x y"
    after = ("", " and one more", " and two more")[layout.extra]
    n = layout.n_keypoints
    return f"{n} keypoint{'s' * (n > 1)} {each}{after}"


def _kpt_shape(folder: Path) -> tuple[int, int] | None:
    """(keypoints, numbers of each) of a ``data.yaml`` in the folder or one of two above it."""
    for above in (folder, *folder.resolve().parents[:2]):
        for name in ("data.yaml", "dataset.yaml"):
            file = above / name
            if not file.is_file():
                continue
            with open_plain(file, MAX_BYTES) as opened:
                text = opened.read(_YAML_BYTES).decode("utf-8-sig", "replace")
            given = list(_KPT_SHAPE.finditer(_COMMENT.sub("", text)))
            if given:
                return _shape(given[-1][1] or given[-1][2] or "", file)
    return None


def _shape(text: str, file: Path) -> tuple[int, int]:
    """The two numbers of a list in YAML, ``[12, 3]`` or a line each."""
    match = _PAIR.fullmatch(text.strip())
    if match is None:
        found = " ".join(text.split())
        raise InvalidInputError(
            f"{file.name}: expected kpt_shape: [keypoints, 2 or 3], found {found!r:.40}"
        )
    return int(match[1] or match[3]), int(match[2] or match[4])


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the labels; 17 keypoints are COCO's, unless ``skeleton`` names them.

    Raises
    ------
    InvalidInputError : a line has other numbers, or their layout cannot be known.
    """
    if not path.is_dir():
        raise InvalidInputError("expected a folder of labels, one .txt a frame")
    notes: list[str] = []
    listed = _files(path)
    places = numbered_files({file.name: file.name.removesuffix(".txt") for file in listed}, notes)
    files = read_files(listed, places.__getitem__)
    where: list[tuple[str, int]] = []  # file, line
    rows: list[list[float]] = []
    for name, raw in files.items():
        for index, line in enumerate(raw.splitlines()):
            cells = _CELL.findall(line)
            if cells:
                try:
                    texts = [cell.decode("ascii", "replace") for cell in cells]
                    rows.append([number(text, index, "any") for text in texts])
                except InvalidInputError as error:
                    raise InvalidInputError(f"{name}: {error}") from None
                where.append((name, index))
    lengths = sorted(set(map(len, rows)))
    if not rows or lengths[0] <= BOX or lengths[-1] - lengths[0] > 1:
        raise InvalidInputError(
            "expected lines of a class, a box and keypoints, of one length (an id may be absent), "
            f"found lengths {lengths}"
        )
    found = [places[name] for name, _ in where]
    return _poses(path, files, where, found, rows, skeleton, notes)


def _poses(
    path: Path,
    files: dict[str, bytes],
    where: list[tuple[str, int]],
    places: list[tuple[str, int]],
    rows: list[list[float]],
    skeleton: str | None,
    notes: list[str],
) -> Poses:
    n = max(map(len, rows))
    values = np.array([row + [np.nan] * (n - len(row)) for row in rows])
    complete = values[np.isfinite(values).all(axis=1)]
    judged = complete if len(complete) else np.nan_to_num(values)
    (n_keypoints, per_point, extra), taken = _layout(path, n - BOX, judged, skeleton)
    data = values[:, BOX : BOX + n_keypoints * per_point].reshape(-1, n_keypoints, per_point)
    keypoints = data[..., :2].copy()
    score = data[..., 2].copy() if per_point == 3 else np.full(data.shape[:2], np.nan)
    notes = other_files(path, files) + notes + taken
    last = values[:, -1]
    has_id = extra and (last[np.isfinite(last)] % 1 == 0).all() and (last > 1).any()
    names, assumed = known_skeleton(n_keypoints, skeleton, "coco-17")
    seen = Detections(
        [video for video, _ in places],
        [str(int(v)) if has_id and np.isfinite(v) else None for v in last.tolist()],
        np.array([frame for _, frame in places], dtype=np.int64),
        keypoints,
        score,
    )
    notes += [assumed] if assumed else []
    return to_tracks(names, seen, files, (where, per_point), notes)


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same files with other coordinates; boxes, flags, confidences and ids stay.

    Raises
    ------
    InvalidInputError : the folder exists and holds other files.
    """
    where, per_point = poses.origin.place
    new, changed = to_file_order(poses, keypoints)
    lines = {name: raw.splitlines(keepends=True) for name, raw in poses.origin.raw.items()}
    for row in np.flatnonzero(changed.any(axis=(1, 2))).tolist():
        name, index = where[row]
        lines[name][index] = _changed(lines[name][index], new[row], changed[row], per_point)
    write_folder(out, {name: b"".join(found) for name, found in lines.items()})


def _changed(line: bytes, new: Floats, changed: NDArray[np.bool_], per_point: int) -> bytes:
    """A line with other coordinates; what is between its numbers stays."""
    spans = [match.span() for match in _CELL.finditer(line)]
    parts, end = [], 0
    for keypoint, axis in np.argwhere(changed).tolist():
        start, stop = spans[BOX + keypoint * per_point + axis]
        old = line[start:stop].decode("ascii")
        parts += [line[end:start], number_text(float(new[keypoint, axis]), old).encode()]
        end = stop
    return b"".join([*parts, line[end:]])
