"""OpenPose's JSON: one file a frame, in a folder, or the file of one frame.

A keypoint whose x, y and score are all 0 was not detected. Faces and hands pass through.
"""

import re
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.files.plain import read_plain
from pose_smoother.poses.formats.json_utils import (
    dump,
    head,
    load,
    member,
    person_name,
    points,
    set_points,
    stack,
)
from pose_smoother.poses.formats.tracks_io import (
    MAX_BYTES,
    Detections,
    named_frame,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.keypoint_names import known_skeleton
from pose_smoother.poses.tracks import Floats, Poses

NAME = "openpose"
EXTENSIONS = ("", ".json")
_BODY = "pose_keypoints_2d"


def looks_like(path: Path) -> bool:
    """Whether a folder has files of frames, or a file's first keys are a frame's."""
    if path.is_dir():
        return any(path.glob("*_keypoints.json"))
    start = head(path)
    return start.startswith(b"{") and b'"people"' in start and b'"instance_info"' not in start


def _people(document: Any, where: str) -> list[dict[str, Any]]:
    """Everyone of a frame with a body."""
    people = member(document, "people", list, where)
    if not all(isinstance(person, dict) for person in people):
        raise InvalidInputError(f"{where}: expected people as objects")
    return [person for person in people if person.get(_BODY)]


def _frame(name: str) -> tuple[str, int]:
    """(video, frame) from a file's name: ``dance_000000000012_keypoints.json``."""
    stem = name.removesuffix(".json").removesuffix("_keypoints")
    if not re.search("[0-9]", stem):
        return stem, 0
    video, frame = named_frame(stem)
    return video.rstrip("_"), frame


def _files(path: Path) -> dict[str, bytes]:
    """The bytes of every frame's file by its name."""
    if not path.is_dir():
        return {path.name: read_bytes(path)}
    files = sorted(path.glob("*_keypoints.json"), key=lambda file: (_frame(file.name), file.name))
    if not files:
        raise InvalidInputError("no file *_keypoints.json is in the folder")
    total = sum(file.stat().st_size for file in files)
    if total > MAX_BYTES:
        raise InvalidInputError(f"expected at most {MAX_BYTES:,} bytes in all, found {total:,}")
    return {file.name: read_plain(file, MAX_BYTES) for file in files}


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the bodies; 25 keypoints are BODY-25, 18 OpenPose's COCO, unless told otherwise.

    Raises
    ------
    InvalidInputError : a file is no such JSON, or the keypoints' names cannot be told.
    """
    files = _files(path)
    bodies: list[Floats] = []
    place: list[tuple[str, int]] = []
    who: list[str | None] = []
    frames: list[tuple[str, int]] = []
    for name, raw in files.items():
        try:
            people = _people(load(raw), "the file")
            bodies += [points(member(p, _BODY, list, "the file"), "the file") for p in people]
        except InvalidInputError as error:
            raise InvalidInputError(f"{name}: {error}" if path.is_dir() else str(error)) from None
        place += [(name, i) for i in range(len(people))]
        who += [person_name(person, ("person_id",)) for person in people]
        frames += [_frame(name)] * len(people)
    keypoints, score = stack(bodies, "people")
    keypoints[(score == 0) & (keypoints == 0).all(axis=2)] = np.nan
    names, assumed = known_skeleton(keypoints.shape[1], skeleton, "body-25")
    told = [assumed] if assumed else []
    others = sum(p.name not in files for p in path.iterdir()) if path.is_dir() else 0
    if others:
        told.append(f"{others} other files of the folder are not frames: not copied")
    seen = Detections(
        [video for video, _ in frames],
        who,
        np.array([frame for _, frame in frames], dtype=np.int64),
        keypoints,
        score,
    )
    return to_tracks(names, seen, (path.is_dir(), files), place, told)


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same files with other coordinates; the folder is complete or does not exist.

    Raises
    ------
    InvalidInputError : the folder exists already.
    """
    folder, files = poses.origin.raw
    new, changed = to_file_order(poses, keypoints)
    touched: dict[str, list[tuple[int, int]]] = {}
    for row, (name, i) in enumerate(poses.origin.place):
        if changed[row].any():
            touched.setdefault(name, []).append((row, i))
    written = dict(files)
    for name, rows in touched.items():
        document = load(files[name])
        people = _people(document, name)
        for row, i in rows:
            set_points(people[i][_BODY], new[row], changed[row])
        written[name] = dump(document, files[name])
    if folder:
        _write_folder(out, written)
    else:
        write_atomic(out, next(iter(written.values())))


def _write_folder(out: Path, files: dict[str, bytes]) -> None:
    if out.exists():
        raise InvalidInputError(f"{out}: exists already; a folder is only written anew")
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".{out.name[:40]}.{secrets.token_hex(4)}.tmp")
    aside.mkdir()
    try:
        for name, data in files.items():
            (aside / name).write_bytes(data)
        aside.rename(out)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
