"""MMPose's predictions: a list of frames with instances, bare or as ``instance_info``.

An image's file is a list of instances without frames: one frame, 0. Names come from ``meta_info``.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.evidence import Evidence
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
EXTENSIONS = (".json",)
HAS = frozenset({"scores", "fps", "3-D"})
PERSON_KEYS = ("track_id", "person_id", "instance_id")


def claims(path: Path) -> Evidence:
    """Whether the first keys are those of frames with instances, or of instances with scores."""
    start = head(path)
    if start.startswith(b"{"):
        return Evidence.MARK if b'"instance_info"' in start else Evidence.NONE
    bare = b'"instances"' in start or b'"keypoint_scores"' in start
    found = start.startswith(b"[") and bare and b'"image_id"' not in start
    return Evidence.NAMES if found else Evidence.NONE


def _instances(document: Any) -> list[tuple[int, dict[str, Any]]]:
    """(frame, instance) of everyone with keypoints, in the file's order."""
    with_meta = isinstance(document, dict)
    listed = member(document, "instance_info", list, "the file") if with_meta else document
    if not isinstance(listed, list):
        raise InvalidInputError(f"expected a list of frames, found {listed!r:.40}")
    found = []
    for index, item in enumerate(listed):
        where = f"item {index + 1}"
        if not isinstance(item, dict):
            raise InvalidInputError(f"{where}: expected an object, found {item!r:.40}")
        if "instances" in item:
            frame = frame_number(item.get("frame_id", index))
            people = member(item, "instances", list, where)
        else:
            frame, people = 0, [item]
        if not all(isinstance(person, dict) for person in people):
            raise InvalidInputError(f"{where}: expected instances as objects")
        found += [(frame, person) for person in people if person.get("keypoints")]
    return found


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
    raw = read_bytes(path)
    document = load(raw)
    found = _instances(document)
    people = [person for _, person in found]

    def where(row: int) -> str:
        return f"frame {found[row][0]}"

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
        [""] * len(found),
        [person_name(person, PERSON_KEYS) for person in people],
        np.array([frame for frame, _ in found], dtype=np.int64),
        keypoints,
        score,
    )
    return to_tracks(names, seen, raw, None, [assumed] if assumed else [], _fps(document))


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same document with other coordinates; boxes and scores stay."""
    raw = poses.origin.raw
    new, changed = to_file_order(poses, keypoints)
    if not changed.any():
        write_atomic(out, raw)
        return
    document = load(raw)
    lists = [person["keypoints"] for _, person in _instances(document)]
    put_points(lists, new, changed, 2)
    write_atomic(out, dump(document, raw))
