"""MediaPipe's landmarks as JSON: a list of frames, each with a list of landmarks x, y, z.

Frames may be an object by their numbers or images' names instead.

MediaPipe writes no file itself; what programs write is read: ``landmarks`` or ``pose_landmarks``
(``poseLandmarks``) of a frame, one person's or a list of people's, bare or as ``landmark`` (the
protocol buffer's). World landmarks, hands and faces are left as they are. CSV is read by the
formats of CSV.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.frame_names import last_number
from pose_smoother.poses.formats.json_utils import dump, first_given, head, load, numbers
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    all_places,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.keypoint_names import known_skeleton
from pose_smoother.poses.tracks import Floats, Poses

NAME = "mediapipe"
EXTENSIONS = (".json",)
HAS = frozenset({"scores", "fps", "3-D"})

_PEOPLE = ("pose_landmarks", "poseLandmarks", "landmarks")
_FRAME = ("frame", "frame_id", "frame_number", "frameNumber", "frame_idx", "frame_index", "index")
_SCORE = ("visibility", "score", "presence")
_FPS = ("fps", "frame_rate", "frameRate")
_UNREAD = re.compile("world|hand|face", flags=re.IGNORECASE)
_FIRST = re.compile(rb'"(?:pose_?landmarks|landmarks?)"\s*:\s*(?:null|[\[{])', flags=re.IGNORECASE)


@dataclass(frozen=True)
class _Person:
    video: str
    frame: int
    landmarks: list[dict[str, Any]]


def claims(path: Path) -> Evidence:
    """Whether the first keys are those of landmarks with x and y."""
    start = head(path)
    found = start[:1] in (b"[", b"{") and _FIRST.search(start) and b'"x"' in start
    return Evidence.MARK if found else Evidence.NONE


def _frames(document: Any) -> list[tuple[Any, dict[str, Any]]]:
    """(number or name, frame) of a list, of the first list of objects of an object, or of objects
    by their numbers or names.
    """
    if isinstance(document, dict) and not any(key in document for key in _PEOPLE):
        values = list(document.values())
        lists = [v for v in values if isinstance(v, list) and v and isinstance(v[0], dict)]
        inner = [document, *(value for value in values if isinstance(value, dict))]
        by_key = () if lists else next((found for found in map(_by_key, inner) if found), ())
        if by_key:
            return list(by_key)
        document = lists[0] if lists else document
    frames = document if isinstance(document, list) else [document]
    if not all(isinstance(frame, dict) for frame in frames):
        raise InvalidInputError("expected a list of frames with landmarks")
    return list(enumerate(frames))


def _by_key(value: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The frames of an object by their numbers or names; none of an object without landmarks."""
    found = [
        (key, item)
        for key, item in value.items()
        if isinstance(item, dict) and any(name in item for name in _PEOPLE)
    ]
    other = next((key for key, _ in found if not last_number(key)), None)
    if other is not None:
        raise InvalidInputError(f"expected frames by their numbers, found the key {other!r:.60}")
    return found


def _landmarks(value: Any, where: str) -> list[list[dict[str, Any]]]:
    """The landmarks of every person under a frame's key."""
    if isinstance(value, dict):
        value = value.get("landmark", value.get("landmarks"))
    if not value:
        return []
    if isinstance(value, list) and isinstance(value[0], dict) and "x" in value[0]:
        if all(isinstance(point, dict) for point in value):
            return [value]
    elif isinstance(value, list):
        return [person for inner in value for person in _landmarks(inner, where)]
    raise InvalidInputError(f"{where}: expected landmarks with x and y, found {str(value)[:60]}")


def _people(document: Any) -> list[_Person]:
    """Everyone of every frame, in the file's order."""
    frames = _frames(document)
    numbers = [first_given(item, _FRAME) for _, item in frames]
    given = [at if one is None else one for one, (at, _) in zip(numbers, frames, strict=True)]
    places = all_places(given, [])
    named = (place for place, one in zip(places, given, strict=True) if isinstance(one, str))
    several = len({video for video, _ in named}) > 1
    found = []
    for (video, frame), (_, item) in zip(places, frames, strict=True):
        key = next((key for key in _PEOPLE if key in item), None)
        people = [] if key is None else _landmarks(item[key], f"frame {frame}")
        found += [_Person(video if several else "", frame, landmarks) for landmarks in people]
    return found


def _values(person: _Person, axes: tuple[str, ...], score: str | None) -> Floats:
    """float64 (K, axes + 1): coordinates and score, NaN where not given."""
    keys = (*axes, score)
    rows = [[point.get(key) if key else None for key in keys] for point in person.landmarks]
    return numbers(rows, f"frame {person.frame}")


def _names(points: list[dict[str, Any]], skeleton: str | None) -> tuple[tuple[str, ...], list[str]]:
    """The landmarks' names, and what was assumed."""
    given = [point.get("name", point.get("landmark")) for point in points]
    if skeleton is None and all(isinstance(name, str) for name in given):
        return tuple(map(str, given)), []
    if skeleton is None and len(points) != 33:
        return tuple(map(str, range(len(points)))), []
    names, assumed = known_skeleton(len(points), skeleton, "blazepose-33")
    return names, [assumed] if assumed else []


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the people; 33 landmarks are BlazePose's, unless they have names.

    Raises
    ------
    InvalidInputError : the file is no such JSON, or the landmarks' numbers differ.
    """
    raw = read_bytes(path)
    document = load(raw)
    people = _people(document)
    if not people:
        raise InvalidInputError("nobody is in it: no frame has landmarks")
    counts = sorted({len(person.landmarks) for person in people})
    if len(counts) > 1:
        raise InvalidInputError(f"expected one number of landmarks throughout, found {counts}")
    first = people[0].landmarks
    axes = ("x", "y", "z") if all("z" in p.landmarks[0] for p in people) else ("x", "y")
    score = next((key for key in _SCORE if key in first[0]), None)
    data = np.stack([_values(person, axes, score) for person in people])
    names, notes = _names(first, skeleton)
    unread = sorted({key for _, f in _frames(document) for key in f if _UNREAD.search(key)})
    if unread:
        notes.append(f"{', '.join(unread)}: left as they are")
    seen = Detections(
        [person.video for person in people],
        [None] * len(people),
        np.array([person.frame for person in people], dtype=np.int64),
        data[..., :-1],
        data[..., -1],
    )
    return to_tracks(names, seen, raw, axes, notes, _fps(document))


def _fps(document: Any) -> float | None:
    """The frame rate that an object gives at its top, or one level below it."""
    tops = [document, *document.values()] if isinstance(document, dict) else []
    found = [top[key] for top in tops if isinstance(top, dict) for key in _FPS if key in top]
    rates = [float(v) for v in found if isinstance(v, int | float) and not isinstance(v, bool)]
    return rates[0] if rates and rates[0] > 0 else None


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same document with other coordinates."""
    raw, axes = poses.origin.raw, poses.origin.place
    new, changed = to_file_order(poses, keypoints)
    if not changed.any():
        write_atomic(out, raw)
        return
    document = load(raw)
    people = _people(document)
    for row, landmark, axis in np.argwhere(changed).tolist():
        people[row].landmarks[landmark][axes[axis]] = float(new[row, landmark, axis])
    write_atomic(out, dump(document, raw))
