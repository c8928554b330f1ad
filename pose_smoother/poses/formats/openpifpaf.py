"""OpenPifPaf's JSON: a video's file with a line a frame, or a folder with a file an image.

A line is ``{"frame": 0, "predictions": […]}``; an image's file, ``*.predictions.json``, is a list.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.frame_files import other_files, read_files, write_folder
from pose_smoother.poses.formats.frame_names import Place, frame_places
from pose_smoother.poses.formats.json_people import Person, rewritten, to_poses
from pose_smoother.poses.formats.json_utils import head, load
from pose_smoother.poses.formats.tracks_io import frame_number, read_bytes
from pose_smoother.poses.tracks import Floats, Poses

NAME = "openpifpaf"
EXTENSIONS = ("", ".json", ".jsonl")
HAS = frozenset({"scores"})

_ENDING = ".predictions.json"
_IDS = ("id_", "track_id")
_LINE = re.compile(rb'\{\s*"frame"\s*:\s*[0-9]+\s*,\s*"predictions"\s*:')


def claims(path: Path) -> Evidence:
    """Whether a folder has images' files, or a file begins with a frame's or a person's keys."""
    if path.is_dir():
        return Evidence.MARK if any(path.glob(f"*{_ENDING}")) else Evidence.NONE
    start = head(path)
    if _LINE.match(start):
        return Evidence.MARK
    keys = (b'"keypoints"', b'"bbox"', b'"category_id"')
    alone = start.startswith(b"[") and all(key in start for key in keys)
    return Evidence.NAMES if alone and b'"image_id"' not in start else Evidence.NONE


def _places(names: Sequence[str], notes: list[str]) -> dict[str, Place]:
    """(video, frame) of images' files by their names: ``dance_012.jpg.predictions.json``."""
    stems = [name.removesuffix(_ENDING) for name in names]
    places = frame_places(stems, notes)
    return {
        name: place or (stem, 0) for name, stem, place in zip(names, stems, places, strict=True)
    }


def _people(document: Any, name: str, places: Mapping[str, Place] | None = None) -> list[Person]:
    """The people of a line (an object), or of an image's file (a list)."""
    where = f"file {name}" if name.endswith(".json") else f"line {name}"
    if isinstance(document, dict):
        video, frame = "", frame_number(document.get("frame"))
        document = document.get("predictions")
    else:
        video, frame = places[name] if places else (name, 0)
    if not isinstance(document, list) or not all(isinstance(p, dict) for p in document):
        raise InvalidInputError(f"expected predictions, a list of people, found {document!r:.40}")
    found = [Person(name, video, frame, p, "keypoints", where) for p in document]
    return [person for person in found if person.item.get("keypoints")]


def _lines(raw: bytes) -> dict[str, bytes]:
    """The lines with their endings, by their numbers; blank ones, too."""
    return {str(i + 1): line for i, line in enumerate(raw.splitlines(keepends=True))}


def _documents(path: Path, notes: list[str]) -> tuple[dict[str, bytes], dict[str, Place]]:
    """The bytes of lines or files by their names, and the (video, frame) of images' files."""
    if path.is_dir():
        listed = list(path.glob(f"*{_ENDING}"))
        if not listed:
            raise InvalidInputError(f"no file *{_ENDING} is in the folder")
        places = _places([file.name for file in listed], notes)
        return read_files(listed, places.__getitem__), places
    raw = read_bytes(path)
    if raw.lstrip().startswith(b"["):
        name = path.name if path.name.endswith(".json") else f"{path.name}.json"
        return {name: raw}, _places([name], notes)
    return _lines(raw), {}


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the people; 17 keypoints are COCO's, unless ``skeleton`` names them.

    Raises
    ------
    InvalidInputError : a file or line is no such JSON, or the keypoints' names cannot be known.
    """
    notes: list[str] = []
    documents, places = _documents(path, notes)
    people: list[Person] = []
    for name, raw in documents.items():
        if raw.strip():
            try:
                people += _people(load(raw), name, places)
            except InvalidInputError as error:
                raise InvalidInputError(f"{_called(path, name)}{error}") from None
    notes += other_files(path, documents) if path.is_dir() else []
    return to_poses(people, (path.is_dir(), documents), skeleton, "coco-17", _IDS, notes)


def _called(path: Path, name: str) -> str:
    if path.is_dir():
        return f"{name}: "
    return "" if name.endswith(".json") else f"line {name}: "


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same lines or files with other coordinates; boxes and scores stay.

    Raises
    ------
    InvalidInputError : the output is a folder that holds other files.
    """
    folder, documents = poses.origin.raw
    filled = {name: raw for name, raw in documents.items() if raw.strip()}
    written = {**documents, **rewritten(poses, keypoints, filled, _people)}
    if folder:
        write_folder(out, written)
    else:
        write_atomic(out, b"".join(written.values()))
