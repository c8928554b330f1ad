"""OpenPose's JSON: one file a frame, in a folder, or the file of one frame.

A file may hold all frames of a video instead, as a list of such objects.

Files may have any names with a number, which is the frame: ``dance_000000000012_keypoints.json``,
``cam01.0000.json``, ``0.json``. Hands and face are keypoints of the same person, with names that
begin with ``left_hand_``, ``right_hand_`` and ``face_``. AlphaPose writes such files, too
(``--separate_json``); in its format ``cmu`` with ``bodies`` and ``joints``.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

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
from pose_smoother.poses.formats.frame_names import last_number
from pose_smoother.poses.formats.json_utils import (
    dump,
    first_given,
    head,
    load,
    member,
    person_name,
)
from pose_smoother.poses.formats.point_lists import point_array, put_points, with_score
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    named_frame,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.keypoint_names import known_skeleton
from pose_smoother.poses.skeletons import skeleton as skeleton_named
from pose_smoother.poses.tracks import Floats, Poses

NAME = "openpose"
EXTENSIONS = ("", ".json")
HAS = frozenset({"scores"})

#: The keys of a person's keypoints, with what their names begin with and the skeleton.
_PARTS = {
    "pose_keypoints_2d": ("", "body-25"),
    "hand_left_keypoints_2d": ("left_hand_", "hand-21"),
    "hand_right_keypoints_2d": ("right_hand_", "hand-21"),
    "face_keypoints_2d": ("face_", "face-70"),
    "joints": ("", "openpose-18"),
}
_FRAME = ("frame", "frame_id", "frame_number", "frame_index", "index")
_BODIES = ("pose_keypoints_2d", "joints")


class _Person(NamedTuple):
    """One person of one frame: the file, the row among its people, the frame if the file says."""

    file: str
    row: int
    found: dict[str, Any]
    frame: int | None


_FIRST_KEY = re.compile(rb'\{\s*"(version|people|bodies|part_candidates)"')


def claims(path: Path) -> Evidence:
    """Whether a folder's first JSON file, or a file, has the keys of a frame."""
    if path.is_dir():
        if any(path.glob("*_keypoints.json")):
            return Evidence.MARK
        first = next(iter(_with_frames(list(path.glob("*.json")))), None)
        found = first is not None and _FIRST_KEY.match(head(first)) and claims(first)
        return found or Evidence.NONE
    start = head(path)
    has_people = b'"people"' in start or (b'"bodies"' in start and b'"joints"' in start)
    if not start.startswith(b"{") or not has_people or b'"instance_info"' in start:
        return Evidence.NONE
    own = _FIRST_KEY.match(start) and (b'_keypoints_2d"' in start or b'"joints"' in start)
    return Evidence.MARK if own else Evidence.NAMES


def _people(document: Any, file: str) -> list[_Person]:
    """Everyone of a file who has a body, hand or face."""
    people, frames = _listed(document)
    if not all(isinstance(person, dict) for person in people):
        raise InvalidInputError("the file: expected people as objects")
    return [
        _Person(file, i, person, frames[i] if frames else None)
        for i, person in enumerate(people)
        if any(person.get(part) for part in _PARTS)
    ]


def _listed(document: Any) -> tuple[list[Any], list[int]]:
    """Everyone of a file, and everyone's frame; no frames in a frame's own file."""
    listed = _frame_list(document)
    if not listed:
        return member(document, _key(document), list, "the file"), []
    people: list[Any] = []
    frames: list[int] = []
    for index, item in enumerate(listed):
        here = member(item, _key(item), list, f"frame {index}")
        given = first_given(item, _FRAME)
        people += here
        frames += [named_frame(index if given is None else given)[1]] * len(here)
    return people, frames


def _frame_list(document: Any) -> list[dict[str, Any]]:
    """The frames of a video's file; none of a frame's own."""
    if not isinstance(document, dict) or "people" in document or "bodies" in document:
        return []
    lists = [value for value in document.values() if isinstance(value, list)]
    return next(
        (
            found
            for found in lists
            if all(isinstance(item, dict) for item in found)
            and any("people" in item or "bodies" in item for item in found)
        ),
        [],
    )


def _key(document: Any) -> str:
    """The key of a frame's people."""
    cmu = isinstance(document, dict) and "bodies" in document and "people" not in document
    return "bodies" if cmu else "people"


def _with_frames(files: list[Path]) -> list[Path]:
    """The files that may be frames: where names have numbers, others only with people in them."""
    named = [file for file in files if last_number(file.stem)]
    if not named or len(named) == len(files):
        return files
    rest = [file for file in files if file not in set(named)]
    return named + [file for file in rest if claims(file)]


def _files(path: Path, notes: list[str]) -> tuple[dict[str, bytes], dict[str, tuple[str, int]]]:
    """The bytes and the (video, frame) of every frame's file, in the order of those."""
    found = [path]
    if path.is_dir():
        every = [file for file in path.iterdir() if file.suffix == ".json"]
        own = [file for file in every if file.name.endswith("_keypoints.json")]
        found = own or _with_frames(every)
    if not found:
        raise InvalidInputError("no JSON file is in the folder")
    stems = {f.name: f.name.removesuffix(".json").removesuffix("_keypoints") for f in found}
    places = numbered_files(stems, notes)
    if not path.is_dir():
        return {path.name: read_bytes(path)}, places
    return read_files(found, places.__getitem__), places


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of people with their hands and faces.

    25 keypoints are BODY_25 or BODY_25B by the lengths of their limbs, 18 are OpenPose's COCO.

    Raises
    ------
    InvalidInputError : a file is no such JSON.
    """
    notes: list[str] = []
    files, frames = _files(path, notes)
    everyone: list[_Person] = []
    for name, raw in files.items():
        try:
            everyone += _people(load(raw), name)
        except InvalidInputError as error:
            raise InvalidInputError(f"{name}: {error}" if path.is_dir() else str(error)) from None
    if not everyone:
        raise InvalidInputError("nobody is in it: no keypoints under people")
    names: list[str] = []
    data: list[Floats] = []
    slices: dict[str, slice] = {}
    for part in _PARTS:
        values = _values(everyone, part, path.is_dir())
        if values is not None:
            slices[part] = slice(len(names), len(names) + values.shape[1])
            names += _names(part, values, skeleton, notes)
            data.append(values)
    notes += _passed_over(path, files, everyone)
    stacked = np.concatenate(data, axis=1)
    places = [frames[person.file] for person in everyone]
    if any(person.frame is not None for person in everyone):
        places = [_place(person, frames, path.is_dir()) for person in everyone]
    seen = Detections(
        [video for video, _ in places],
        [person_name(person.found, ("person_id",)) for person in everyone],
        np.array([frame for _, frame in places], dtype=np.int64),
        stacked[..., :2],
        stacked[..., 2],
    )
    place = ([(person.file, person.row) for person in everyone], slices)
    return to_tracks(names, seen, (path.is_dir(), files), place, notes)


def _place(person: _Person, frames: dict[str, tuple[str, int]], folder: bool) -> tuple[str, int]:
    """(video, frame) of a person: of a folder of videos' files, a file's name is the video."""
    if person.frame is None:
        return frames[person.file]
    return person.file.removesuffix(".json") if folder else "", person.frame


def _values(everyone: list[_Person], part: str, folder: bool) -> Floats | None:
    """x, y and score of a part, float64 (N, K, 3); missing is NaN. None where nobody has it."""

    def where(row: int) -> str:
        return everyone[row].file if folder else "the file"

    found = point_array([person.found.get(part) for person in everyone], where)
    if found is None:
        return None
    values = with_score(found)
    values[(values == 0).all(axis=2), :2] = np.nan
    return values


def _names(part: str, values: Floats, skeleton: str | None, notes: list[str]) -> list[str]:
    """The names of a part's keypoints; ``notes`` gets what was assumed."""
    prefix, usual = _PARTS[part]
    n = values.shape[1]
    if part in _BODIES:
        usual = "openpose-18" if n == 18 else usual
        among = ("body-25", "body-25b", "openpose-18")
        names, assumed = known_skeleton(n, skeleton, usual, values[..., :2], among)
        notes += [assumed] if assumed else []
    else:
        names = skeleton_named(usual).keypoints
        names = names if len(names) == n else tuple(map(str, range(n)))
    return [prefix + name for name in names]


def _passed_over(path: Path, files: dict[str, bytes], everyone: list[_Person]) -> list[str]:
    """Sentences on what is not smoothed or not written."""
    found = other_files(path, files) if path.is_dir() else []
    if any(person.found.get("pose_keypoints_3d") for person in everyone):
        found.append("3-D keypoints (pose_keypoints_3d) are left as they are")
    return found


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same files with other coordinates; the folder is complete or does not exist.

    Raises
    ------
    InvalidInputError : the folder exists and holds other files.
    """
    folder, files = poses.origin.raw
    place, slices = poses.origin.place
    new, changed = to_file_order(poses, keypoints)
    rows = np.flatnonzero(changed.any(axis=(1, 2))).tolist()
    documents = {name: load(files[name]) for name in dict.fromkeys(place[row][0] for row in rows)}
    listed = {name: _listed(document)[0] for name, document in documents.items()}
    people = [listed[place[row][0]][place[row][1]] for row in rows]
    for part, at in slices.items():
        lists = [person.get(part) for person in people]
        put_points(lists, new[rows, at], changed[rows, at])
    written = dict(files)
    for name, document in documents.items():
        written[name] = dump(document, files[name])
    if folder:
        write_folder(out, written)
    else:
        write_atomic(out, next(iter(written.values())))
