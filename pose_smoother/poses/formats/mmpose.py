"""MMPose's predictions: a list of frames with instances, bare or as ``instance_info``.

An image's file is a list of instances without frames: one frame, 0. Names come from ``meta_info``.
"""

from collections.abc import Sequence
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
    points,
    set_points,
    stack,
)
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    frame_number,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.keypoint_names import known_skeleton
from pose_smoother.poses.tracks import Floats, Poses

NAME = "mmpose"
EXTENSIONS = (".json",)
HAS = frozenset({"scores"})
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
    whole = isinstance(document, dict)
    listed = member(document, "instance_info", list, "the file") if whole else document
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


def _person(instance: dict[str, Any], frame: int) -> Floats:
    """Keypoints and scores (J, 3) of one instance."""
    where = f"frame {frame}"
    found = points(member(instance, "keypoints", list, where), where, 2)
    if instance.get("keypoint_scores") is None:
        return found
    score = numbers(instance["keypoint_scores"], f"{where}, keypoint_scores")
    if score.shape != (len(found),):
        raise InvalidInputError(
            f"{where}: expected {len(found)} keypoint_scores, found {score.shape}"
        )
    return np.column_stack([found[:, :2], score])


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the predictions.

    Raises
    ------
    InvalidInputError : the file is no such JSON, or the keypoints' names cannot be told.
    """
    raw = read_bytes(path)
    document = load(raw)
    found = _instances(document)
    keypoints, score = stack([_person(person, frame) for frame, person in found], "instances")
    names, assumed = _names(document, keypoints.shape[1]), None
    if names is None:
        names, assumed = known_skeleton(keypoints.shape[1], skeleton, "coco-17")
    seen = Detections(
        [""] * len(found),
        [person_name(person, PERSON_KEYS) for _, person in found],
        np.array([frame for frame, _ in found], dtype=np.int64),
        keypoints,
        score,
    )
    return to_tracks(names, seen, raw, None, [assumed] if assumed else [])


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same document with other coordinates; boxes and scores stay."""
    raw = poses.origin.raw
    new, changed = to_file_order(poses, keypoints)
    if not changed.any():
        write_atomic(out, raw)
        return
    document = load(raw)
    for i, (_, person) in enumerate(_instances(document)):
        set_points(person["keypoints"], new[i], changed[i], 2)
    write_atomic(out, dump(document, raw))
