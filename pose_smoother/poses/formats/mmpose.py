"""MMPose's predictions: a list of frames with instances, bare or as ``instance_info``.

Frames may be bare lists of instances. An image's file is a list of instances without frames: one
frame, 0; a folder of such files is one recording. Names come from ``meta_info``.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.frame_files import (
    numbered_files,
    other_files,
    read_files,
    write_folder,
)
from pose_smoother.poses.formats.json_utils import (
    dump,
    head,
    load,
    member,
    numbers,
    person_name,
)
from pose_smoother.poses.formats.point_lists import point_array, put_points, with_score
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    frame_number,
    frame_rate,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.keypoint_names import known_skeleton
from pose_smoother.poses.tracks import Floats, Poses

NAME = "mmpose"
EXTENSIONS = ("", ".json")
HAS = frozenset({"scores", "fps", "3-D"})
_MOST_EMPTY = 50  # files without anybody at the beginning of a folder
PERSON_KEYS = ("track_id", "person_id", "instance_id")


def claims(path: Path) -> Evidence:
    """Whether the first keys are those of frames with instances, or of instances with scores.

    Of a folder, whether the first file with anybody in it is an image's.
    """
    if path.is_dir():
        starts = (
            head(file).replace(b" ", b"") for file in sorted(path.glob("*.json"))[:_MOST_EMPTY]
        )
        first = next((start for start in starts if start.strip() not in (b"", b"[]")), b"")
        image = first.startswith(b"[") and b'"keypoint_scores"' in first
        own = image and b'"instances"' not in first and b'"image_id"' not in first
        return Evidence.NAMES if own else Evidence.NONE
    start = head(path)
    if start.startswith(b"{"):
        return Evidence.MARK if b'"instance_info"' in start else Evidence.NONE
    bare = b'"instances"' in start or b'"keypoint_scores"' in start
    found = start.startswith(b"[") and bare and b'"image_id"' not in start
    return Evidence.NAMES if found else Evidence.NONE


def _documents(path: Path, notes: list[str]) -> tuple[dict[str, bytes], dict[str, tuple[str, int]]]:
    """The bytes and the (video, frame) of a file, or of a folder's files in the order of those."""
    if not path.is_dir():
        return {"": read_bytes(path)}, {"": ("", 0)}
    listed = list(path.glob("*.json"))
    places = numbered_files({file.name: file.name.removesuffix(".json") for file in listed}, notes)
    files = read_files(listed, places.__getitem__)
    if not files:
        raise InvalidInputError("no JSON file is in the folder")
    return files, places


def _instances(document: Any, image: int | None = None) -> list[tuple[int, dict[str, Any]]]:
    """(frame, instance) of everyone with keypoints, in the file's order.

    ``image`` is the frame of a folder's file, which holds one image's people.
    """
    with_meta = isinstance(document, dict)
    listed = member(document, "instance_info", list, "the file") if with_meta else document
    if not isinstance(listed, list):
        raise InvalidInputError(f"expected a list of frames, found {listed!r:.40}")
    found = []
    by_frame = bool(listed) and all(isinstance(item, list) for item in listed)
    if by_frame and image is not None and len(listed) > 1:
        raise InvalidInputError(f"expected one image's people, found {len(listed)} lists of them")
    for index, item in enumerate(listed):
        where = f"item {index + 1}"
        if by_frame:
            item = {"instances": item, "frame_id": index if image is None else image}
        if not isinstance(item, dict):
            raise InvalidInputError(f"{where}: expected an object, found {item!r:.40}")
        if "instances" in item:
            frame = _number(item.get("frame_id", index))
            people = member(item, "instances", list, where)
        else:
            frame, people = image or 0, [item]
        if not all(isinstance(person, dict) for person in people):
            raise InvalidInputError(f"{where}: expected instances as objects")
        found += [(frame, person) for person in people if person.get("keypoints")]
    return found


def _number(value: Any) -> int:
    """A frame's number, which may be a text of digits."""
    is_digits = isinstance(value, str) and value.isascii() and value.isdecimal()
    return frame_number(int(value) if is_digits and len(value) < 19 else value)


def _names(document: Any, n: int) -> tuple[str, ...] | None:
    """The names under ``meta_info``, None where they are not all there."""
    meta = document.get("meta_info") if isinstance(document, dict) else None
    table = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if not isinstance(table, dict) or sorted(table) != sorted(map(str, range(n))):
        return None
    return tuple(str(table[str(i)]) for i in range(n))


def _scores(people: list[dict[str, Any]], n: int, where: Callable[[int], str]) -> Floats | None:
    """Scores float64 (N, n), NaN where an instance has none; None where nobody has any."""
    lists = [person.get("keypoint_scores") for person in people]
    rows = [row for row, value in enumerate(lists) if value is not None]
    if not rows:
        return None
    found = np.full((len(people), n), np.nan)
    try:
        together = np.array([lists[row] for row in rows], dtype=np.float64)
        if together.shape != (len(rows), n):
            raise ValueError
        found[rows] = together
    except (ValueError, TypeError):
        for row in rows:
            values = numbers(lists[row], f"{where(row)}, keypoint_scores")
            if values.shape != (n,):
                raise InvalidInputError(
                    f"{where(row)}: expected {n} keypoint_scores, found {values.shape}"
                ) from None
            found[row] = values
    return found


def _fps(document: Any) -> float | None:
    """Frames a second, where the meta data say so."""
    meta = document.get("meta_info") if isinstance(document, dict) else None
    return frame_rate(meta.get("fps")) if isinstance(meta, dict) else None


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the predictions, in two or three dimensions.

    Raises
    ------
    InvalidInputError : the file is no such JSON.
    """
    notes: list[str] = []
    files, places = _documents(path, notes)
    found: list[tuple[str, int, dict[str, Any]]] = []
    document: Any = None
    for name, raw in files.items():
        video, image = places[name]
        try:
            document = load(raw)
            instances = _instances(document, image if name else None)
            found += [(video, frame, person) for frame, person in instances]
        except InvalidInputError as error:
            raise InvalidInputError(f"{name}: {error}" if name else str(error)) from None
    people = [person for _, _, person in found]

    def where(row: int) -> str:
        return f"frame {found[row][1]}"

    values = point_array([person["keypoints"] for person in people], where, 2)
    if values is None:
        raise InvalidInputError("nobody is in it: no keypoints under instances")
    n = values.shape[1]
    score = _scores(people, n, where)
    keypoints = values
    if score is None:  # a third number is the score
        keypoints, score = values[..., :2], with_score(values)[..., 2]
    names, assumed = _names(document, n), None
    if names is None:
        names, assumed = known_skeleton(n, skeleton, "coco-17", keypoints)
    seen = Detections(
        [video for video, _, _ in found],
        [person_name(person, PERSON_KEYS) for person in people],
        np.array([frame for _, frame, _ in found], dtype=np.int64),
        keypoints,
        score,
    )
    notes += other_files(path, files) if path.is_dir() else []
    notes += [assumed] if assumed else []
    return to_tracks(names, seen, (path.is_dir(), files), None, notes, _fps(document))


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same document or folder with other coordinates; boxes and scores stay.

    Raises
    ------
    InvalidInputError : the output is a folder that holds other files.
    """
    folder, files = poses.origin.raw
    new, changed = to_file_order(poses, keypoints)
    written = dict(files)
    row = 0
    for name, raw in files.items() if changed.any() else ():
        document = load(raw)
        lists = [person["keypoints"] for _, person in _instances(document)]
        here = slice(row, row + len(lists))
        row += len(lists)
        if changed[here].any():
            put_points(lists, new[here], changed[here], 2)
            written[name] = dump(document, raw)
    if folder:
        write_folder(out, written)
    else:
        write_atomic(out, written[""])
