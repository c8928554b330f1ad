"""AlphaPose's and PoseFlow's JSON by image name; AlphaPose's own list is read as COCO results.

``{"0.jpg": [{"keypoints": …, "idx": 1}]}`` is PoseFlow's, ``{"0.jpg": {"people": …}}`` and
``{"0.jpg": {"bodies": …}}`` are AlphaPose's with ``--format open`` and ``--format cmu``.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.json_people import Person, rewritten, to_poses
from pose_smoother.poses.formats.json_utils import head, load, member
from pose_smoother.poses.formats.tracks_io import places_of, read_bytes
from pose_smoother.poses.tracks import Floats, Poses

NAME = "alphapose"
EXTENSIONS = (".json",)
HAS = frozenset({"scores"})

#: Keys of an image's people, and of a person's keypoints.
_LISTS = {"people": "pose_keypoints_2d", "bodies": "joints"}
_IDS = ("idx", "track_id", "person_id")
_FIRST = re.compile(rb'\{\s*"[^"]*[0-9][^"]*"\s*:\s*(\[\s*[{\]]|\{\s*"(version|people|bodies)")')


def claims(path: Path) -> Evidence:
    """Whether the first key is an image's name with a list of people."""
    start = head(path)
    keys = (b'"keypoints"', *(f'"{key}"'.encode() for key in _LISTS.values()))
    found = _FIRST.match(start) and any(key in start for key in keys)
    return Evidence.MARK if found else Evidence.NONE


def _people(document: Any, name: str, notes: list[str] | None = None) -> list[Person]:
    """Everyone with keypoints, image by image."""
    if not isinstance(document, dict):
        raise InvalidInputError(f"expected an object of images, found {document!r:.40}")
    found = []
    places = places_of(list(document), [] if notes is None else notes)
    for (image, value), (video, frame) in zip(document.items(), places, strict=True):
        where = f"image {image!r:.60}"
        people, key = value, "keypoints"
        if isinstance(value, dict):
            kind = next((kind for kind in _LISTS if kind in value), "people")
            people, key = member(value, kind, list, where), _LISTS[kind]
        if not isinstance(people, list) or not all(isinstance(p, dict) for p in people):
            raise InvalidInputError(f"{where}: expected a list of people, found {people!r:.40}")
        found += [Person(name, video, frame, p, key, where) for p in people if p.get(key)]
    return found


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the people; 17 keypoints are COCO's, 18 OpenPose's, unless ``skeleton`` names them.

    Raises
    ------
    InvalidInputError : the file is no such JSON, or the keypoints' names cannot be known.
    """
    raw = read_bytes(path)
    notes: list[str] = []
    people = _people(load(raw), "", notes)
    return to_poses(people, raw, skeleton, "coco-17", _IDS, notes)


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same document with other coordinates; boxes and scores stay."""
    write_atomic(out, rewritten(poses, keypoints, {"": poses.origin.raw}, _people)[""])
